import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileJournal, type IntentRecord, type OutcomeRecord, systemClock } from "provider-guard";
import { inTurns, median, type Row, timed } from "../row.ts";

const inFlight = 64;

function intent(index: number): IntentRecord {
  return {
    type: "intent",
    call: `bench-${index}`,
    at: 1_763_900_000_000 + index,
    target: { cloud: "aws", service: "EC2", account: "123456789012", region: "eu-west-1" },
    operation: "RunInstances",
    kind: "create",
    resourceType: "instance",
    owner: {
      managementCluster: "6f9c2a51-7d0e-4a3b-9f0a-2c1d5e8b7a90",
      provider: "infrastructure-bench",
      cluster: { namespace: "default", name: "bench", uid: "0b9e9b1c-2f6e-4a54-9d8e-3f8d3c2b1a00" },
    },
    input: { ImageId: "ami-1", InstanceType: "m7g.large", MinCount: 1, MaxCount: 1, UserData: "[redacted]" },
    token: `bench-${index}`,
  };
}

function outcome(index: number): OutcomeRecord {
  const attempts = [{ n: 1, requestId: "1f6f3f0e-9a41-4a5e-8a35-2c1f6a1a9b1e", status: 200, result: "ok", ms: 120.5 }];
  return { type: "outcome", call: `bench-${index}`, at: 1_763_900_000_100 + index, result: "ok", ms: 121, attempts };
}

/** Runs `calls` intents and outcomes with 64 under way at once; calls per second, and how long intents took. */
async function rate(
  calls: number,
  write: (record: IntentRecord | OutcomeRecord) => Promise<unknown>,
  latencies: number[] = [],
): Promise<number> {
  let next = 0;
  latencies.length = 0;
  const worker = async () => {
    while (next < calls) {
      const index = next++;
      const from = performance.now();
      await write(intent(index));
      latencies.push(performance.now() - from);
      await write(outcome(index));
    }
  };
  const ms = await timed(() => Promise.all(Array.from({ length: inFlight }, worker)));
  return calls / (ms / 1000);
}

const percentile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;

/** What a record costs that is on the disk before the call goes on. */
export const durable: Row = {
  id: "durable",
  what: "intent and outcome of a call on disk (fdatasync), 64 in flight",
  unit: "calls/s",
  better: "higher",
  goal: 25_000,
  async run() {
    const directory = await mkdtemp(join(tmpdir(), "provider-guard-bench-"));
    const principal = { managementCluster: "bench", provider: "infrastructure-bench" };
    const source = fileJournal({ directory: join(directory, "audit") });
    const journal = await source.open({ clock: systemClock, random: Math.random, principal });
    const file = await open(join(directory, "by-hand.jsonl"), "a");
    const byHand = async (record: unknown) => {
      await file.appendFile(`${JSON.stringify(record)}\n`);
      await file.datasync();
    };
    const latencies: number[] = [];
    const slowest: number[] = [];
    try {
      const [value = 0, alternative = 0] = await inTurns(5, [
        async () => {
          const perSecond = await rate(20_000, (record) => journal.append(record), latencies);
          slowest.push(percentile(latencies, 0.99));
          return perSecond;
        },
        () => rate(2_000, byHand),
      ]);
      return {
        value,
        alternatives: [
          { name: "write + fdatasync per record", value: alternative },
          { name: "p99 of an intent, ms (goal 5)", value: median(slowest) },
        ],
      };
    } finally {
      await journal.close();
      await file.close();
      await rm(directory, { recursive: true });
    }
  },
};
