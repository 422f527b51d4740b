import { GuardError } from "provider-guard";
import { type EventObject, type EventRecorderOptions, type EventsApi, eventRecorder } from "provider-guard/kubernetes";
import { simulatedClock } from "provider-guard/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { acme, subject } from "../../support/acme.ts";
import { apiError } from "./lease-elector-model.ts";

/** The API server as far as events go, with its rules about them. */
function eventServer() {
  const stored = new Map<string, EventObject>();
  const requests: string[] = [];
  const state = { fails: undefined as unknown, hangs: false };
  let version = 0;
  async function serve(verb: string, namespace: string, body: EventObject): Promise<EventObject> {
    requests.push(verb);
    if (state.hangs) return new Promise(() => {});
    if (state.fails !== undefined) throw state.fails;
    const { metadata, regarding, reason = "", note = "", action = "", series } = body;
    const name = metadata?.name ?? "";
    const valid =
      /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name) &&
      metadata?.namespace === namespace &&
      regarding?.namespace === namespace &&
      /^[A-Z]\w{0,127}$/.test(reason) &&
      action.length > 0 &&
      action.length <= 128 &&
      Buffer.byteLength(note) <= 1_024 &&
      /\.\d{6}Z$/.test(String(body.eventTime)) &&
      (series === undefined || series.count >= 2);
    if (!valid) throw apiError(422);
    const before = stored.get(name);
    if (verb === "create" && before !== undefined) throw apiError(409);
    if (verb === "update" && before === undefined) throw apiError(404);
    if (before !== undefined && before.note !== note) throw apiError(422);
    const kept = { ...body, metadata: { ...metadata, resourceVersion: String(++version) } };
    stored.set(name, kept);
    return structuredClone(kept);
  }
  const events: EventsApi = {
    createNamespacedEvent: ({ namespace, body }) => serve("create", namespace, body),
    replaceNamespacedEvent: ({ namespace, body }) => serve("update", namespace, body),
  };
  return { events, stored, requests, state };
}

const machine = (name = "m-1") => ({
  apiVersion: "cluster.x-k8s.io/v1beta2",
  kind: "Machine",
  namespace: "default",
  name,
  uid: `uid-${name}`,
});
const full = () => new GuardError("ERR_QUOTA_EXCEEDED", "quota machines: 10 of 10", { retryable: true });

function recorder(options: Partial<EventRecorderOptions> = {}) {
  const server = eventServer();
  const clock = simulatedClock();
  const made = eventRecorder({ events: server.events, controller: "acme.example/machines", clock, ...options });
  onTestFinished(() => clock.runUntil(made.close()));
  return { server, clock, made, written: () => [...server.stored.values()] };
}

describe("eventRecorder", () => {
  it("writes an event that says what was refused, of which object, and why", async () => {
    const { made, written } = recorder({ instance: "pod-1" });
    made.record(machine(), full(), "createServer");
    await made.flush();
    expect(written()).toEqual([
      expect.objectContaining({
        apiVersion: "events.k8s.io/v1",
        kind: "Event",
        type: "Warning",
        regarding: machine(),
        reason: "QuotaExceeded",
        action: "createServer",
        note: "quota machines: 10 of 10",
        reportingController: "acme.example/machines",
        reportingInstance: "pod-1",
      }),
    ]);
    expect(written()[0]?.series).toBeUndefined();
  });

  it("counts what happens again in one event, until it was quiet for six minutes", async () => {
    const { made, clock, written } = recorder();
    for (let i = 0; i < 3; i++) {
      made.record(machine(), full(), "createServer");
      await clock.advance(60_000);
    }
    expect(written()).toMatchObject([{ series: { count: 3 } }]);
    await clock.advance(361_000);
    made.record(machine(), full(), "createServer");
    await made.flush();
    expect(written()).toHaveLength(2);
  });

  it("writes so many for one object in a minute, counts the others, and leaves other objects theirs", async () => {
    const { made, clock, server, written } = recorder({ perMinute: 3 });
    for (let i = 0; i < 50; i++) {
      made.record(machine(), full(), "createServer");
      await made.flush();
    }
    made.record(machine("m-2"), full(), "createServer");
    await made.flush();
    expect(server.requests).toHaveLength(4);
    expect(made.dropped).toBe(47);
    await clock.advance(20_000);
    made.record(machine(), full(), "createServer");
    await made.flush();
    expect(written().find(({ regarding }) => regarding?.name === "m-1")?.series?.count).toBe(51);
  });

  it("waits for nothing: what comes too fast is dropped, and memory stays bounded", async () => {
    const { made, server, clock } = recorder({ maxQueued: 10 });
    server.state.hangs = true;
    for (let i = 0; i < 5_000; i++) made.record(machine(`m-${i}`), full(), "createServer");
    expect(made.dropped).toBe(4_990);
    await clock.advance(5_000);
    server.state.hangs = false;
    await clock.runUntil(made.flush());
    expect(made.dropped).toBe(4_992); // the second had begun, too
    expect(server.requests).toHaveLength(10);
  });

  it("counts what could not be written, says why, and goes on", async () => {
    const errors: unknown[] = [];
    const onError = (error: unknown) => {
      errors.push(error);
      throw new Error("listener");
    };
    const { made, server, written } = recorder({ onError });
    server.state.fails = apiError(403);
    made.record(machine(), full(), "createServer");
    await made.flush();
    expect(errors).toMatchObject([{ code: 403 }]);
    expect(made.dropped).toBe(1);
    server.state.fails = undefined;
    made.record(machine(), full(), "createServer");
    await made.flush();
    expect(written()).toMatchObject([{ series: { count: 2 } }]);
  });

  it("writes a new event where the old one is gone", async () => {
    const { made, server, written } = recorder();
    made.record(machine(), full(), "createServer");
    await made.flush();
    server.stored.clear();
    made.record(machine(), full(), "createServer");
    await made.flush();
    expect(written()).toMatchObject([{ series: { count: 2 } }]);
  });

  it("copies no message of a service, and at most 1024 bytes of the guard's own", async () => {
    const { made, written } = recorder();
    made.record(machine(), new Error("password=hunter2"), "createServer");
    made.record(machine(), new GuardError("ERR_QUOTA_EXCEEDED", "é😀".repeat(500)), "x".repeat(500));
    made.record(machine("a.b-".repeat(60)), full(), "");
    made.record(undefined as never, full(), "x");
    await made.flush();
    expect(JSON.stringify(written())).not.toContain("hunter2");
    expect(written().map(({ reason }) => reason)).toEqual(["InternalError", "QuotaExceeded", "QuotaExceeded"]);
    expect(written()[1]?.note).toMatch(/^(é😀)+é?…$/u);
    expect(made.dropped).toBe(1);
  });

  it("reports the guard's refusals of a Machine or Cluster, and nothing else, without changing the call", async () => {
    const { made, written } = recorder();
    const { guard, client, raw } = await acme({ interceptors: [made.interceptor] });
    await guard.freeze({ reason: "incident 42", by: "alice" });
    const remove = () => client.deleteServer({ id: "srv-1" });
    await expect(guard.reconcile(subject("a", "m"), remove)).rejects.toMatchObject({ code: "ERR_FREEZE_ACTIVE" });
    await expect(guard.reconcile(subject("a"), remove)).rejects.toMatchObject({ code: "ERR_FREEZE_ACTIVE" });
    await expect(remove()).rejects.toMatchObject({ code: "ERR_FREEZE_ACTIVE" }); // of nobody
    raw.answers.push(new Error("the cloud's own"));
    await expect(guard.reconcile(subject("a"), () => client.listServers())).rejects.toThrow("the cloud's own");
    await guard.reconcile(subject("a"), () => client.listServers());
    await made.flush();
    expect(written()).toMatchObject([
      { reason: "FreezeActive", action: "deleteServer", regarding: { kind: "Machine", name: "m", uid: "uid-m" } },
      { reason: "FreezeActive", action: "deleteServer", regarding: { kind: "Cluster", name: "a", uid: "uid-a" } },
    ]);
  });

  it("does not hold up a call while the API server hangs", async () => {
    const { made, server } = recorder();
    server.state.hangs = true;
    const { guard, client } = await acme({ interceptors: [made.interceptor] });
    await guard.freeze({ reason: "incident 42", by: "alice" });
    for (let i = 0; i < 3; i++) {
      const refused = guard.reconcile(subject("a", "m"), () => client.deleteServer({ id: "srv-1" }));
      await expect(refused).rejects.toMatchObject({ code: "ERR_FREEZE_ACTIVE" });
    }
  });

  it("writes what waits when closed, but not for ever, and takes no more", async () => {
    const { made, server, clock } = recorder();
    made.record(machine(), full(), "createServer");
    await clock.runUntil(made.close());
    expect(server.requests).toHaveLength(1);
    made.record(machine(), full(), "createServer");
    await made.flush();
    expect(server.requests).toHaveLength(1);
    const hanging = recorder();
    hanging.server.state.hangs = true;
    for (let i = 0; i < 4; i++) hanging.made.record(machine(`m-${i}`), full(), "createServer");
    await hanging.clock.runUntil(hanging.made.close());
    expect(hanging.made.dropped).toBe(4);
    expect(hanging.clock.pending).toBe(0);
  });

  it.each([
    [{ controller: "" }, "eventRecorder.controller"],
    [{ events: {} }, "eventRecorder.events"],
    [{ perMinute: 0 }, "eventRecorder.perMinute"],
    [{ burst: 1 }, "eventRecorder"],
  ])("refuses %j, naming the path", (wrong, path) => {
    const { events } = eventServer();
    expect(() => eventRecorder({ events, controller: "acme", ...wrong } as never)).toThrow(
      expect.objectContaining({ code: "ERR_CONFIG_INVALID", message: expect.stringContaining(path) }),
    );
  });
});
