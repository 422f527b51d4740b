import { writeSync } from "node:fs";
import { fileJournal } from "../../../src/audit/file-journal.ts";
import { directorySink } from "../../../src/audit/shipping/directory-sink.ts";
import { shipping } from "../../../src/audit/shipping/shipping.ts";
import { systemClock } from "../../../src/core/clock.ts";
import { newId, systemRandom } from "../../../src/core/id.ts";

const [job = "", directory = "", target = ""] = process.argv.slice(2);
const principal = { managementCluster: "mc-uid", provider: "infrastructure-acme" };
const facts = {
  target: { cloud: "aws", service: "EC2", account: "1", region: "eu-west-1" },
  operation: "RunInstances",
  kind: "create",
  owner: principal,
} as const;
const sinks = [directorySink({ directory: target })];
const follower = shipping({ sinks, intervalMs: 1, maxPartBytes: 2_000, closeTimeoutMs: 20_000 });
const journal = await fileJournal({ directory, segmentBytes: 64 * 1024, followers: [follower] }).open({
  clock: systemClock,
  random: systemRandom,
  principal,
});

if (job === "finish") await journal.close();
else {
  for (;;) {
    const call = newId(systemClock, systemRandom);
    await journal.append({ type: "intent", call, at: systemClock.now(), ...facts, input: "x".repeat(500) });
    writeSync(1, `${call}\n`);
  }
}
