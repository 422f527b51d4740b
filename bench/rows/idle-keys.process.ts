// Makes ten thousand keys, lets go of everything but them, and prints how many megabytes they hold.
import CircuitBreaker from "opossum";
import { createGuard } from "provider-guard";
import { object } from "provider-guard/object";

const keys = 10_000;
const collect = globalThis.gc as () => void;
const kept: unknown[] = [];

async function heapMb(): Promise<number> {
  for (let i = 0; i < 5; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return process.memoryUsage().heapUsed / 1e6;
}

/** One client per account, since the account is part of every key; each makes one call. */
async function ours(): Promise<void> {
  const guard = await createGuard({ owner: { managementCluster: "bench", provider: "bench" }, audit: false });
  kept.push(guard);
  for (let index = 0; index < keys; index++) {
    const options = { cloud: "bench", account: `account-${index}`, operations: { get: { kind: "read" } } } as const;
    await guard.wrap({ get: async () => index }, object(options)).get();
  }
}

function breakers(): void {
  for (let index = 0; index < keys; index++) kept.push(new CircuitBreaker(async () => index, { timeout: false }));
}

const warm = await createGuard({ owner: { managementCluster: "warm", provider: "warm" }, audit: false });
await warm.wrap({ get: async () => 0 }, object({ cloud: "warm", operations: { get: { kind: "read" } } })).get();
await warm.close();
const before = await heapMb();
if (process.argv[2] === "opossum") breakers();
else await ours();
const after = await heapMb();
process.stdout.write(`${JSON.stringify(after - before)}\n`);
process.exit(0);
