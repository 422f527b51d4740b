import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import {
  type GuardOptions,
  type InventoryBudget,
  memoryState,
  type QuotaBudget,
  type StateStore,
  type WindowBudget,
} from "provider-guard";
import { seededRandom, simulatedClock } from "provider-guard/testing";
import { describe, expect, it } from "vitest";
import { type Acme, AcmeError, acme, subject } from "../support/acme.ts";
import { memoryJournal, openIn } from "../support/memory-journal.ts";

const hourMs = 3_600_000;
const perHour: WindowBudget = {
  name: "creates-per-hour",
  kinds: ["create"],
  per: ["cluster"],
  windowMs: hourMs,
  limit: 3,
};
const servers: InventoryBudget = { name: "servers", inventory: true, per: ["cluster"], limit: 3 };

const quota = (budgets: readonly QuotaBudget[], more: object = {}): Partial<GuardOptions> => ({
  quota: { budgets, ...more },
  rateLimit: false,
});

/** Asks for so many creates at once; resolves to how each ended. */
function creates({ guard, client }: Acme, count: number, cluster = "a") {
  return guard.reconcile(subject(cluster), () =>
    Promise.allSettled(Array.from({ length: count }, (_, index) => client.createServer({ name: `vm-${index}` }))),
  );
}

const made = (results: readonly PromiseSettledResult<unknown>[]) =>
  results.filter(({ status }) => status === "fulfilled").length;

/** Lets what is settled in the background be written. */
const settled = async ({ guard }: Acme) => guard.quotas();

const numbers = async (one: Acme) =>
  (await one.guard.quotas()).map(({ bucket, used, reserved }) => [bucket, used, reserved]);

/** A store that fails while it is told to, and counts what it is asked. */
function moody(store: StateStore) {
  const mood = { down: false, asked: 0 };
  const guarded =
    <A extends unknown[], R>(step: (...args: A) => Promise<R>) =>
    (...args: A): Promise<R> => {
      mood.asked++;
      return mood.down ? Promise.reject(new Error("connection refused")) : step(...args);
    };
  return { mood, state: { ...store, get: guarded(store.get), compareAndSet: guarded(store.compareAndSet) } };
}

describe("a call that only takes away access", () => {
  it("is never refused: it counts, with a warning", async () => {
    const deletes: WindowBudget = { name: "deletes", kinds: ["delete"], windowMs: hourMs, limit: 1 };
    const operations = {
      deleteServer: { kind: "delete", resourceType: "key", targets: ["id"], revokes: true },
    } as const;
    const { guard, client, journal } = await acme(quota([deletes]), { operations });
    const remove = () => guard.reconcile(subject("a"), () => client.deleteServer({ id: "key-1" }));
    await remove();
    await remove();
    expect(await guard.quotas()).toMatchObject([{ name: "deletes", used: 2, limit: 1 }]);
    expect(journal.records.at(-1)).toMatchObject({
      result: "ok",
      decisions: [{ phase: "quota", verdict: "warn", code: "ERR_QUOTA_EXCEEDED", note: "deletes" }],
    });
    const view = guard.explain({ client, operation: "deleteServer", input: [{ id: "key-1" }] });
    expect(view.stages.find(({ phase }) => phase === "quota")?.explanation?.verdict).toBe("pass");
  });
});

describe("a window budget", () => {
  it("refuses what exceeds it, says when to come back, and has room again then", async () => {
    const one = await acme(quota([perHour]));
    expect(made(await creates(one, 3))).toBe(3);
    await one.clock.advance(60_000);
    const refused = (await creates(one, 1))[0] as PromiseRejectedResult;
    expect(refused.reason).toMatchObject({ code: "ERR_QUOTA_EXCEEDED", retryable: true });
    expect(refused.reason.message).toBe(
      'createServer: the budget "creates-per-hour" (cluster=uid-a) has no room for 1: 3 used and 0 in flight of 3',
    );
    const { requeueAfterMs } = refused.reason as { requeueAfterMs: number };
    expect(requeueAfterMs).toBeGreaterThan(hourMs - 60_000);
    expect(requeueAfterMs).toBeLessThanOrEqual(hourMs);
    await one.clock.advance(requeueAfterMs - 1);
    expect(made(await creates(one, 1))).toBe(0);
    await one.clock.advance(1);
    expect(made(await creates(one, 4))).toBe(3);
    expect(one.raw.sent).toHaveLength(6);
  });

  it("keeps clusters apart, and counts no other kind of call", async () => {
    const one = await acme(quota([perHour]));
    expect(made(await creates(one, 5, "a"))).toBe(3);
    expect(made(await creates(one, 2, "b"))).toBe(2);
    await one.client.deleteServer({ id: "srv-1" });
    expect(await numbers(one)).toEqual([
      ["cluster=uid-a", 3, 0],
      ["cluster=uid-b", 2, 0],
    ]);
  });

  it("gives calls outside any cluster a bucket of their own", async () => {
    const deletes: QuotaBudget = { name: "deletes", kinds: ["delete"], per: ["cluster"], windowMs: 1000, limit: 1 };
    const one = await acme(quota([deletes]));
    await one.client.deleteServer({ id: "srv-1" });
    await expect(one.client.deleteServer({ id: "srv-2" })).rejects.toMatchObject({ code: "ERR_QUOTA_EXCEEDED" });
    await one.guard.reconcile(subject("a"), () => one.client.deleteServer({ id: "srv-3" }));
    expect((await numbers(one)).map(([bucket]) => bucket)).toEqual(["cluster=-", "cluster=uid-a"]);
  });

  it("lets exactly the limit through, of 100 calls at once by three replicas", async () => {
    const clock = simulatedClock();
    const state = memoryState({ clock });
    const options = { ...quota([{ ...perHour, limit: 10 }]), clock, state };
    const replicas = await Promise.all([1, 2, 3].map((seed) => acme({ ...options, random: seededRandom(seed) })));
    const results = await clock.runUntil(Promise.all([40, 30, 30].map((n, i) => creates(replicas[i] as Acme, n))));
    expect(made(results.flat())).toBe(10);
    expect(replicas.flatMap(({ raw }) => raw.sent)).toHaveLength(10);
    const refused = results.flat().filter(({ status }) => status === "rejected") as PromiseRejectedResult[];
    expect(new Set(refused.map(({ reason }) => reason.code))).toEqual(new Set(["ERR_QUOTA_EXCEEDED"]));
  });

  it("takes as many units as the input asks for, and says for good what can never fit", async () => {
    const budget: QuotaBudget = { ...perHour, kinds: ["update"], limit: 20, weight: "size" };
    const { client, raw } = await acme(quota([budget]));
    await client.resizeServer({ id: "srv-1", size: 15 });
    await expect(client.resizeServer({ id: "srv-1", size: 6 })).rejects.toMatchObject({ retryable: true });
    await expect(client.resizeServer({ id: "srv-1", size: 21 })).rejects.toMatchObject({
      code: "ERR_QUOTA_EXCEEDED",
      retryable: false,
      requeueAfterMs: undefined,
    });
    await client.resizeServer({ id: "srv-1", size: 5 });
    expect(raw.sent).toHaveLength(2);
  });

  it("gives back what was refused by the cloud, and counts what may have been done", async () => {
    const one = await acme(quota([perHour]));
    one.raw.answers.push(new AcmeError("bad input", { status: 400 }), new AcmeError("gateway", { status: 502 }));
    expect(made(await creates(one, 1))).toBe(0);
    expect(await numbers(one)).toEqual([["cluster=uid-a", 0, 0]]);
    expect(made(await creates(one, 1))).toBe(0);
    expect(await numbers(one)).toEqual([["cluster=uid-a", 1, 0]]);
  });

  it("gives back what was never sent, because the audit log could not be written", async () => {
    const journal = memoryJournal();
    const one = await acme(quota([perHour]), {}, journal);
    journal.failure = new Error("disk full");
    expect(made(await creates(one, 3))).toBe(0);
    journal.failure = undefined;
    expect(made(await creates(one, 4))).toBe(3);
  });

  it("counts a create once that is resumed after a crash, in the next process", async () => {
    const clock = simulatedClock();
    const state = memoryState({ clock });
    const options = { ...quota([perHour]), state, clock };
    const before = await acme({ ...options, clock: clock.scope() as never });
    before.raw.createServer = () => new Promise(() => {}); // killed while it waits for the answer
    void before.guard.reconcile(subject("a"), () => before.client.createServer({ name: "vm" }));
    await clock.advance(0);
    const journal = memoryJournal();
    journal.unfinished = openIn(before.journal.records);
    const after = await acme({ ...options, random: seededRandom(8) }, {}, journal);
    await after.guard.reconcile(subject("a"), () => after.client.createServer({ name: "vm" }));
    expect(journal.records.at(-1)).toMatchObject({ decisions: [{ phase: "own", verdict: "resume" }] });
    expect(await numbers(after)).toEqual([["cluster=uid-a", 1, 0]]);
  });

  it("keeps the units of a create that is resumed and does not come to be sent: the first request may have left", async () => {
    const { mood, state } = moody(memoryState());
    const journal = memoryJournal();
    const one = await acme({ ...quota([perHour]), state }, {}, journal);
    one.raw.answers.push(new AcmeError("gateway", { status: 502 }));
    await creates(one, 1);
    journal.failure = new Error("disk full");
    expect(made(await creates(one, 1))).toBe(0);
    journal.failure = undefined;
    expect(await numbers(one)).toEqual([["cluster=uid-a", 1, 0]]);
    mood.down = true;
    expect(made(await creates(one, 1))).toBe(0);
    mood.down = false;
    await one.clock.advance(60_000);
    expect(await numbers(one)).toEqual([["cluster=uid-a", 1, 0]]);
    expect(made(await creates(one, 1))).toBe(1);
    expect(one.journal.records.filter(({ type }) => type === "intent").at(-1)).toMatchObject({
      token: one.raw.sent[0]?.input && (one.raw.sent[0].input as { requestId: string }).requestId,
    });
    expect(await numbers(one)).toEqual([["cluster=uid-a", 1, 0]]);
  });
});

describe("reservations", () => {
  async function inFlight(options: Partial<GuardOptions>) {
    const one = await acme(options);
    let answer: (value: unknown) => void = () => {};
    one.raw.createServer = () => new Promise((resolve) => (answer = resolve as typeof answer));
    const call = one.guard.reconcile(subject("a"), () => one.client.createServer({ name: "vm" }));
    await one.clock.advance(0);
    return { ...one, call, answer: () => answer({ id: "srv-9", labels: {} }) };
  }

  it.each([
    ["of a budget with room", quota([servers], { reservationMs: 60_000 })],
    ["of a soft budget without", quota([{ ...servers, limit: 0, mode: "soft" }], { reservationMs: 60_000 })],
    [
      "of a budget without, in observe mode",
      { ...quota([{ ...servers, limit: 0 }], { reservationMs: 60_000 }), mode: "observe" as const },
    ],
  ])("hold while the call is in flight, however long that takes: %s", async (_which, options) => {
    const one = await inFlight(options);
    await one.clock.advance(10 * 60_000);
    expect(await numbers(one)).toEqual([["cluster=uid-a", 0, 1]]);
    one.answer();
    await one.call;
    expect(await numbers(one)).toEqual([["cluster=uid-a", 1, 0]]);
  });

  it.each([
    ["an inventory: given back", servers, 0],
    ["a window: given back", perHour, 0],
    ["a window that says so: counted", { ...perHour, afterCrash: "count" } as const, 1],
    ["an inventory that says so: counted", { ...servers, afterCrash: "count" } as const, 1],
  ])("end when their process died, in %s", async (_how, budget, used) => {
    const clock = simulatedClock();
    const state = memoryState({ clock });
    const process = clock.scope();
    const options = { ...quota([budget], { reservationMs: 60_000 }), state };
    const dead = await acme({ ...options, clock: process as never });
    dead.raw.createServer = () => new Promise(() => {});
    void creates(dead, 1);
    await clock.advance(0);
    process.kill();
    const alive = await acme({ ...options, clock });
    await clock.advance(59_999);
    expect(await numbers(alive)).toEqual([["cluster=uid-a", 0, 1]]);
    await clock.advance(1);
    expect(await numbers(alive)).toEqual([["cluster=uid-a", used, 0]]);
    expect(made(await creates(alive, 3))).toBe(3 - used);
  });

  /** A store whose writes wait until they are let go. */
  function halting(store: StateStore) {
    const waiting: (() => void)[] = [];
    const halt = { on: false, go: () => waiting.splice(0).forEach((go) => void go()) };
    const state: StateStore = {
      ...store,
      async compareAndSet(...args) {
        if (halt.on) await new Promise<void>((resolve) => waiting.push(resolve));
        return store.compareAndSet(...args);
      },
    };
    return { halt, state };
  }

  it("are given back when the call is aborted before it left", async () => {
    const clock = simulatedClock();
    const { halt, state } = halting(memoryState({ clock }));
    const one = await acme({ ...quota([servers]), clock, state });
    const controller = new AbortController();
    halt.on = true;
    const aborted = expect(
      one.guard.reconcile(subject("a"), () => one.client.createServer({ name: "vm", signal: controller.signal })),
    ).rejects.toThrow("enough");
    await clock.advance(0);
    controller.abort(new Error("enough"));
    await aborted;
    halt.on = false;
    halt.go();
    await clock.advance(0);
    expect(await numbers(one)).toEqual([["cluster=uid-a", 0, 0]]);
    expect(one.raw.sent).toEqual([]);
  });

  it("of a delete that is aborted before it left leave no trace", async () => {
    const clock = simulatedClock();
    const { halt, state } = halting(memoryState({ clock }));
    const one = await acme({ ...quota([servers]), clock, state });
    await creates(one, 2);
    const controller = new AbortController();
    const destroy = (signal?: AbortSignal) =>
      one.guard.reconcile(subject("a"), () => one.client.deleteServer({ id: "srv-1", ...(signal && { signal }) }));
    await settled(one);
    halt.on = true;
    const aborted = expect(destroy(controller.signal)).rejects.toThrow("enough");
    await clock.advance(0);
    controller.abort(new Error("enough"));
    await aborted;
    halt.on = false;
    halt.go();
    await clock.advance(1_000);
    expect(one.raw.sent).toHaveLength(2);
    await one.guard.countInventory({ budget: "servers", cluster: "uid-a", count: 2 });
    await destroy();
    expect(await numbers(one)).toEqual([["cluster=uid-a", 1, 0]]);
  });

  it("are all made or none, and those of the budgets before are given back", async () => {
    const one = await acme(quota([perHour, { ...servers, limit: 0 }]));
    for (let i = 0; i < 5; i++) expect(made(await creates(one, 1))).toBe(0);
    await settled(one);
    expect(await numbers(one)).toEqual([["cluster=uid-a", 0, 0]]);
  });
});

describe("an inventory budget", () => {
  it("takes units with creates and gives them back with deletes, once per resource and never below zero", async () => {
    const one = await acme(quota([servers]));
    expect(made(await creates(one, 5))).toBe(3);
    await one.guard.reconcile(subject("a"), async () => {
      await one.client.deleteServer({ id: "srv-1" });
      await one.client.deleteServer({ id: "srv-1" }); // controllers ask until it is gone
      one.raw.answers.push(new AcmeError("no", { status: 403 }));
      await expect(one.client.deleteServer({ id: "srv-2" })).rejects.toThrow("no");
    });
    expect(await numbers(one)).toEqual([["cluster=uid-a", 2, 0]]);
    expect(made(await creates(one, 5))).toBe(1);
    await one.guard.reconcile(subject("a"), async () => {
      for (let i = 2; i < 9; i++) await one.client.deleteServer({ id: `srv-${i}` });
    });
    expect(await numbers(one)).toEqual([["cluster=uid-a", 0, 0]]);
    expect(made(await creates(one, 4))).toBe(3);
  });

  it("starts from a count, with what has changed since the count began", async () => {
    const one = await acme(quota([{ ...servers, limit: 10 }]));
    await creates(one, 2);
    await settled(one);
    await one.clock.advance(1000);
    const beganAt = one.clock.now();
    await one.clock.advance(1000);
    await creates(one, 1); // the count may have missed it
    await settled(one);
    await one.clock.advance(1000);
    const view = await one.guard.countInventory({ budget: "servers", cluster: "uid-a", count: 6, beganAt });
    expect(view).toMatchObject({ used: 7, countedAt: beganAt, limit: 10 });
    expect(made(await creates(one, 10))).toBe(3);
    expect(one.journal.records).toContainEqual(
      expect.objectContaining({
        type: "notice",
        event: "count inventory",
        details: { budget: "servers", bucket: "cluster=uid-a", count: 6 },
      }),
    );
  });

  it("refuses until it is counted, where it was told so", async () => {
    const one = await acme(quota([{ ...servers, startsAt: "counted" as const }]));
    const [refused] = (await creates(one, 1)) as PromiseRejectedResult[];
    expect(refused?.reason).toMatchObject({ code: "ERR_QUOTA_EXCEEDED", retryable: true, requeueAfterMs: 60_000 });
    expect(refused?.reason.message).toContain("guard.countInventory");
    await one.guard.countInventory({ budget: "servers", cluster: "uid-a", count: 1 });
    expect(made(await creates(one, 5))).toBe(2);
  });

  it.each([
    [{ budget: "creates-per-hour", cluster: "uid-a", count: 1 }, "countInventory.budget"],
    [{ budget: "servers", count: 1 }, "countInventory.cluster"],
    [{ budget: "servers", cluster: "uid-a", count: -1 }, "countInventory.count"],
    [{ budget: "servers", cluster: "uid-a", count: 1, at: 5 }, "countInventory"],
    [{ budget: "servers", cluster: "uid-a", count: 1, endedAt: Number.MAX_SAFE_INTEGER }, "countInventory.endedAt"],
    [{ budget: "servers", cluster: "uid-a", count: 1, beganAt: 5, endedAt: 4 }, "countInventory.beganAt"],
  ])("refuses a count that makes no sense: %#", async (counted, path) => {
    const { guard } = await acme(quota([perHour, servers]));
    await expect(guard.countInventory(counted)).rejects.toMatchObject({
      code: "ERR_CONFIG_INVALID",
      message: expect.stringContaining(path),
    });
  });
});

describe("what does not refuse", () => {
  it("a soft budget: the call passes, with a warning in the audit log", async () => {
    const one = await acme(quota([{ ...perHour, mode: "soft" }]));
    expect(made(await creates(one, 5))).toBe(5);
    expect(await numbers(one)).toEqual([["cluster=uid-a", 5, 0]]);
    const warned = one.journal.records.filter((record) => "decisions" in record && record.decisions !== undefined);
    expect(warned).toHaveLength(2);
    expect(warned[0]).toMatchObject({
      type: "outcome",
      decisions: [{ phase: "quota", verdict: "warn", code: "ERR_QUOTA_EXCEEDED", note: "creates-per-hour" }],
    });
  });

  it("observe mode: everything passes and is counted, and what would have been refused is recorded", async () => {
    const one = await acme({ ...quota([perHour]), mode: { quota: "observe" } });
    expect(made(await creates(one, 5))).toBe(5);
    expect(await numbers(one)).toEqual([["cluster=uid-a", 5, 0]]);
    const decisions = one.journal.records.flatMap((record) => ("decisions" in record ? (record.decisions ?? []) : []));
    expect(decisions).toMatchObject(Array.from({ length: 2 }, () => ({ phase: "quota", verdict: "would-refuse" })));
  });

  it("a call that no budget matches: the store is not asked", async () => {
    const { mood, state } = moody(memoryState());
    const one = await acme({ ...quota([perHour]), state });
    const before = mood.asked;
    await one.client.listServers();
    await one.client.resizeServer({ id: "srv-1", size: 1 });
    expect(mood.asked).toBe(before);
  });

  it("a guard without budgets: the phase is not there", async () => {
    const { guard } = await acme({ quota: { budgets: [] } });
    expect(guard.explain().stages.find(({ phase }) => phase === "quota")?.interceptor).toBeUndefined();
    expect(await guard.quotas()).toEqual([]);
  });
});

describe("a store that cannot be reached", () => {
  it("stops hard budgets, nothing is sent, and lets soft ones pass with a warning", async () => {
    const { mood, state } = moody(memoryState());
    const one = await acme({ ...quota([perHour, { ...servers, mode: "soft" }]), state });
    const soft = await acme({ ...quota([{ ...servers, mode: "soft" }]), state });
    mood.down = true;
    const [refused] = (await creates(one, 1)) as PromiseRejectedResult[];
    expect(refused?.reason).toMatchObject({ code: "ERR_STATE_UNAVAILABLE", retryable: true });
    expect(one.raw.sent).toEqual([]);
    expect(made(await creates(soft, 1))).toBe(1);
    expect(soft.journal.records.at(-1)).toMatchObject({
      decisions: [{ phase: "quota", verdict: "warn", code: "ERR_STATE_UNAVAILABLE", note: "servers" }],
    });
  });

  it("after the call: the answer is not held back, and the units are settled once it is back", async () => {
    const { mood, state } = moody(memoryState());
    const one = await acme({ ...quota([perHour, servers]), state });
    const create = one.raw.createServer.bind(one.raw);
    one.raw.createServer = (input) => {
      mood.down = true;
      return create(input);
    };
    expect(made(await creates(one, 1))).toBe(1);
    await one.clock.advance(120_000);
    mood.down = false;
    await one.clock.advance(60_000);
    const other = await acme({ ...quota([perHour, servers]), state, clock: one.clock });
    expect(await numbers(other)).toEqual([
      ["cluster=uid-a", 1, 0],
      ["cluster=uid-a", 1, 0],
    ]);
  });

  it("is waited for, but not for ever", async () => {
    const state: StateStore = { ...memoryState(), compareAndSet: () => new Promise(() => {}) };
    const one = await acme({ ...quota([perHour]), state });
    const [refused] = (await one.clock.runUntil(creates(one, 1), { maxMs: 10_000 })) as PromiseRejectedResult[];
    expect(refused?.reason).toMatchObject({ code: "ERR_STATE_UNAVAILABLE" });
  });

  it("that holds something else stops hard budgets as well", async () => {
    const state = memoryState();
    await state.put("quota/window/creates-per-hour/cluster=uid-a", '{"v":2}');
    const one = await acme({ ...quota([perHour]), state });
    const [refused] = (await creates(one, 1)) as PromiseRejectedResult[];
    expect(refused?.reason).toMatchObject({ code: "ERR_STATE_UNAVAILABLE" });
    expect(refused?.reason.message).toContain("quota/window/creates-per-hour/cluster=uid-a");
  });
});

describe("guard.explain", () => {
  it("names the budgets that a call meets, with their numbers as last known", async () => {
    const one = await acme(quota([perHour, servers]));
    const ask = (operation: string) => {
      const view = one.guard.explain({ client: one.client, operation, input: [{ id: "srv-1" }], owner: subject("a") });
      return view.stages.find(({ phase }) => phase === "quota")?.explanation;
    };
    expect(ask("createServer")).toEqual({
      verdict: "pass",
      reason:
        'budget "creates-per-hour" (cluster=uid-a, hard): limit 3, not asked yet; budget "servers" (cluster=uid-a, hard): limit 3, not asked yet',
    });
    await creates(one, 3);
    await settled(one);
    expect(ask("createServer")).toMatchObject({
      verdict: "refuse",
      reason: expect.stringContaining("3 used and 0 in flight of 3, takes 1"),
    });
    expect(ask("deleteServer")).toEqual({ verdict: "pass", reason: 'gives back to the budget "servers"' });
    expect(ask("listServers")).toEqual({ verdict: "pass", reason: "no budget matches" });
  });
});

describe("metrics of the quotas", () => {
  it("tell how full each bucket is, and what was exceeded", async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
    const meterProvider = new MeterProvider({ readers: [reader] });
    const one = await acme({ ...quota([perHour]), telemetry: { meterProvider } });
    await creates(one, 4);
    await settled(one);
    await reader.forceFlush();
    const metrics = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
    const points = (name: string) =>
      metrics
        .find(({ descriptor }) => descriptor.name === `provider_guard.quota.${name}`)
        ?.dataPoints.map(({ value, attributes }) => [value, attributes]);
    const bucket = { budget: "creates-per-hour", bucket: "cluster=uid-a" };
    expect(points("used")).toEqual([[3, bucket]]);
    expect(points("reserved")).toEqual([[0, bucket]]);
    expect(points("limit")).toEqual([[3, bucket]]);
    expect(points("exceeded")).toEqual([[1, { budget: "creates-per-hour", enforced: true }]]);
    await meterProvider.shutdown();
  });
});

describe("options of the quotas", () => {
  it.each([
    [{ budgets: [{ ...perHour, limit: -1 }] }, "quota.budgets[0].limit"],
    [{ budgets: [{ ...perHour, windowMs: 0 }] }, "quota.budgets[0].windowMs"],
    [{ budgets: [perHour, perHour] }, "quota.budgets[1].name"],
    [{ budgets: [{ ...servers, kinds: ["create"] }] }, "quota.budgets[0]"],
    [{ budgets: [{ ...servers, windowMs: 5 }] }, "quota.budgets[0]"],
    [{ budgets: [{ ...servers, per: ["planet"] }] }, "quota.budgets[0].per[0]"],
    [{ budgets: [], reservationMs: 5 }, "quota.reservationMs"],
    [{}, "quota.budgets"],
  ])("are checked: %#", async (options, path) => {
    await expect(acme({ quota: options as never })).rejects.toMatchObject({
      code: "ERR_CONFIG_INVALID",
      message: expect.stringContaining(path),
    });
  });
});
