import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Bottleneck from "bottleneck";
import CircuitBreaker from "opossum";
import { createGuard, credentialLease, fileJournal } from "provider-guard";
import { object } from "provider-guard/object";
import { inTurns, microsPerCall, type Row } from "../row.ts";

interface CreateInput {
  readonly name: string;
  readonly size: string;
  readonly labels?: Record<string, string>;
  readonly token?: string;
}

const cloud = () => ({
  async createServer(input: CreateInput) {
    return { id: "srv-1", labels: input.labels };
  },
  async getServer(_input: { id: string }) {
    return { id: "srv-1" };
  },
});

const options = {
  cloud: "acme",
  operations: {
    createServer: { kind: "create", resourceType: "server", tags: "labels", token: "token", record: ["name", "size"] },
    getServer: { kind: "read", record: ["id"] },
  },
} as const;

/** The whole chain around a client that answers at once: what is left is the guard. */
export const chain: Row = {
  id: "chain",
  what: "whole chain around one create, everything on, audit buffered, uncontended",
  unit: "µs/call",
  better: "lower",
  goal: 15,
  processes: 5,
  async run() {
    const directory = await mkdtemp(join(tmpdir(), "provider-guard-bench-"));
    const guard = await createGuard({
      owner: { managementCluster: "bench", provider: "infrastructure-bench" },
      audit: fileJournal({ directory, mode: "batch", maxBacklog: 1_000_000 }),
      rateLimit: { rules: [{ name: "wide", ratePerSecond: 1e9, burst: 1e9 }] },
    });
    const credentials = credentialLease({
      fetch: async () => ({ value: "bench", expiresAt: Date.now() + 3_600_000 }),
    });
    const client = guard.wrap(cloud(), object(options), { credentials });
    const cluster = { namespace: "default", name: "bench", uid: "0b9e9b1c-2f6e-4a54-9d8e-3f8d3c2b1a00" };
    const bare = cloud();
    const limiter = new Bottleneck({ maxConcurrent: 50 });
    const breaker = new CircuitBreaker((input: CreateInput) => bare.createServer(input), { timeout: false });
    const input: CreateInput = { name: "bench-machine", size: "large" };
    const create = (count: number) =>
      guard.reconcile({ cluster }, () => microsPerCall(count, () => client.createServer(input)));
    const read = (count: number) =>
      guard.reconcile({ cluster }, () => microsPerCall(count, () => client.getServer({ id: "srv-1" })));
    const byHand = () => microsPerCall(100, () => limiter.schedule(() => breaker.fire(input)));
    try {
      await create(20_000);
      await read(20_000);
      const [value = 0, reading = 0, alternative = 0] = await inTurns(7, [
        () => create(10_000),
        () => read(10_000),
        byHand,
      ]);
      return {
        value,
        alternatives: [
          { name: "a read through the same chain", value: reading },
          { name: "Bottleneck + Opossum by hand", value: alternative },
        ],
      };
    } finally {
      breaker.shutdown();
      await limiter.disconnect();
      await guard.close();
      await rm(directory, { recursive: true });
    }
  },
};
