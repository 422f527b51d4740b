import type { Interceptor } from "provider-guard";
import { describe, expect, it } from "vitest";
import { AcmeError, acme, acmeOptions, subject } from "../support/acme.ts";

const slow = { rules: [{ name: "slow", ratePerSecond: 1, burst: 1 }] };

describe("the rate limit", () => {
  it("lets calls wait for their turn, and says so in the record", async () => {
    const { guard, client, raw, clock, journal } = await acme({ rateLimit: slow });
    const all = guard.reconcile(subject("a"), () =>
      Promise.all([1, 2, 3].map((size) => client.resizeServer({ id: "srv-1", size }))),
    );
    await clock.advance(999);
    expect(raw.sent).toHaveLength(1);
    await clock.advance(1);
    expect(raw.sent).toHaveLength(2);
    await clock.runUntil(all);
    expect(journal.records.at(-1)).toMatchObject({
      attempts: [{ waitedMs: 2000 }],
      decisions: [{ phase: "limit", verdict: "wait", ms: 2000, note: "slow" }],
    });
  });

  it("serves clusters in turn, whoever asks most", async () => {
    const { guard, client, raw, clock } = await acme({ rateLimit: slow });
    const ask = (name: string, count: number) =>
      guard.reconcile(subject(name), () =>
        Promise.all(Array.from({ length: count }, () => client.createServer({ name }))),
      );
    const all = Promise.all([ask("greedy", 100), ask("modest", 2)]);
    await clock.advance(4_000);
    const names = raw.sent.map(({ input }) => (input as { name: string }).name);
    expect(names).toEqual(["greedy", "greedy", "modest", "greedy", "modest"]);
    await clock.runUntil(all);
  });

  it("lets an aborted call leave: it spends nothing and never sends", async () => {
    const { client, raw, clock } = await acme({ rateLimit: slow });
    await client.resizeServer({ id: "srv-1", size: 1 });
    const controller = new AbortController();
    const aborted = expect(client.deleteServer({ id: "srv-1", signal: controller.signal })).rejects.toThrow("enough");
    const patient = client.resizeServer({ id: "srv-1", size: 2 });
    await clock.advance(500);
    controller.abort(new Error("enough"));
    await aborted;
    await clock.advance(500);
    await patient;
    expect(raw.sent.map(({ operation }) => operation)).toEqual(["resizeServer", "resizeServer"]);
  });

  it("does not start a call whose signal was aborted before", async () => {
    const { client, raw, journal } = await acme();
    const signal = AbortSignal.abort(new Error("too late"));
    await expect(client.deleteServer({ id: "srv-1", signal })).rejects.toThrow("too late");
    expect(raw.sent).toEqual([]);
    expect(journal.records.at(-1)).toMatchObject({ type: "outcome", result: "not-sent" });
  });

  it("refuses who would wait behind too many of the same cluster, and says when to come back", async () => {
    const { guard, client, clock } = await acme({ rateLimit: { ...slow, maxWaitingPerCluster: 2 } });
    const resize = (name: string) =>
      guard.reconcile(subject(name), () => client.resizeServer({ id: "srv-1", size: 1 }));
    const admitted = [resize("a"), resize("a"), resize("a")];
    await clock.advance(0);
    await expect(resize("a")).rejects.toMatchObject({
      code: "ERR_RATE_LIMIT_QUEUE_FULL",
      retryable: true,
      requeueAfterMs: 3000,
    });
    admitted.push(resize("b"));
    await clock.runUntil(Promise.all(admitted));
  });

  it("slows down when the cloud throttles, keeps away for as long as it asked, and recovers with success", async () => {
    const rules = [{ name: "ten", ratePerSecond: 10, burst: 1 }];
    const errors = (error: unknown) => ({
      class: (error as AcmeError).status === 429 ? ("throttled" as const) : ("unknown" as const),
      status: 429,
      retryAfterMs: 3000,
    });
    const { guard, client, raw, clock } = await acme({ rateLimit: { rules } }, { errors });
    raw.answers.push(new AcmeError("slow down", { status: 429 }));
    const limits = () => {
      const view = guard.explain({ client, operation: "listServers", input: [] });
      return view.stages.find(({ phase }) => phase === "limit")?.explanation?.reason ?? "";
    };
    await expect(client.listServers()).rejects.toThrow("slow down");
    expect(limits()).toContain("now 5.00/s");
    const next = client.listServers();
    await clock.advance(2_999);
    expect(raw.sent).toHaveLength(1);
    await clock.advance(1);
    await next;
    await clock.advance(60_000);
    await client.listServers();
    expect(limits()).toContain("now 10.00/s");
  });

  it("keeps a user's rules before the adapter's table, and that before the fallback", async () => {
    const limits = [{ name: "published", operations: ["list*"], ratePerSecond: 3, burst: 7 }];
    const rules = [{ name: "mine", kinds: ["delete" as const], ratePerSecond: 1, burst: 1 }];
    const { guard, client } = await acme({ rateLimit: { rules } }, { limits });
    const rule = (operation: string) => {
      const view = guard.explain({ client, operation, input: [] });
      return /rule "([\w-]+)"/.exec(view.stages.find(({ phase }) => phase === "limit")?.explanation?.reason ?? "")?.[1];
    };
    expect(["deleteServer", "listServers", "resizeServer", "getServer"].map(rule)).toEqual([
      "mine",
      "published",
      "default-mutating",
      "default-read",
    ]);
  });

  it("keeps accounts and regions apart, and clients of one account together", async () => {
    const { guard, client, raw, clock } = await acme({ rateLimit: slow });
    const { object } = await import("provider-guard/object");
    const { AcmeClient } = await import("../support/acme.ts");
    const sameAccount = guard.wrap(new AcmeClient(), object(acmeOptions));
    const otherRegion = guard.wrap(new AcmeClient(), object({ ...acmeOptions, region: "north" }));
    await client.resizeServer({ id: "srv-1", size: 1 });
    await otherRegion.resizeServer({ id: "srv-1", size: 1 });
    const waiting = sameAccount.resizeServer({ id: "srv-1", size: 1 });
    await clock.advance(500);
    expect([raw.sent.length, otherRegion.sent.length, sameAccount.sent.length]).toEqual([1, 1, 0]);
    await clock.runUntil(waiting);
  });

  it.each([
    [
      "throws at once",
      () => {
        throw new Error("not today");
      },
    ],
    ["rejects", () => Promise.reject(new Error("not today"))],
  ])("gives back the token of a request that never left because an interceptor further in %s", async (_how, fail) => {
    let failing = true;
    const moody: Interceptor = {
      name: "moody",
      ring: "attempt",
      after: "limit",
      intercept: (_attempt, next) => (failing ? fail() : next()),
    };
    const rules = [{ name: "one", ratePerSecond: 0.001, burst: 1 }];
    const { client, raw } = await acme({ rateLimit: { rules }, interceptors: [moody] });
    for (let i = 0; i < 3; i++) await expect(client.deleteServer({ id: "srv-1" })).rejects.toThrow("not today");
    failing = false;
    await client.deleteServer({ id: "srv-1" });
    expect(raw.sent).toHaveLength(1);
  });

  it("sends nothing when the signal aborts in the last moment before the wire", async () => {
    const controller = new AbortController();
    const last: Interceptor = {
      name: "last",
      ring: "attempt",
      after: "credential",
      intercept(_attempt, next) {
        controller.abort(new Error("too late"));
        return next();
      },
    };
    const { client, raw, journal } = await acme({ interceptors: [last] });
    await expect(client.deleteServer({ id: "srv-1", signal: controller.signal })).rejects.toThrow("too late");
    expect(raw.sent).toEqual([]);
    expect(journal.records.at(-1)).toMatchObject({ result: "not-sent" });
  });
});
