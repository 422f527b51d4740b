import { appendFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { createGuard, type FileJournalOptions, fileJournal, type GuardOptions } from "provider-guard";
import { checkpoints, type StoredRecord } from "provider-guard/audit";
import { object } from "provider-guard/object";
import { type SimulatedClock, seededRandom, simulatedClock } from "provider-guard/testing";
import { expect, it } from "vitest";
import { AcmeClient, AcmeError, acmeOptions, managementCluster, subject } from "../../support/acme.ts";
import { newKey } from "../checkpoint/support.ts";
import { temporaryDirectory } from "../support.ts";
import { fittingRecords } from "./fitting.ts";

/** Its images carry no tags, and its servers' tags can be read. */
class Client extends AcmeClient {
  async createImage(_input: { name: string }): Promise<{ id: string }> {
    return { id: "img-1" };
  }
}
const adapter = object({
  ...acmeOptions,
  operations: { ...acmeOptions.operations, createImage: { kind: "create", record: ["name"] } },
  read: async (id) => {
    if (id === "srv-secret") throw new AcmeError("denied", { status: 403 });
    return undefined;
  },
});
const key = newKey();

/** One process of a provider, from its start to its end. */
async function life(
  directory: string,
  clock: SimulatedClock,
  work: (run: ReturnType<typeof wrapped>) => Promise<void>,
  options: { readonly journal?: Partial<FileJournalOptions>; readonly guard?: Partial<GuardOptions> } = {},
): Promise<void> {
  const follower = checkpoints({ key, everyRecords: 20 });
  const guard = await createGuard({
    owner: { managementCluster, provider: "infrastructure-acme" },
    audit: fileJournal({ directory, segmentBytes: 4096, followers: [follower], ...options.journal }),
    clock,
    random: seededRandom(5),
    ...options.guard,
  });
  await work(wrapped(guard, clock));
  await clock.runUntil(guard.close());
}

function wrapped(guard: Awaited<ReturnType<typeof createGuard>>, clock: SimulatedClock) {
  const raw = new Client();
  const client = guard.wrap(raw, adapter);
  /** Waits until all have ended, however they do. */
  const all = (...calls: Promise<unknown>[]) => clock.runUntil(Promise.allSettled(calls));
  const on = (name: string, call: () => Promise<unknown>) => guard.reconcile(subject(name, `${name}-0`), call);
  return { guard, raw, client, all, on, clock };
}

type Run = ReturnType<typeof wrapped>;

/** Every reason for which a call is refused before it is recorded as one that may leave. */
async function refusals({ guard, client, all, on, clock }: Run): Promise<void> {
  await all(on("a", () => client.createServer({ name: "one" })));
  await all(
    client.createServer({ name: "nobody's" }),
    on("b", () => client.deleteServer({ id: "srv-1" })),
    on("b", () => client.deleteServer({ id: "srv-secret" })),
    on("a", () => client.createServer({ name: "two", labels: { "provider-guard/cluster-uid": "mine" } })),
    on("a", () => client.createImage({ name: "three" })),
  );
  for (const id of ["x", "y", "z"]) await all(on("a", () => client.deleteServer({ id })));
  await clock.runUntil(guard.freeze({ reason: "drill", by: "ada" }));
  await all(on("a", () => client.resizeServer({ id: "x", size: 2 })));
  await clock.runUntil(guard.thaw({ by: "ada" }));
}

/** Calls that are throttled, fail, get lost, wait, or are stopped just before the wire. */
async function attempts({ guard, raw, client, all, on, clock }: Run): Promise<void> {
  const resize = (size: number) => () => client.resizeServer({ id: "srv-1", size });
  raw.answers.push(new AcmeError("slow down", { status: 429, code: "TooMany" }));
  raw.answers.push(new AcmeError("no", { status: 403, code: "Denied" }), new AcmeError("socket hang up"));
  for (const size of [1, 2, 3]) await all(on("a", resize(size)));
  await all(...[4, 5, 6, 7, 8].map((size) => on("a", resize(size))));
  await all(guard.reconcile(subject("a"), resize(9), { timeoutMs: 1 }), guard.reconcile(subject("a"), resize(10)));
  const manual = { operator: "ada", reason: "by hand \u2028 'ü", ticket: "CHG-1", ...subject("a") };
  await all(guard.manual(manual, resize(11)), guard.manual({ operator: "bob", reason: "r" }, resize(12)));
  for (let i = 0; i < 12; i++) raw.answers.push(new AcmeError("down", { status: 503 }));
  for (let i = 0; i < 14; i++) await all(on("a", () => client.listServers()));
  await clock.advance(600_000);
}

const limits: Partial<GuardOptions> = {
  rateLimit: {
    rules: [{ name: "resizes", operations: ["resizeServer"], ratePerSecond: 1, burst: 2 }],
    maxWaitingPerCluster: 2,
  },
  quota: { budgets: [{ name: "deletes", per: ["cluster"], kinds: ["delete"], limit: 2, windowMs: 3_600_000 }] },
};

const verdicts = (records: readonly StoredRecord[]): string[] =>
  [
    ...new Set(
      records
        .flatMap((record) => ("decisions" in record ? (record.decisions ?? []) : []))
        .map(({ verdict }) => verdict),
    ),
  ].sort();

/** What stands in a field of all records of a type. */
const named = (records: readonly StoredRecord[], type: string, field: string): string[] => {
  const found = records.filter((record) => record.type === type) as unknown as Record<string, string>[];
  return [...new Set(found.flatMap((record) => record[field] ?? []))].sort();
};

it("every line fits, through rotation, every kind of refusal, failures, crashes, drops and resumption", async () => {
  const directory = temporaryDirectory();
  const clock = simulatedClock({ startAt: Date.UTC(2026, 0, 5) });
  await life(
    directory,
    clock,
    async (run) => {
      await refusals(run);
      await attempts(run);
      run.raw.answers.push(new AcmeError("lost"));
      await run.all(run.on("a", () => run.client.createServer({ name: "lost" })));
    },
    { guard: limits },
  );
  // The process dies while it writes; the next one resumes what it left.
  const newest = readdirSync(directory)
    .filter((name) => /^\d{8}\.jsonl$/.test(name))
    .sort()
    .at(-1) as string;
  appendFileSync(join(directory, newest), '{"seq":');
  await life(directory, clock, async ({ client, all, on }) => {
    await all(on("a", () => client.createServer({ name: "lost" })));
  });
  await life(
    directory,
    clock,
    async ({ client, all, on }) => {
      await all(...Array.from({ length: 40 }, () => on("a", () => client.listServers())));
    },
    { journal: { maxBacklog: 5 } },
  );
  await life(directory, clock, refusals, { guard: { ...limits, mode: "observe" } });
  const records = await fittingRecords(directory);
  expect(named(records, "refusal", "code")).toEqual([
    "ERR_FREEZE_ACTIVE",
    "ERR_OWNER_FOREIGN",
    "ERR_OWNER_MISSING",
    "ERR_OWNER_RESERVED_TAG",
    "ERR_OWNER_UNKNOWN",
    "ERR_OWNER_UNTAGGABLE",
    "ERR_QUOTA_EXCEEDED",
  ]);
  expect(named(records, "outcome", "error")).toEqual([
    ...["Denied", "ERR_RATE_LIMIT_DEADLINE", "ERR_RATE_LIMIT_QUEUE_FULL", "TooMany", "outage", "unknown"],
  ]);
  expect(named(records, "outcome", "result")).toEqual(["failed", "not-sent", "ok", "unknown"]);
  expect(named(records, "read", "error")).toEqual(["ERR_CIRCUIT_OPEN", "outage"]);
  expect(named(records, "notice", "event")).toEqual(["dropped", "freeze", "opened", "recovered", "thaw"]);
  expect(verdicts(records)).toEqual(["refuse", "resume", "wait", "would-refuse"]);
  expect(records.filter(({ type }) => type === "header").length).toBeGreaterThan(5);
  expect(records.filter(({ type }) => type === "open").length).toBeGreaterThan(0);
  const manual = records.filter((record) => record.type === "intent" && record.manual !== undefined);
  expect(manual).toMatchObject([{ manual: { operator: "ada", ticket: "CHG-1" } }, { manual: { operator: "bob" } }]);

  await clock.advance(3 * 86_400_000);
  await life(directory, clock, async () => {}, { journal: { keep: { days: 1 } } });
  const left = await fittingRecords(directory);
  expect(left.length).toBeLessThan(records.length);
  expect(named(left, "notice", "event")).toContain("retention");
});
