import type { Interceptor } from "provider-guard";
import { createGuard } from "provider-guard";
import { object } from "provider-guard/object";
import { describe, expect, it } from "vitest";
import { AcmeError, acme, managementCluster, subject } from "../support/acme.ts";
import { memoryJournal } from "../support/memory-journal.ts";

const owner = { managementCluster, provider: "infrastructure-acme" };

describe("interceptors of one's own", () => {
  it("stand just outside or just inside the phase they name", async () => {
    const order: string[] = [];
    const at = (name: string, place: object) =>
      ({
        name,
        ...place,
        async intercept(_subject: unknown, next: () => Promise<unknown>) {
          order.push(`>${name}`);
          const result = await next();
          order.push(`<${name}`);
          return result;
        },
      }) as Interceptor;
    const interceptors = [
      at("after-own", { ring: "operation", after: "own" }),
      at("before-own", { ring: "operation", before: "own" }),
      at("before-limit", { ring: "attempt", before: "limit" }),
      at("outermost", { ring: "operation", before: "observe" }),
    ];
    const { client, guard } = await acme({ interceptors });
    await client.listServers();
    expect(order).toEqual([
      ">outermost",
      ">before-own",
      ">after-own",
      ">before-limit",
      "<before-limit",
      "<after-own",
      "<before-own",
      "<outermost",
    ]);
    const names = guard.explain().stages.map(({ interceptor }) => interceptor);
    expect(names).toEqual([
      "outermost",
      "observe",
      "freeze",
      undefined,
      undefined,
      "before-own",
      "own",
      "after-own",
      undefined,
      "record",
      "circuit-breaker",
      "before-limit",
      "rate-limit",
      "credential",
      "trace",
    ]);
  });

  it("can refuse a call, answer in its place, and change what is sent", async () => {
    const deny: Interceptor = {
      name: "deny",
      ring: "operation",
      before: "record",
      intercept(call, next) {
        if (call.operation === "deleteServer") return Promise.reject(new Error("not on Fridays"));
        if (call.operation === "listServers") return Promise.resolve(["cached"]);
        call.input = [{ id: "srv-1", size: 1 }];
        return next();
      },
    };
    const { client, raw } = await acme({ interceptors: [deny] });
    await expect(client.deleteServer({ id: "srv-1" })).rejects.toThrow("not on Fridays");
    expect(await client.listServers()).toEqual(["cached"]);
    await client.resizeServer({ id: "srv-1", size: 99 });
    expect(raw.sent).toEqual([{ operation: "resizeServer", input: { id: "srv-1", size: 1 } }]);
  });

  it.each([
    [{ name: "x", ring: "attempt", before: "own", intercept() {} }, "interceptors[0].before"],
    [{ name: "x", ring: "operation", after: "limit", intercept() {} }, "interceptors[0].after"],
    [{ name: "x", ring: "sideways", before: "own", intercept() {} }, "interceptors[0].ring"],
    [{ name: "x", ring: "operation", before: "own", after: "own", intercept() {} }, "interceptors[0]"],
    [{ name: "own", ring: "operation", before: "own", intercept() {} }, "interceptors[0].name"],
    [{ name: "x", ring: "operation", before: "own" }, "interceptors[0].intercept"],
    [null, "interceptors[0]"],
  ])("are refused where they cannot stand: %#", async (interceptor, path) => {
    const made = createGuard({ owner, audit: false, interceptors: [interceptor as never] });
    await expect(made).rejects.toMatchObject({ code: "ERR_CONFIG_INVALID", message: expect.stringContaining(path) });
  });
});

describe("a method that is no async function", () => {
  it("answers by a promise, and what it returns or throws is recorded", async () => {
    const journal = memoryJournal();
    const guard = await createGuard({ owner, audit: journal });
    const plain = {
      getServer: () => ({ id: "srv-1" }) as unknown as Promise<unknown>,
      listServers(): Promise<unknown> {
        throw new AcmeError("down", { status: 503 });
      },
    };
    const operations = { getServer: { kind: "read" }, listServers: { kind: "read" } } as const;
    const client = guard.wrap(plain, object({ cloud: "acme", operations }));
    await expect(client.getServer()).resolves.toEqual({ id: "srv-1" });
    await expect(client.listServers()).rejects.toThrow("down");
    await guard.close();
    const reads = journal.records.filter(({ type }) => type === "read");
    expect(reads).toMatchObject([
      { operation: "getServer", result: "ok", attempts: [{ result: "ok" }] },
      { operation: "listServers", result: "unknown", attempts: [{ result: "outage", status: 503 }] },
    ]);
  });
});

describe("observe mode", () => {
  it("lets every call through and records what would have been refused", async () => {
    const rules = [{ name: "tight", ratePerSecond: 0.01, burst: 1 }];
    const { guard, client, raw, journal } = await acme({ mode: "observe", rateLimit: { rules } });
    await guard.freeze({ reason: "incident", by: "alice" });
    await client.createServer({ name: "outside" });
    await client.deleteServer({ id: "srv-1" });
    expect(raw.sent).toHaveLength(2);
    expect(raw.sent[0]?.input).toEqual({ name: "outside" });
    const outcomes = journal.records.filter(({ type }) => type === "outcome");
    expect(outcomes).toMatchObject([
      {
        decisions: [
          { phase: "freeze", verdict: "would-refuse", code: "ERR_FREEZE_ACTIVE" },
          { phase: "own", verdict: "would-refuse", code: "ERR_OWNER_MISSING" },
        ],
      },
      {
        decisions: [
          { phase: "freeze", verdict: "would-refuse" },
          { phase: "limit", verdict: "would-wait", note: "tight" },
        ],
      },
    ]);
  });

  it("is set phase by phase", async () => {
    const { guard, client, raw } = await acme({ mode: { own: "observe" } });
    await client.createServer({ name: "outside" });
    await guard.freeze({ reason: "incident", by: "alice" });
    await expect(client.createServer({ name: "frozen" })).rejects.toMatchObject({ code: "ERR_FREEZE_ACTIVE" });
    expect(raw.sent).toHaveLength(1);
  });

  it("lets a refusal by a phase further in through, once", async () => {
    const rules = [{ name: "one", ratePerSecond: 0.001, burst: 1 }];
    const { client, raw, journal } = await acme({
      mode: { own: "observe", freeze: "observe" },
      rateLimit: { rules, maxWaitingPerCluster: 0 },
    });
    await client.deleteServer({ id: "srv-1" });
    await expect(client.deleteServer({ id: "srv-1" })).rejects.toMatchObject({ code: "ERR_RATE_LIMIT_QUEUE_FULL" });
    expect(raw.sent).toHaveLength(1);
    expect(journal.records.filter(({ type }) => type === "intent")).toHaveLength(2);
  });

  it("does not swallow the cloud's own errors, nor send twice", async () => {
    const { client, raw } = await acme({ mode: "observe" });
    raw.answers.push(new AcmeError("no", { status: 403 }));
    await expect(client.deleteServer({ id: "srv-1" })).rejects.toThrow("no");
    expect(raw.sent).toHaveLength(1);
  });
});

describe("guard.explain", () => {
  it("prints the pipeline", async () => {
    const { guard } = await acme({ mode: { limit: "observe" } });
    expect(String(guard.explain())).toMatchInlineSnapshot(`
      "operation observe    observe
      operation freeze     freeze
      operation permit     -
      operation approve    -
      operation own        own
      operation quota      -
      operation record     record
      attempt   break      circuit-breaker
      attempt   limit      rate-limit (observe)
      attempt   credential credential
      attempt   trace      trace"
    `);
  });

  it("says what each phase would do with a call, without making it", async () => {
    const { guard, client, raw, journal } = await acme();
    const ask = (owner?: ReturnType<typeof subject>) => {
      const question = { client, operation: "createServer", input: [{ name: "x" }] };
      const view = guard.explain(owner === undefined ? question : { ...question, owner });
      return Object.fromEntries(view.stages.map((stage) => [stage.phase, stage.explanation?.verdict]));
    };
    expect(ask()).toMatchObject({ freeze: "pass", own: "refuse", record: "pass", limit: "pass", break: "pass" });
    expect(ask(subject("a"))).toMatchObject({ own: "change" });
    await guard.freeze({ reason: "incident", by: "alice" });
    expect(ask(subject("a"))).toMatchObject({ freeze: "refuse" });
    expect(raw.sent).toEqual([]);
    expect(journal.records).toMatchObject([{ type: "notice" }]);
  });

  it("names the rule that a call meets and the wait it would have", async () => {
    const rules = [{ name: "deletes", operations: ["delete*"], ratePerSecond: 0.5, burst: 1 }];
    const { guard, client } = await acme({ rateLimit: { rules } });
    await client.deleteServer({ id: "srv-1" });
    const view = guard.explain({ client, operation: "deleteServer", input: [{ id: "srv-1" }] });
    const limit = view.stages.find(({ phase }) => phase === "limit")?.explanation;
    expect(limit).toMatchObject({
      verdict: "wait",
      reason: expect.stringContaining('rule "deletes": bucket deletes|acme|default|default (0.5/s, burst 1, '),
    });
    expect(limit?.reason).toContain("2000 ms");
  });

  it("asks only about clients of this guard", async () => {
    const { guard } = await acme();
    expect(() => guard.explain({ client: {}, operation: "x", input: undefined })).toThrow(
      expect.objectContaining({ code: "ERR_ADAPTER_MISMATCH" }),
    );
  });
});

describe("guard.close", () => {
  it("takes no further calls, waits for those in flight, and closes the journal after their outcomes", async () => {
    const { guard, client, raw, journal } = await acme();
    let answer = () => {};
    raw.deleteServer = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    const inFlight = client.deleteServer({ id: "srv-1" });
    await new Promise((resolve) => setImmediate(resolve));
    const closed = guard.close();
    await expect(client.listServers()).rejects.toMatchObject({ code: "ERR_GUARD_CLOSED" });
    expect(journal.closed).toBe(false);
    answer();
    await Promise.all([inFlight, closed]);
    expect(journal.closed).toBe(true);
    expect(journal.records.at(-1)).toMatchObject({ type: "outcome", result: "ok" });
    expect(() => guard.wrap({}, { name: "x" } as never)).toThrow(expect.objectContaining({ code: "ERR_GUARD_CLOSED" }));
    await guard.close();
  });

  it("sends waiting calls away when its signal aborts", async () => {
    const rules = [{ name: "one", ratePerSecond: 0.001, burst: 1 }];
    const { guard, client, raw } = await acme({ rateLimit: { rules } });
    await client.deleteServer({ id: "srv-1" });
    const waiting = expect(client.deleteServer({ id: "srv-2" })).rejects.toMatchObject({ code: "ERR_GUARD_CLOSED" });
    await guard.close({ signal: AbortSignal.abort() });
    await waiting;
    expect(raw.sent).toHaveLength(1);
  });

  it("is what `await using` calls", async () => {
    const { guard, journal } = await acme();
    await guard[Symbol.asyncDispose]();
    expect(journal.closed).toBe(true);
  });
});
