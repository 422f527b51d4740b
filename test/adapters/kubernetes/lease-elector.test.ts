import { type ElectionEvent, type LeaseElectorOptions, leaseElector } from "provider-guard/kubernetes";
import { type SimulatedClock, simulatedClock } from "provider-guard/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { apiError, type Fate, leaseClient, leaseServer, processClock } from "./lease-elector-model.ts";

const duration = { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2_000 };
const place = { namespace: "acme-system", name: "acme" };

/** A server with an unheld Lease, and electors on it. */
function election({ lease = true } = {}) {
  const clock = simulatedClock();
  const server = leaseServer();
  if (lease) server.create({ metadata: { ...place }, spec: {} });
  function elector(identity: string, options: Partial<LeaseElectorOptions> = {}) {
    const own = processClock(clock, 1, 0);
    const link: { fate: Fate } = { fate: { thereMs: 5, backMs: 5 } };
    const events: ElectionEvent[] = [];
    const leases = leaseClient(server, clock, own, () => link.fate);
    const onEvent = (event: ElectionEvent) => void events.push(event);
    const made = leaseElector({ leases, ...place, identity, clock: own, random: () => 0.5, onEvent, ...options });
    onTestFinished(() => {
      own.thaw();
      return settle(clock, made.close());
    });
    return { made, link, events, clock: own, types: () => events.map(({ type }) => type) };
  }
  return { clock, server, elector };
}

const settle = (clock: SimulatedClock, work: Promise<unknown>) => clock.runUntil(work.then(() => {}));

describe("leaseElector", () => {
  it("elects one of two at once where nobody holds the Lease, and writes what client-go reads", async () => {
    const { clock, server, elector } = election();
    const [a, b] = [elector("a"), elector("b")];
    await clock.advance(10_000);
    const [leader, other] = a.made.token === undefined ? [b, a] : [a, b];
    expect(leader.made.check().token).toBe(leader.made.token);
    expect(() => other.made.check()).toThrow(expect.objectContaining({ code: "ERR_LEADER_LOST", retryable: true }));
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(server.stored?.spec).toEqual({
      holderIdentity: leader.made.leader,
      leaseDurationSeconds: 15,
      leaseTransitions: 1,
      acquireTime: time,
      renewTime: time,
    });
    expect(leader.types()).toContain("elected");
    expect(other.events).toContainEqual({ type: "leader", identity: leader.made.leader });
  });

  it("stays elected as long as it renews, under one token", async () => {
    const { clock, elector } = election();
    const { made, types } = elector("a");
    await clock.advance(1_000);
    const { token } = made.check();
    await clock.advance(600_000);
    expect(made.check().token).toBe(token);
    expect(types()).toEqual(["leader", "elected"]);
  });

  it("keeps labels, annotations and unknown fields of the Lease", async () => {
    const { clock, server, elector } = election();
    server.edit((lease) => ({ ...lease, metadata: { ...lease.metadata, labels: { team: "a" } }, more: 1 }) as never);
    elector("a");
    await clock.advance(20_000);
    expect(server.stored).toMatchObject({ metadata: { labels: { team: "a" } }, more: 1 });
  });

  it("makes a missing Lease only after the time for which somebody may still believe in a deleted one", async () => {
    const { clock, elector } = election({ lease: false });
    const { made } = elector("a");
    await clock.advance(14_000);
    expect(made.token).toBeUndefined();
    expect(made.leader).toBeUndefined();
    await clock.advance(2_000);
    expect(made.check().token).toBe(102);
  });

  it("hands over within the lease's duration when the leader dies, with a greater token", async () => {
    const { clock, elector } = election();
    const a = elector("a");
    await clock.advance(1_000);
    const b = elector("b");
    await clock.advance(10_000);
    const { token } = a.made.check();
    a.link.fate = { thereMs: 5, backMs: 5, fault: "refused" };
    await clock.advance(18_000);
    expect(b.made.check().token).toBeGreaterThan(token);
    expect(a.made.token).toBeUndefined();
  });

  it("refuses what a frozen process asks when it wakes, before it can ask anybody", async () => {
    const { clock, elector } = election();
    const a = elector("a");
    await clock.advance(1_000);
    const leadership = a.made.check();
    a.clock.freeze();
    await clock.advance(60_000);
    expect(a.made.token).toBeUndefined();
    expect(() => a.made.check()).toThrow(expect.objectContaining({ code: "ERR_LEADER_LOST" }));
    expect(leadership.signal.aborted).toBe(true);
    a.clock.thaw();
    await clock.advance(10_000);
    expect(a.made.check().token).toBeGreaterThan(leadership.token); // a new term: nobody else wanted it
  });

  it("refuses after a sleep that the monotonic clock did not count", async () => {
    const { clock, elector } = election();
    const { made } = elector("a");
    await clock.advance(1_000);
    made.check();
    clock.jump(10_000);
    expect(() => made.check()).toThrow(expect.objectContaining({ code: "ERR_LEADER_LOST" }));
    await clock.advance(5_000);
    made.check();
    clock.jump(-3_600_000); // a wall clock set back takes nothing away, and gives nothing
    made.check();
    await clock.advance(60_000);
    made.check();
  });

  it("does not count what a slow answer took as time that it may lead", async () => {
    const { clock, elector, server } = election();
    const { made, link, events } = elector("a");
    await clock.advance(1_000);
    link.fate = { thereMs: 0, backMs: 4_900 };
    await clock.advance(2_000 + 4_900);
    link.fate = { thereMs: 5, backMs: 5, fault: "refused" };
    const sentAt = Date.parse(server.stored?.spec?.renewTime as string);
    await clock.advance(sentAt + 9_999 - clock.now());
    made.check();
    await clock.advance(1);
    expect(() => made.check()).toThrow();
    expect(events.at(-1)).toMatchObject({ type: "lost" });
  });

  it("loses its term within the renew deadline of an outage, aborts its signal, and leads again afterwards", async () => {
    const { clock, elector } = election();
    const { made, link, types } = elector("a");
    await clock.advance(1_000);
    const { signal, token } = made.check();
    link.fate = { thereMs: 5, backMs: 5, fault: "refused" };
    await clock.advance(8_000);
    made.check();
    await clock.advance(3_000);
    expect(signal.reason).toMatchObject({ code: "ERR_LEADER_LOST" });
    expect(types().filter((type) => type === "lost")).toHaveLength(1);
    link.fate = { thereMs: 5, backMs: 5 };
    await clock.advance(5_000);
    expect(made.check().token).toBeGreaterThan(token);
  });

  it("finds its own write again when the answer was lost", async () => {
    const { clock, elector, server } = election();
    const { made, link } = elector("a", {});
    link.fate = { thereMs: 5, backMs: 5, fault: "lost" };
    await clock.advance(100);
    link.fate = { thereMs: 5, backMs: 5 };
    await clock.advance(10_000);
    const { token } = made.check();
    link.fate = { thereMs: 5, backMs: 5, fault: "lost" };
    await clock.advance(3_000);
    link.fate = { thereMs: 5, backMs: 5 };
    await clock.advance(20_000);
    expect(made.check().token).toBe(token);
    expect(server.stored?.spec?.holderIdentity).toBe(made.leader);
  });

  it("goes on when somebody else changes the Lease's labels", async () => {
    const { clock, elector, server } = election();
    const { made, types } = elector("a");
    await clock.advance(1_000);
    server.edit((lease) => ({ ...lease, metadata: { ...lease.metadata, labels: { a: "b" } } }) as never);
    await clock.advance(60_000);
    made.check();
    expect(types()).not.toContain("lost");
  });

  it("ends its term when the Lease is deleted, and lets nobody lead before everybody may know", async () => {
    const { clock, elector, server } = election();
    const a = elector("a");
    await clock.advance(1_000);
    const b = elector("b");
    await clock.advance(5_000);
    a.link.fate = { thereMs: 5, backMs: 5, fault: "hangs" };
    server.remove();
    await clock.advance(9_000);
    expect(b.made.token).toBeUndefined();
    await clock.advance(12_000);
    b.made.check();
    expect(a.events.at(-1)).not.toMatchObject({ type: "elected" });
  });

  it("tells why it lost: deleted, or taken by hand", async () => {
    const { clock, elector, server } = election();
    const { made, events } = elector("a");
    await clock.advance(1_000);
    server.remove();
    await clock.advance(3_000);
    expect(events).toContainEqual(expect.objectContaining({ type: "lost", reason: "the Lease was deleted" }));
    await clock.advance(20_000);
    made.check();
    server.edit((lease) => ({ ...lease, spec: { ...lease.spec, holderIdentity: "somebody" } }));
    await clock.advance(5_000);
    expect(events).toContainEqual(expect.objectContaining({ type: "lost", reason: "somebody else took the Lease" }));
    expect(made.leader).toBe("somebody");
  });

  it("gives the Lease back when closed, so that another one leads at once", async () => {
    const { clock, elector, server } = election();
    const a = elector("a");
    await clock.advance(1_000);
    const b = elector("b");
    await clock.advance(5_000);
    const { signal } = a.made.check();
    await settle(clock, a.made.close());
    expect(server.stored?.spec?.holderIdentity).toBe("");
    expect(signal.aborted).toBe(true);
    expect(() => a.made.check()).toThrow(expect.objectContaining({ code: "ERR_LEADER_LOST", retryable: false }));
    await expect(a.made.elected()).rejects.toMatchObject({ code: "ERR_LEADER_LOST" });
    await clock.advance(4_000);
    b.made.check();
    await settle(clock, a.made.close());
  });

  it("closes though the API server hangs, and leaves nothing running", async () => {
    const { clock, elector } = election();
    const { made, link } = elector("a");
    await clock.advance(1_000);
    link.fate = { thereMs: 5, backMs: 5, fault: "hangs" };
    await clock.advance(2_500);
    await settle(clock, made.close());
    await clock.advance(100);
    expect(clock.pending).toBe(0);
  });

  it("does not take another's Lease for its own, though both have the same identity", async () => {
    const { clock, elector } = election();
    const a = elector("same", { random: () => 0.1 });
    await clock.advance(1_000);
    const b = elector("same", { random: () => 0.2 });
    await clock.advance(60_000);
    a.made.check();
    expect(b.made.token).toBeUndefined();
  });

  it("waits as long as the holder said, not as long as it would itself", async () => {
    const { clock, elector, server } = election();
    server.edit((lease) => ({ ...lease, spec: { holderIdentity: "other", leaseDurationSeconds: 60 } }));
    const { made } = elector("a");
    await clock.advance(59_000);
    expect(made.token).toBeUndefined();
    await clock.advance(4_000);
    made.check();
  });

  it.each([
    { holderIdentity: 7, leaseDurationSeconds: "x", leaseTransitions: 2 ** 31 - 1, renewTime: "yesterday" },
    { holderIdentity: "other", leaseDurationSeconds: -1, renewTime: "2999-01-01T00:00:00.000000Z" },
    null,
  ])("comes to lead whatever the Lease holds: %j", async (spec) => {
    const { clock, elector, server } = election();
    server.edit((lease) => ({ ...lease, spec }) as never);
    const { made } = elector("a");
    await clock.advance(20_000);
    made.check();
    expect(server.stored?.spec?.leaseTransitions).toBe(1);
  });

  it("tells what keeps it from leading, and goes on trying", async () => {
    const { clock, elector } = election();
    const forbidden = () => Promise.reject(apiError(403));
    const leases = {
      readNamespacedLease: forbidden,
      createNamespacedLease: forbidden,
      replaceNamespacedLease: forbidden,
    };
    const { events, made } = elector("a", { leases });
    await clock.advance(10_000);
    expect(made.token).toBeUndefined();
    expect(events.length).toBeGreaterThan(2);
    expect(events.length).toBeLessThan(8);
    expect(events[0]).toMatchObject({ type: "error", error: { code: 403 } });
  });

  it("waits for its election, unless aborted", async () => {
    const { clock, elector } = election();
    const a = elector("a");
    const leadership = await clock.runUntil(a.made.elected());
    expect(leadership.token).toBe(a.made.token);
    expect(await a.made.elected()).toBe(leadership);
    const b = elector("b");
    const controller = new AbortController();
    const aborted = b.made.elected({ signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(aborted).rejects.toThrow("enough");
    await expect(b.made.elected({ signal: controller.signal })).rejects.toThrow("enough");
    const closed = b.made.elected();
    closed.catch(() => {});
    await settle(clock, b.made.close());
    await expect(closed).rejects.toMatchObject({ code: "ERR_LEADER_LOST" });
  });

  it("does not let a listener that throws decide anything", async () => {
    const { clock, elector } = election();
    const onEvent = () => {
      throw new Error("listener");
    };
    const { made } = elector("a", { onEvent });
    await clock.advance(10_000);
    made.check();
  });

  it.each([
    [{ identity: "" }, "leaseElector.identity"],
    [{ name: "A/B" }, "leaseElector.name"],
    [{ leaseDurationMs: 1_500 }, "leaseElector.leaseDurationMs"],
    [{ renewDeadlineMs: 15_000 }, "leaseElector.renewDeadlineMs"],
    [{ retryPeriodMs: 6_000 }, "leaseElector.retryPeriodMs"],
    [{ leases: {} }, "leaseElector.leases"],
    [{ fast: true }, "leaseElector"],
  ])("refuses %j, naming the path", (wrong, path) => {
    const leases = leaseClient(leaseServer(), simulatedClock(), simulatedClock(), () => ({ thereMs: 0, backMs: 0 }));
    expect(() => leaseElector({ leases, ...place, ...duration, identity: "a", ...wrong } as never)).toThrow(
      expect.objectContaining({ code: "ERR_CONFIG_INVALID", message: expect.stringContaining(path) }),
    );
  });
});
