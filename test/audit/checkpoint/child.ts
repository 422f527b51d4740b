import { writeSync } from "node:fs";
import { checkpoints } from "../../../src/audit/checkpoint/checkpoints.ts";
import { fileKey } from "../../../src/audit/checkpoint/keys.ts";
import { fileJournal } from "../../../src/audit/file-journal.ts";
import { systemClock } from "../../../src/core/clock.ts";
import { newId, systemRandom } from "../../../src/core/id.ts";

// Writes and signs at full speed until it is killed, and prints each checkpoint once it is durable.
const [directory = "", path = ""] = process.argv.slice(2);
const principal = { managementCluster: "mc-uid", provider: "infrastructure-acme" };
const target = { cloud: "aws", service: "EC2", account: "1", region: "eu-west-1" };
const follower = checkpoints({
  key: fileKey({ path }),
  everyRecords: 50,
  everyMs: 20,
  onCheckpoint: (note) => writeSync(1, `${JSON.stringify(note)}\n`),
  onProblem: (error) => writeSync(1, `${JSON.stringify(`problem ${error.code} ${error.message}`)}\n`),
});
const journal = await fileJournal({ directory, segmentBytes: 64 * 1024, followers: [follower] }).open({
  clock: systemClock,
  random: systemRandom,
  principal,
});
await Promise.all(
  Array.from({ length: 8 }, async () => {
    for (;;) {
      const call = newId(systemClock, systemRandom);
      const facts = { target, operation: "RunInstances", kind: "create", owner: principal } as const;
      await journal.append({ type: "intent", call, at: systemClock.now(), ...facts, input: "x".repeat(200) });
      journal.enqueue({ type: "outcome", call, at: systemClock.now(), result: "ok", ms: 1, attempts: [] });
    }
  }),
);
