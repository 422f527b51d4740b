import type { CircuitBreakerOptions, GuardOptions } from "provider-guard";
import { seededRandom, simulatedClock } from "provider-guard/testing";
import { describe, expect, it } from "vitest";
import { type Acme, AcmeError, acme } from "../support/acme.ts";
import { type Line, type SharedState, sharedState } from "../support/shared-state.ts";

const key = "acme|default|default|acme";
const target = { cloud: "acme", account: "default", region: "default", service: "acme" };
const breaker: CircuitBreakerOptions = { minimumAttempts: 2, openMs: 10_000, maxOpenMs: 60_000 };
const maintenance = { reason: "maintenance", by: "alice" };
const isOpen = { code: "ERR_CIRCUIT_OPEN" };
const down = () => new AcmeError("down", { status: 503 });

const read = ({ client }: Acme) => client.listServers();
const circuit = ({ guard }: Acme) => guard.circuits().find((view) => view.key === key);

async function fail(replica: Acme, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    replica.raw.answers.push(down());
    await read(replica).catch(() => {});
  }
}

interface Replica extends Acme {
  readonly line: Line;
}

/** Guards on one store, in the order in which they read it. */
async function replicas(
  count: number,
  options: Partial<GuardOptions> = {},
): Promise<{ all: Replica[]; shared: SharedState; clock: Acme["clock"]; start: () => Promise<Replica> }> {
  const clock = simulatedClock();
  const shared = sharedState(clock);
  let started = 0;
  const start = async () => {
    const line = shared.line();
    const random = seededRandom(++started);
    return { ...(await acme({ clock, random, state: line.state, circuitBreaker: breaker, ...options })), line };
  };
  const all: Replica[] = [];
  for (let i = 0; i < count; i++) {
    all.push(await start());
    await clock.advance(70);
  }
  return { all, shared, clock, start };
}

describe("guard.circuits", () => {
  it("shows what opened a circuit, since when and for how much longer", async () => {
    const made = await acme({ circuitBreaker: breaker });
    expect(made.guard.circuits()).toEqual([]);
    await read(made);
    expect(made.guard.circuits()).toEqual([{ key, state: "closed", since: made.clock.now() }]);
    await made.clock.advance(1_000);
    await fail(made, 2);
    const { pauseMs } = circuit(made) ?? {};
    expect(circuit(made)).toEqual({ key, state: "open", since: made.clock.now(), openedBy: "failures", pauseMs });
    await expect(read(made)).rejects.toMatchObject({ ...isOpen, requeueAfterMs: pauseMs });
    await made.clock.advance(pauseMs ?? 0);
    made.raw.answers.push(new AcmeError("no such server", { status: 404 }));
    await expect(read(made)).rejects.toThrow("no such server");
    expect(circuit(made)).toMatchObject({ state: "halfOpen", openedBy: "failures", pauseMs: 0 });
    await read(made);
    expect(circuit(made)).toEqual({ key, state: "closed", since: made.clock.now() });
  });

  it("is empty where the breaker is off, and nothing can be opened", async () => {
    const { guard } = await acme({ circuitBreaker: false });
    expect(guard.circuits()).toEqual([]);
    await expect(guard.openCircuit(key, maintenance)).rejects.toMatchObject({ code: "ERR_CONFIG_INVALID" });
    await expect(guard.closeCircuit(key, { by: "x" })).rejects.toMatchObject({ code: "ERR_CONFIG_INVALID" });
  });
});

describe("a circuit opened by hand", () => {
  it("lets nothing through until it is closed by hand, and both are in the audit log", async () => {
    const made = await acme({ circuitBreaker: breaker });
    await made.guard.openCircuit(target, maintenance);
    await made.clock.advance(86_400_000);
    await expect(read(made)).rejects.toMatchObject({ ...isOpen, requeueAfterMs: 60_000 });
    const since = made.clock.now() - 86_400_000;
    expect(made.guard.circuits()).toEqual([{ key, state: "open", openedBy: "hand", since, ...maintenance }]);
    await made.guard.closeCircuit(key, { by: "bob" });
    await read(made);
    expect(made.journal.records.filter(({ type }) => type === "notice")).toMatchObject([
      { event: "circuit-open", details: { circuit: key, ...maintenance, here: true } },
      { event: "circuit-close", details: { circuit: key, by: "bob", here: true } },
    ]);
  });

  it.each([
    ["acme", maintenance, "openCircuit.circuit"],
    ["a|b|c|", maintenance, "openCircuit.circuit"],
    [{ ...target, account: "a|b" }, maintenance, "openCircuit.circuit"],
    [undefined, maintenance, "openCircuit.circuit"],
    [key, { by: "alice" }, "openCircuit.reason"],
    [key, { reason: "x", by: "" }, "openCircuit.by"],
    [key, undefined, "openCircuit"],
  ])("is refused for %o with %o, naming the path", async (circuit, options, path) => {
    const { guard } = await acme();
    const opened = guard.openCircuit(circuit as string, options as never);
    await expect(opened).rejects.toMatchObject({ code: "ERR_CONFIG_INVALID", message: expect.stringContaining(path) });
    expect(guard.circuits()).toEqual([]);
  });

  it("is obeyed by every replica within a second, and after a restart", async () => {
    const { all, clock, start } = await replicas(3);
    const [a, b, c] = all as [Replica, Replica, Replica];
    await a.guard.openCircuit(key, maintenance);
    await clock.advance(1_000);
    for (const replica of all) await expect(read(replica)).rejects.toMatchObject(isOpen);
    const late = await start();
    await expect(read(late)).rejects.toMatchObject(isOpen);
    expect(circuit(late)).toMatchObject({ openedBy: "hand", ...maintenance });
    await b.guard.closeCircuit(key, { by: "bob", reason: "done" });
    await clock.advance(1_000);
    for (const replica of [...all, late]) await read(replica);
    expect(c.journal.records.filter(({ type }) => type === "notice")).toMatchObject([
      { event: "circuit-open", details: { here: false } },
      { event: "circuit-close", details: { by: "bob", reason: "done", here: false } },
    ]);
  });

  it("stays so when the store forgets it", async () => {
    const { all, shared, clock } = await replicas(2);
    await all[0]?.guard.openCircuit(key, maintenance);
    await clock.advance(1_000);
    await shared.flush();
    await clock.advance(2_000);
    expect((await shared.inner.get("circuits"))?.value).toContain("maintenance");
    for (const replica of all) await expect(read(replica)).rejects.toMatchObject(isOpen);
  });

  it("is open here at once though the store is down, and elsewhere once it is back", async () => {
    const { all, clock } = await replicas(2);
    const [a, b] = all as [Replica, Replica];
    a.line.mode = "down";
    await expect(a.guard.openCircuit(key, maintenance)).rejects.toMatchObject({ code: "ERR_STATE_UNAVAILABLE" });
    await expect(read(a)).rejects.toMatchObject(isOpen);
    await expect(a.guard.closeCircuit(key, { by: "x" })).rejects.toMatchObject({ code: "ERR_STATE_UNAVAILABLE" });
    await expect(read(a)).rejects.toMatchObject(isOpen);
    a.line.mode = "up";
    await clock.advance(2_000);
    await expect(read(b)).rejects.toMatchObject(isOpen);
  });

  it("is each replica's own where nothing is shared", async () => {
    const { all, clock, shared } = await replicas(2, { circuitBreaker: { ...breaker, share: false } });
    const [a, b] = all as [Replica, Replica];
    await a.guard.openCircuit(key, maintenance);
    await fail(b, 2);
    await clock.advance(2_000);
    expect(circuit(a)).toMatchObject({ openedBy: "hand" });
    expect(circuit(b)).toMatchObject({ openedBy: "failures" });
    expect(await shared.inner.get("circuits")).toBeUndefined();
  });
});

describe("a circuit closed by hand", () => {
  it("closes in every replica, whatever opened it there", async () => {
    const { all, clock } = await replicas(2);
    const [a, b] = all as [Replica, Replica];
    await fail(a, 2);
    await fail(b, 2);
    await a.guard.closeCircuit(key, { by: "bob" });
    expect(circuit(a)?.state).toBe("closed");
    await clock.advance(1_000);
    expect(circuit(b)?.state).toBe("closed");
  });
});

describe("a circuit that opened by itself", () => {
  it("is a hint to other replicas, for the rest of its pause and not a moment longer", async () => {
    const { all, clock } = await replicas(2);
    const [a, b] = all as [Replica, Replica];
    await fail(a, 2);
    const endsAt = clock.monotonic() + (circuit(a)?.pauseMs ?? 0);
    await clock.advance(1_000);
    expect(circuit(b)).toMatchObject({ state: "open", openedBy: "hint" });
    expect(clock.monotonic() + (circuit(b)?.pauseMs ?? 0)).toBeCloseTo(endsAt, -1);
    await expect(read(b)).rejects.toMatchObject(isOpen);
    await clock.advance(endsAt - clock.monotonic() + 1);
    await read(b); // its own trial
    expect(circuit(b)).toMatchObject({ state: "closed" });
  });

  it("tells when its trial succeeds, and others try at once", async () => {
    const { all, clock } = await replicas(2);
    const [a, b] = all as [Replica, Replica];
    await fail(a, 2);
    await clock.advance(1_000);
    await fail(b, 0);
    await clock.advance(circuit(a)?.pauseMs ?? 0);
    await fail(b, 1); // the hint's pause is over: b's trial fails, and b's pause is longer
    expect(circuit(b)?.pauseMs).toBeGreaterThan(15_000);
    await clock.advance(2_000);
    await read(a);
    expect(circuit(a)?.state).toBe("closed");
    await clock.advance(1_000);
    expect(circuit(b)).toMatchObject({ state: "open", pauseMs: 0 });
    await read(b);
    expect(circuit(b)?.state).toBe("closed");
  });

  it("is no reason to stop for a replica whose requests succeed", async () => {
    const { all, clock } = await replicas(2);
    const [a, b] = all as [Replica, Replica];
    await fail(a, 2);
    await clock.advance(100);
    await read(b);
    await clock.advance(5_000);
    expect(circuit(b)?.state).toBe("closed");
  });

  it("does not come back by the same hint once a replica has closed its own", async () => {
    const { all, clock } = await replicas(2);
    const [a, b] = all as [Replica, Replica];
    await fail(a, 2);
    await clock.advance(1_000);
    await b.guard.closeCircuit(key, { by: "bob" });
    await clock.advance(60_000);
    expect([circuit(a)?.state, circuit(b)?.state]).toEqual(["closed", "closed"]);
  });

  it("is not passed on: a circuit that a hint opened tells nobody", async () => {
    const { all, clock, shared } = await replicas(2);
    const [a, b] = all as [Replica, Replica];
    await fail(a, 2);
    await clock.advance(1_000);
    expect(b.line.requests.writes).toBe(0);
    await a.guard.close();
    await shared.flush();
    await clock.advance(30_000);
    expect(b.line.requests.writes).toBe(0);
  });

  it("is written once, however many replicas find the same, and however often circuits change", async () => {
    const { all, clock } = await replicas(10);
    for (const replica of all) await fail(replica, 2);
    await clock.advance(2_000);
    const writes = () => all.reduce((sum, { line }) => sum + line.requests.writes, 0);
    expect(writes()).toBeLessThanOrEqual(3);
    const before = writes();
    const from = clock.monotonic();
    for (let i = 0; i < 5; i++) {
      await clock.advance(circuit(all[0] as Replica)?.pauseMs ?? 0);
      await fail(all[0] as Replica, 1);
    }
    expect(writes() - before).toBeLessThanOrEqual(Math.ceil((clock.monotonic() - from) / 500));
  });

  it("holds nobody longer than the longest pause, whatever the hint says", async () => {
    const { all, clock, shared } = await replicas(1, { circuitBreaker: { ...breaker, maxOpenMs: 20_000 } });
    const hint = { key, state: "open", pauseMs: 1e12, restMs: 1e12, at: clock.now() + 1e12, replica: "other" };
    const extra = [null, { key: 5 }, { ...hint, key: "bad" }, { ...hint, restMs: -1 }, hint];
    await shared.inner.put("circuits", JSON.stringify({ version: 1, changes: [], entries: [], extra }));
    await clock.advance(1_000);
    expect(all[0]?.guard.circuits()).toMatchObject([{ key, openedBy: "hint" }]);
    await clock.advance(20_000);
    await read(all[0] as Replica);
    await clock.advance(60_000);
    expect(circuit(all[0] as Replica)?.state).toBe("closed");
  });

  it("is over for a replica whose clock is far ahead", async () => {
    const { all, clock, shared } = await replicas(1);
    const hint = { key, state: "open", pauseMs: 10_000, restMs: 10_000, at: clock.now() - 3_600_000, replica: "other" };
    await shared.inner.put("circuits", JSON.stringify({ version: 1, changes: [], entries: [], extra: [hint] }));
    await clock.advance(1_000);
    expect(all[0]?.guard.circuits()).toEqual([]);
  });

  it("stops no call while the store is away: each replica finds out by itself", async () => {
    const { all, clock } = await replicas(2);
    const [a, b] = all as [Replica, Replica];
    a.line.mode = "hangs";
    b.line.mode = "down";
    await clock.advance(1_000);
    await fail(a, 2);
    await clock.advance(5_000);
    expect([circuit(a)?.state, circuit(b)]).toEqual(["open", undefined]);
    await read(b);
  });

  it("and a document that nobody can read changes nothing", async () => {
    const { all, clock, shared } = await replicas(1);
    const [a] = all as [Replica];
    await a.guard.openCircuit(key, maintenance);
    for (const text of ["", "null", "{}", '{"version":2}']) {
      await shared.inner.put("circuits", text);
      await clock.advance(1_000);
      await expect(read(a)).rejects.toMatchObject(isOpen);
    }
    await a.guard.closeCircuit(key, { by: "alice" });
    await read(a);
  });
});

describe("calls that wait for the rate limit while the circuit opens", () => {
  it("are not sent, and their tokens come back", async () => {
    const rules = [{ name: "slow", ratePerSecond: 1, burst: 2 }];
    const made = await acme({ rateLimit: { rules }, circuitBreaker: { ...breaker, openMs: 60_000 } });
    const { raw, clock, journal, guard } = made;
    raw.answers.push(down(), down());
    const flood = Array.from({ length: 20 }, (_, i) => made.client.resizeServer({ id: "srv-1", size: i }));
    const ended = Promise.allSettled(flood);
    await clock.advance(60_000);
    const results = (await ended).map((result) =>
      result.status === "rejected" ? (result.reason as { code?: string }).code : "ok",
    );
    expect(raw.sent).toHaveLength(2);
    expect(results.filter((code) => code === "ERR_CIRCUIT_OPEN")).toHaveLength(18);
    expect(journal.records.at(-1)).toMatchObject({ type: "outcome", result: "not-sent", error: "ERR_CIRCUIT_OPEN" });
    expect(journal.records.filter(({ type }) => type === "refusal")).toEqual([]);
    await guard.closeCircuit(key, { by: "bob" });
    await Promise.all([read(made), read(made)]); // at once: the burst is whole
  });

  it("are sent in observe mode, with a note", async () => {
    const rules = [{ name: "slow", ratePerSecond: 1, burst: 2 }];
    const { client, raw, clock, journal } = await acme({
      rateLimit: { rules },
      circuitBreaker: breaker,
      mode: { break: "observe" },
    });
    raw.answers.push(down(), down());
    const all = Promise.allSettled([1, 2, 3, 4].map((size) => client.resizeServer({ id: "srv-1", size })));
    await clock.runUntil(all);
    expect(raw.sent).toHaveLength(4);
    const note = { phase: "break", verdict: "would-refuse", code: "ERR_CIRCUIT_OPEN" };
    expect(journal.records.at(-1)).toMatchObject({ decisions: [{ phase: "limit" }, note] });
  });
});
