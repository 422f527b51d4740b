import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileJournal, systemClock, verifyJournal } from "provider-guard";
import { inTurns, type Row, timed } from "../row.ts";

const segmentBytes = 64 * 1024 ** 2; // the default
const totalBytes = 1.03 * 1024 ** 3; // with the last segment half full
const principal = { managementCluster: "bench", provider: "infrastructure-bench" };
const context = { clock: systemClock, random: Math.random, principal };

/** Intents with their outcomes; one of a thousand is left open. */
async function writeJournal(directory: string): Promise<void> {
  const journal = await fileJournal({ directory, mode: "batch", maxBacklog: 100_000 }).open(context);
  const target = { cloud: "aws", service: "EC2", account: "123456789012", region: "eu-west-1" };
  const cluster = { namespace: "default", name: "bench", uid: "0b9e9b1c-2f6e-4a54-9d8e-3f8d3c2b1a00" };
  const owner = Object.freeze({ ...principal, cluster });
  const facts = { target: Object.freeze(target), operation: "RunInstances", kind: "create", owner } as const;
  const input = { ImageId: "ami-1", InstanceType: "m7g.large", MinCount: 1, MaxCount: 1, UserData: "[redacted]" };
  const attempts = [{ n: 1, requestId: "1f6f3f0e-9a41-4a5e-8a35-2c1f6a1a9b1e", status: 200, result: "ok", ms: 120.5 }];
  const { feed } = journal;
  const written = () => (feed.position.segment - 1) * segmentBytes + feed.position.offset;
  for (let index = 0; written() < totalBytes; index++) {
    const call = `bench-${index}`;
    const at = systemClock.now();
    await journal.append({ type: "intent", call, at, ...facts, input, token: call });
    if (index % 1000 !== 0) await journal.append({ type: "outcome", call, at, result: "ok", ms: 121, attempts });
    if (index % 2000 === 0) await journal.flush();
  }
  await journal.flush();
  journal.abandon();
}

/** Opening a journal after a crash, however much was written before. */
export const recovery: Row = {
  id: "recovery",
  what: "journal of 1 GB opened after a crash",
  unit: "ms",
  better: "lower",
  goal: 1000,
  async run() {
    const directory = await mkdtemp(join(tmpdir(), "provider-guard-bench-"));
    try {
      await writeJournal(directory);
      const segments = (await readdir(directory)).filter((name) => name.endsWith(".jsonl"));
      const sizes = segments.map(async (name) => (await stat(join(directory, name))).size);
      const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
      if (bytes < 1024 ** 3) throw new Error(`the journal has ${bytes} bytes`);
      const [value = 0, alternative = 0] = await inTurns(2, [
        async () => {
          let open = 0;
          const ms = await timed(async () => {
            const journal = await fileJournal({ directory }).open(context);
            open = journal.unfinished.length;
            journal.abandon();
          });
          if (open === 0) throw new Error("no open intent was found");
          return ms;
        },
        () => timed(() => verifyJournal({ directory })),
      ]);
      return { value, alternatives: [{ name: "reading all of it", value: alternative }] };
    } finally {
      await rm(directory, { recursive: true });
    }
  },
};
