import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileJournal, systemClock, verifyJournal } from "provider-guard";
import { inTurns, type Row, timed } from "../row.ts";

const records = 300_000;

/** Reads every line, hashes it, and compares with what the next one says. */
async function simpleVerify(files: readonly string[]): Promise<void> {
  let previous: string | undefined;
  for (const file of files) {
    for await (const line of createInterface({ input: createReadStream(file) })) {
      const { prev } = JSON.parse(line) as { prev: string };
      if (previous !== undefined && prev !== previous) throw new Error("the chain is broken");
      previous = createHash("sha256").update("\0").update(line).digest("base64url");
    }
  }
}

/** Checking a journal from its first to its last record. */
export const auditVerify: Row = {
  id: "audit-verify",
  what: "journal verified in constant memory",
  unit: "records/s",
  better: "higher",
  goal: 300_000,
  async run() {
    const directory = await mkdtemp(join(tmpdir(), "provider-guard-bench-"));
    const principal = { managementCluster: "bench", provider: "infrastructure-bench" };
    const source = fileJournal({ directory, mode: "batch", maxBacklog: records });
    const journal = await source.open({ clock: systemClock, random: Math.random, principal });
    const attempts = [
      { n: 1, requestId: "1f6f3f0e-9a41-4a5e-8a35-2c1f6a1a9b1e", status: 200, result: "ok", ms: 120.5 },
    ];
    for (let index = 0; index < records; index++) {
      await journal.append({
        type: "read",
        call: `bench-${index}`,
        at: index,
        ms: 1,
        result: "ok",
        attempts,
        kind: "read",
        operation: "DescribeInstances",
        target: { cloud: "aws", service: "EC2", account: "123456789012", region: "eu-west-1" },
        owner: { ...principal, cluster: { namespace: "default", name: "bench", uid: "0b9e9b1c-2f6e-4a54-9d8e" } },
      });
      if (index % 5000 === 0) await journal.flush();
    }
    await journal.close();
    const segments = (await readdir(directory)).filter((name) => name.endsWith(".jsonl")).sort();
    const files = segments.map((name) => join(directory, name));
    const perSecond = (ms: number) => records / (ms / 1000);
    try {
      const [value = 0, alternative = 0] = await inTurns(3, [
        async () =>
          perSecond(
            await timed(async () => {
              const { ok } = await verifyJournal({ directory });
              if (!ok) throw new Error("the journal does not verify");
            }),
          ),
        async () => perSecond(await timed(() => simpleVerify(files))),
      ]);
      return { value, alternatives: [{ name: "readline, JSON.parse and createHash", value: alternative }] };
    } finally {
      await rm(directory, { recursive: true });
    }
  },
};
