import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { createGuard, emergencyStop, type FreezeOptions, type Interceptor, memoryState } from "provider-guard";
import { seededRandom, simulatedClock } from "provider-guard/testing";
import { describe, expect, it } from "vitest";
import { type Acme, acme, acmeOptions, subject } from "../support/acme.ts";
import { type Line, type SharedState, sharedState } from "../support/shared-state.ts";

const incident = { reason: "incident 42", by: "alice" };
const refused = { code: "ERR_FREEZE_ACTIVE" };
const remove = ({ client }: Acme) => client.deleteServer({ id: "srv-1" });

interface Replica extends Acme {
  readonly line: Line;
  frozenFor(): string[];
}

/** Guards on one store, each with a journal and a line to the store of its own. */
async function replicas(
  count: number,
): Promise<{ all: Replica[]; shared: SharedState; clock: Acme["clock"]; start: () => Promise<Replica> }> {
  const clock = simulatedClock();
  const shared = sharedState(clock);
  let started = 0;
  const start = async (): Promise<Replica> => {
    const line = shared.line();
    const made = await acme({ clock, state: line.state, random: seededRandom(++started) });
    return { ...made, line, frozenFor: () => made.guard.frozen.map(({ reason }) => reason) };
  };
  const all: Replica[] = [];
  for (let i = 0; i < count; i++) {
    all.push(await start());
    await clock.advance(70); // they do not all read at the same moment
  }
  return { all, shared, clock, start };
}

describe("guard.freeze", () => {
  it("refuses mutating calls, lets reads go on, and ends with thaw", async () => {
    const { guard, client, raw, journal, clock } = await acme();
    await guard.freeze(incident);
    expect(guard.frozen).toEqual([{ ...incident, scope: "all", since: clock.now(), kept: true }]);
    await expect(client.deleteServer({ id: "srv-1" })).rejects.toMatchObject({
      ...refused,
      retryable: true,
      message: expect.stringContaining("frozen (all) by alice: incident 42"),
    });
    await client.listServers();
    expect(await guard.thaw({ by: "bob", reason: "found it" })).toBe(true);
    expect(await guard.thaw({ by: "bob" })).toBe(false);
    await client.deleteServer({ id: "srv-1" });
    expect(raw.sent.map(({ operation }) => operation)).toEqual(["listServers", "deleteServer"]);
    expect(journal.records.map(({ type }) => type)).toEqual([
      "notice",
      "refusal",
      "read",
      "notice",
      "intent",
      "outcome",
    ]);
    const notices = journal.records.filter(({ type }) => type === "notice");
    expect(notices).toMatchObject([
      { event: "freeze", details: { scope: "all", by: "alice", reason: "incident 42", here: true } },
      { event: "thaw", details: { scope: "all", by: "bob", reason: "found it", here: true } },
    ]);
  });

  it("is set again for another reason, and again after it was ended, all within one millisecond", async () => {
    const { guard, ...rest } = await acme();
    await guard.freeze(incident);
    await guard.freeze({ ...incident, reason: "it is worse" });
    expect(guard.frozen.map(({ reason }) => reason)).toEqual(["it is worse"]);
    await guard.thaw({ by: "alice" });
    await guard.freeze({ ...incident, reason: "it is worse" });
    expect(guard.frozen).toHaveLength(1);
    await expect(remove({ guard, ...rest })).rejects.toMatchObject(refused);
    const [ended, set] = [guard.thaw({ by: "alice" }), guard.freeze(incident)];
    expect(await ended).toBe(false); // who sets it last wants it set
    await set;
    expect(guard.frozen).toHaveLength(1);
  });

  it("stops one cluster, and what names no cluster", async () => {
    const { guard, client } = await acme();
    await guard.freeze({ ...incident, scope: { cluster: "uid-a" } });
    const create = (name: string) => guard.reconcile(subject(name), () => client.createServer({ name }));
    await expect(create("a")).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining("(cluster uid-a)"),
    });
    await create("b");
    await expect(client.deleteServer({ id: "srv-9" })).rejects.toMatchObject(refused);
    expect(await guard.thaw({ by: "bob" })).toBe(false); // that is another scope
    expect(await guard.thaw({ by: "bob", scope: { cluster: "uid-a" } })).toBe(true);
    await create("a");
  });

  it.each([
    [{ account: "111" }, "111", true],
    [{ account: "111", cloud: "acme" }, "111", true],
    [{ account: "111", cloud: "other" }, "111", false],
    [{ account: "111" }, "222", false],
    [{ account: "111" }, undefined, true], // it could be the very one
    [{ account: "111", cloud: "other" }, undefined, false],
  ] as const)("of %o, to a client of account %s: %s", async (scope, account, stops) => {
    const { guard, client } = await acme({}, account === undefined ? {} : { account });
    await guard.freeze({ ...incident, scope });
    const call = client.deleteServer({ id: "srv-1" });
    await (stops ? expect(call).rejects.toMatchObject(refused) : expect(call).resolves.toBeUndefined());
  });

  it("keeps stops of several scopes apart", async () => {
    const { guard, client } = await acme();
    const a = { cluster: "uid-a" };
    await Promise.all([guard.freeze(incident), guard.freeze({ ...incident, scope: a })]);
    expect(guard.frozen.map(({ scope }) => scope)).toEqual(["all", a]);
    await guard.thaw({ by: "bob" });
    await guard.reconcile(subject("b"), () => client.createServer({ name: "b" }));
    await expect(guard.reconcile(subject("a"), () => client.createServer({ name: "a" }))).rejects.toMatchObject(
      refused,
    );
  });

  it("lets pass what only takes away access or a secret", async () => {
    const { guard, client, raw } = await acme(
      {},
      { operations: { ...acmeOptions.operations, deleteServer: { kind: "delete", revokes: true } } },
    );
    await guard.freeze(incident);
    await client.deleteServer({ id: "srv-1" });
    await expect(client.resizeServer({ id: "srv-1", size: 2 })).rejects.toMatchObject(refused);
    expect(raw.sent).toHaveLength(1);
  });

  it.each([
    [undefined, "freeze"],
    ["incident", "freeze"],
    [{ reason: " ", by: "alice" }, "freeze.reason"],
    [{ reason: "x" }, "freeze.by"],
    [{ ...incident, scope: "cluster" }, "freeze.scope"],
    [{ ...incident, scope: { cluster: "" } }, "freeze.scope"],
    [{ ...incident, scope: { account: "1", cluster: "x" } }, "freeze.scope"],
    [{ ...incident, until: 5 }, "freeze"],
  ])("refuses %o, naming the path, and nothing is frozen", async (options, path) => {
    const { guard } = await acme();
    const frozen = guard.freeze(options as FreezeOptions);
    await expect(frozen).rejects.toMatchObject({ code: "ERR_CONFIG_INVALID", message: expect.stringContaining(path) });
    await expect(guard.thaw(options as never)).rejects.toMatchObject({ code: "ERR_CONFIG_INVALID" });
    expect(guard.frozen).toEqual([]);
  });
});

describe("a call that waits when the stop is set", () => {
  const rateLimit = { rules: [{ name: "slow", ratePerSecond: 0.1, burst: 1 }] };

  it("is not sent, leaves a record that says so, and gives its token back", async () => {
    const { guard, client, raw, clock, journal } = await acme({ rateLimit });
    await client.deleteServer({ id: "srv-1" });
    const waiting = client.deleteServer({ id: "srv-2" });
    const ended = expect(waiting).rejects.toMatchObject(refused);
    await clock.advance(1_000);
    await guard.freeze(incident);
    await clock.advance(20_000);
    await ended;
    expect(raw.sent).toHaveLength(1);
    expect(journal.records.slice(-2)).toMatchObject([
      { type: "notice", event: "freeze" },
      {
        type: "outcome",
        result: "not-sent",
        error: "ERR_FREEZE_ACTIVE",
        decisions: [
          { phase: "limit", verdict: "wait" },
          { phase: "freeze", verdict: "refuse", code: "ERR_FREEZE_ACTIVE" },
        ],
      },
    ]);
    expect(journal.records.filter(({ type }) => type === "refusal")).toEqual([]);
    await guard.thaw({ by: "bob" });
    await client.deleteServer({ id: "srv-3" }); // at once, with the token that came back
  });

  it("is sent if it reads, or if the stop has ended before its turn", async () => {
    const { guard, client, raw, clock } = await acme({ rateLimit });
    await client.listServers();
    const waiting = Promise.all([client.listServers(), client.deleteServer({ id: "srv-1" })]);
    await guard.freeze(incident);
    await clock.advance(15_000);
    expect(raw.sent).toHaveLength(2);
    await guard.thaw({ by: "bob" });
    await clock.runUntil(waiting);
    expect(raw.sent).toHaveLength(3);
  });

  it("is sent in observe mode, with a note", async () => {
    const late: Interceptor = {
      name: "late",
      ring: "attempt",
      before: "limit",
      async intercept(_attempt, next) {
        await guard.freeze(incident);
        return next();
      },
    };
    const { guard, client, raw, journal } = await acme({ mode: { freeze: "observe" }, interceptors: [late] });
    await client.deleteServer({ id: "srv-1" });
    await client.deleteServer({ id: "srv-2" }); // frozen when it came, and when it left: one note
    expect(raw.sent).toHaveLength(2);
    const outcomes = journal.records.filter(({ type }) => type === "outcome");
    const note = { phase: "freeze", by: "freeze", verdict: "would-refuse", code: "ERR_FREEZE_ACTIVE" };
    expect(outcomes).toMatchObject([{ decisions: [note] }, { decisions: [note] }]);
    expect(outcomes.map((outcome) => "decisions" in outcome && outcome.decisions?.length)).toEqual([1, 1]);
  });
});

describe("replicas on one state store", () => {
  it("obey within a second, and say once in their own records who stopped them", async () => {
    const { all, clock } = await replicas(3);
    const [a, b, c] = all as [Replica, Replica, Replica];
    await a.guard.freeze(incident);
    await clock.advance(1_000);
    for (const replica of [a, b, c]) await expect(remove(replica)).rejects.toMatchObject(refused);
    await clock.advance(60_000);
    expect(b.journal.records.filter(({ type }) => type === "notice")).toMatchObject([
      { event: "freeze", details: { scope: "all", by: "alice", reason: "incident 42", here: false } },
    ]);
    expect(await c.guard.thaw({ by: "carol", reason: "over" })).toBe(true);
    await clock.advance(1_000);
    for (const replica of [a, b, c]) await remove(replica);
    expect(a.journal.records.filter(({ type }) => type === "notice")).toMatchObject([
      { event: "freeze", details: { here: true } },
      { event: "thaw", details: { by: "carol", reason: "over", here: false } },
    ]);
  });

  it("obey within a second although the store takes 400 ms to answer", async () => {
    const { all, clock } = await replicas(2);
    const [a, b] = all as [Replica, Replica];
    b.line.latencyMs = 400;
    for (let i = 0; i < 10; i++) {
      await clock.advance(137);
      await a.guard.freeze({ ...incident, reason: `no ${i}` });
      await clock.advance(1_000);
      expect(b.frozenFor()).toEqual([`no ${i}`]);
    }
  });

  it("obey a stop that was set while they were away, from their first call on", async () => {
    const { all, start } = await replicas(1);
    await all[0]?.guard.freeze(incident);
    await all[0]?.guard.close();
    const next = await start();
    await expect(remove(next)).rejects.toMatchObject(refused);
    expect(next.journal.records[0]).toMatchObject({ event: "freeze", details: { here: false } });
  });

  it("do not start where nobody can say whether a stop is in force, and leave no timer behind", async () => {
    const clock = simulatedClock();
    for (const mode of ["down", "hangs"] as const) {
      const line = sharedState(clock).line();
      line.mode = mode;
      const started = acme({ clock, state: line.state });
      await expect(clock.runUntil(started)).rejects.toMatchObject({ code: "ERR_STATE_UNAVAILABLE", retryable: true });
    }
    expect(clock.pending).toBe(0);
  });

  it("come to the same end when they freeze and thaw at once", async () => {
    const { all, clock } = await replicas(4);
    for (let round = 0; round < 20; round++) {
      const commands = all.map(({ guard }, i) =>
        (round + i) % 2 === 0 ? guard.freeze({ reason: `${round}.${i}`, by: "x" }) : guard.thaw({ by: "y" }),
      );
      await clock.runUntil(Promise.all(commands));
      await clock.advance(1_000);
      const views = all.map(({ guard }) => JSON.stringify(guard.frozen));
      expect(new Set(views).size).toBe(1);
    }
  });

  it("read no more once they are closed", async () => {
    const { all, clock } = await replicas(2);
    for (const { guard } of all) await guard.close();
    await clock.advance(10_000);
    expect(clock.pending).toBe(0);
  });

  it("are closed at once although the store hangs, and take no commands then", async () => {
    const { all, clock } = await replicas(1);
    const [a] = all as [Replica];
    a.line.mode = "hangs";
    await clock.advance(600); // a reading hangs
    const frozen = a.guard.freeze(incident);
    await a.guard.close();
    await expect(frozen).rejects.toMatchObject({ code: "ERR_GUARD_CLOSED" });
    await expect(a.guard.thaw({ by: "alice" })).rejects.toMatchObject({ code: "ERR_GUARD_CLOSED" });
    expect(clock.pending).toBe(0);
    expect(a.journal.records.map((record) => record.type === "notice" && record.event)).toEqual(["freeze"]);
  });

  it("ask the store twice a second, and write nothing while nothing is set", async () => {
    const { all, clock } = await replicas(1);
    const { requests } = (all[0] as Replica).line;
    const before = requests.gets;
    await clock.advance(10_000);
    expect(requests.gets - before).toBeLessThanOrEqual(2 * 20); // two documents: the stop, and circuits
    expect(requests.writes).toBe(0);
  });
});

describe("a store that fails", () => {
  it.each(["down", "hangs"] as const)(
    "and is %s: the stop is in force here at once, and for others once it is back",
    async (mode) => {
      const { all, clock } = await replicas(2);
      const [a, b] = all as [Replica, Replica];
      a.line.mode = mode;
      const frozen = a.guard.freeze(incident);
      await expect(remove(a)).rejects.toMatchObject(refused);
      await expect(clock.runUntil(frozen)).rejects.toMatchObject({ code: "ERR_STATE_UNAVAILABLE", retryable: true });
      expect(a.guard.frozen).toMatchObject([{ kept: false }]);
      await clock.advance(60_000);
      await remove(b);
      a.line.mode = "up";
      await clock.advance(3_500); // what hangs is given up after two seconds
      await expect(remove(b)).rejects.toMatchObject(refused);
      expect(a.guard.frozen).toMatchObject([{ kept: true }]);
    },
  );

  it("as a store of one process would: it is tried again until it is kept", async () => {
    const clock = simulatedClock();
    const inner = memoryState({ clock });
    let down = true;
    const compareAndSet: typeof inner.compareAndSet = (...args) =>
      down ? Promise.reject(new Error("store down")) : inner.compareAndSet(...args);
    const { guard } = await acme({ clock, state: { ...inner, compareAndSet } });
    await expect(guard.freeze(incident)).rejects.toMatchObject({ code: "ERR_STATE_UNAVAILABLE" });
    down = false;
    await clock.advance(1_000);
    expect(guard.frozen).toMatchObject([{ kept: true }]);
    expect(clock.pending).toBe(0);
  });

  it("keeps no stop from being ended by somebody who knew of it, though its keeping was in doubt", async () => {
    const { all, clock } = await replicas(2);
    const [a, b] = all as [Replica, Replica];
    a.line.mode = "loses"; // it is written, and the answer is lost
    await expect(clock.runUntil(a.guard.freeze(incident))).rejects.toMatchObject({ code: "ERR_STATE_UNAVAILABLE" });
    await clock.advance(1_000);
    expect(b.frozenFor()).toEqual(["incident 42"]);
    await b.guard.thaw({ by: "bob" });
    a.line.mode = "up";
    await clock.advance(5_000);
    expect([a.frozenFor(), b.frozenFor()]).toEqual([[], []]);
  });

  it("lets a stop go on that cannot be ended there, and ends it later only if asked again", async () => {
    const { all, clock } = await replicas(2);
    const [a, b] = all as [Replica, Replica];
    await a.guard.freeze(incident);
    a.line.mode = "down";
    await expect(a.guard.thaw({ by: "alice" })).rejects.toMatchObject({ code: "ERR_STATE_UNAVAILABLE" });
    a.line.mode = "up";
    await clock.advance(5_000);
    expect([a.frozenFor(), b.frozenFor()]).toEqual([["incident 42"], ["incident 42"]]);
    expect(await a.guard.thaw({ by: "alice" })).toBe(true);
  });

  it("keeps the last known stop in force for as long as it is away", async () => {
    const { all, clock } = await replicas(2);
    const [a, b] = all as [Replica, Replica];
    await a.guard.freeze(incident);
    await clock.advance(1_000);
    b.line.mode = "down";
    await clock.advance(120_000);
    await expect(remove(b)).rejects.toMatchObject(refused);
  });

  it("shows in the metrics how long it was away, beside the stops in force", async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
    const meterProvider = new MeterProvider({ readers: [reader] });
    const clock = simulatedClock();
    const line = sharedState(clock).line();
    const { guard } = await acme({ clock, state: line.state, telemetry: { meterProvider } });
    await guard.freeze(incident);
    await clock.advance(1_000);
    line.mode = "down";
    await clock.advance(90_000);
    await reader.forceFlush();
    const gauges = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics));
    const value = (name: string) =>
      gauges.find(({ descriptor }) => descriptor.name === `provider_guard.${name}`)?.dataPoints[0]?.value;
    await meterProvider.shutdown();
    expect(value("freeze.active")).toBe(1);
    for (const name of ["freeze.stale", "breaker.stale"]) {
      expect(value(name)).toBeGreaterThanOrEqual(90);
      expect(value(name)).toBeLessThan(91);
    }
  });

  it("does not hold up an aborted command", async () => {
    const { all, clock } = await replicas(1);
    const [a] = all as [Replica];
    a.line.mode = "hangs";
    await clock.advance(600); // a reading hangs already
    const controller = new AbortController();
    const frozen = a.guard.freeze({ ...incident, signal: controller.signal });
    const thawed = a.guard.thaw({ by: "bob", signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(frozen).rejects.toThrow("enough");
    await expect(thawed).rejects.toThrow("enough");
    a.line.mode = "up";
    await clock.advance(5_000);
    expect(a.guard.frozen).toMatchObject([{ kept: true }]);
  });
});

describe("a store that forgets", () => {
  it("a stop right after it was written gets it back", async () => {
    const { all, shared, clock } = await replicas(2);
    await all[0]?.guard.freeze(incident);
    await shared.flush();
    await clock.advance(2_000);
    expect(all.map((replica) => replica.frozenFor())).toEqual([["incident 42"], ["incident 42"]]);
  });

  it("and is empty again ends no stop: whoever knows of it puts it back", async () => {
    const { all, shared, clock, start } = await replicas(3);
    await all[0]?.guard.freeze(incident);
    await all[0]?.guard.freeze({ ...incident, scope: { cluster: "uid-a" } });
    await clock.advance(1_000);
    await shared.flush();
    await clock.advance(2_000);
    expect(all.map((replica) => replica.frozenFor().length)).toEqual([2, 2, 2]);
    expect((await start()).frozenFor()).toHaveLength(2);
    expect(await all[1]?.guard.thaw({ by: "bob" })).toBe(true);
    await shared.flush();
    await clock.advance(2_000);
    expect(all.map((replica) => replica.guard.frozen.map(({ scope }) => scope))).toEqual(
      Array(3).fill([{ cluster: "uid-a" }]),
    );
    const notices = all[2]?.journal.records.map((record) => record.type === "notice" && record.event);
    expect(notices).toEqual(["freeze", "freeze", "thaw"]); // a flush is no news
  });

  it("does not bring back what was ended while a replica was cut off", async () => {
    const { all, shared, clock } = await replicas(2);
    const [a, b] = all as [Replica, Replica];
    await a.guard.freeze(incident);
    await clock.advance(1_000);
    b.line.mode = "down";
    await a.guard.thaw({ by: "alice" });
    await shared.flush();
    await clock.advance(2_000); // a puts back that it was ended
    b.line.mode = "up";
    await clock.advance(2_000);
    expect([a.frozenFor(), b.frozenFor()]).toEqual([[], []]);
  });

  it("does not let an old end undo a new stop that was set on the empty store", async () => {
    const { all, shared, clock } = await replicas(2);
    await all[0]?.guard.freeze(incident);
    await all[0]?.guard.thaw({ by: "alice" });
    await clock.advance(1_000);
    await shared.flush();
    await emergencyStop(shared.line().state, { clock }).freeze({ reason: "new", by: "script" });
    await clock.advance(2_000);
    expect(all.map((replica) => replica.frozenFor())).toEqual([["new"], ["new"]]);
  });

  it("and goes back to an earlier state, as a failover does, ends nothing and revives nothing", async () => {
    const { all, shared, clock } = await replicas(2);
    const [a, b] = all as [Replica, Replica];
    await a.guard.freeze({ ...incident, scope: { cluster: "uid-old" } });
    const restore = await shared.backup();
    await a.guard.thaw({ by: "alice", scope: { cluster: "uid-old" } });
    await a.guard.freeze(incident);
    await clock.advance(1_000);
    await restore();
    await clock.advance(2_000);
    expect([a.frozenFor(), b.frozenFor()]).toEqual([["incident 42"], ["incident 42"]]);
    expect(b.guard.frozen).toMatchObject([{ scope: "all", kept: true }]);
  });

  it("and holds what nobody can read stops everything until somebody ends that", async () => {
    const { all, shared, clock, start } = await replicas(2);
    const [a, b] = all as [Replica, Replica];
    await a.guard.freeze({ ...incident, scope: { cluster: "uid-a" } });
    await clock.advance(1_000);
    await shared.inner.put("emergency-stop", "{");
    await clock.advance(1_000);
    const late = await start();
    for (const replica of [a, b, late]) {
      expect(replica.frozenFor()).toContainEqual(expect.stringContaining("cannot be read"));
      await expect(remove(replica)).rejects.toMatchObject(refused);
    }
    expect((await shared.inner.get("emergency-stop"))?.value).toBe("{"); // evidence, until somebody acts
    expect(await b.guard.thaw({ by: "bob" })).toBe(true);
    await clock.advance(1_000);
    expect([a.frozenFor(), b.frozenFor()]).toEqual([["incident 42"], ["incident 42"]]);
  });

  it("sees a wall clock that jumps, and cares not", async () => {
    const { all, clock } = await replicas(2);
    const [a, b] = all as [Replica, Replica];
    await a.guard.freeze(incident);
    clock.jump(-86_400_000);
    await clock.advance(1_000);
    expect(b.frozenFor()).toHaveLength(1);
    await b.guard.thaw({ by: "bob" });
    clock.jump(10 * 86_400_000);
    await a.guard.freeze({ ...incident, reason: "again" });
    await clock.advance(1_000);
    expect(b.frozenFor()).toEqual(["again"]);
  });
});

describe("emergencyStop", () => {
  it("stops and starts every guard on the store from outside, and reads what is in force", async () => {
    const { all, shared, clock } = await replicas(2);
    const stop = emergencyStop(shared.line().state, { clock });
    expect(await stop.frozen()).toEqual([]);
    await stop.freeze({ ...incident, scope: { account: "111" } });
    expect(await stop.frozen()).toMatchObject([{ ...incident, scope: { account: "111" }, kept: true }]);
    await clock.advance(1_000);
    for (const replica of all) await expect(remove(replica)).rejects.toMatchObject(refused);
    expect(await stop.thaw({ by: "bob", scope: { account: "111" } })).toBe(true);
    await clock.advance(1_000);
    for (const replica of all) await remove(replica);
  });

  it("leaves no timer behind, whether it succeeds or not", async () => {
    const clock = simulatedClock();
    const line = sharedState(clock).line();
    const stop = emergencyStop(line.state, { clock });
    await stop.freeze(incident);
    line.mode = "down";
    await expect(stop.freeze(incident)).rejects.toMatchObject({ code: "ERR_STATE_UNAVAILABLE" });
    await expect(stop.frozen()).rejects.toMatchObject({ code: "ERR_STATE_UNAVAILABLE" });
    expect(clock.pending).toBe(0);
  });

  it("refuses a store that no guard can see, and a stop without a reason", async () => {
    const invalid = { code: "ERR_CONFIG_INVALID" };
    expect(() => emergencyStop(memoryState())).toThrow(expect.objectContaining(invalid));
    expect(() => emergencyStop(undefined as never)).toThrow(expect.objectContaining(invalid));
    const { state } = sharedState(simulatedClock()).line();
    await expect(emergencyStop(state).freeze({ reason: "", by: "x" })).rejects.toMatchObject(invalid);
  });
});

describe("a guard that cannot be made", () => {
  it("reads the store no more", async () => {
    const clock = simulatedClock();
    const { state } = sharedState(clock).line();
    const owner = { managementCluster: "b3f0a1de-kube-system", provider: "infrastructure-acme" };
    const interceptors = [null as never];
    await expect(createGuard({ owner, audit: false, clock, state, interceptors })).rejects.toMatchObject({
      code: "ERR_CONFIG_INVALID",
    });
    expect(clock.pending).toBe(0);
  });
});
