import { createGuard, type GuardOptions, type LimitRule, memoryState, type TokenLender } from "provider-guard";
import { object } from "provider-guard/object";
import { simulatedClock } from "provider-guard/testing";
import { describe, expect, it } from "vitest";
import { AcmeError, acme, acmeOptions, managementCluster, subject } from "../support/acme.ts";

const owner = { managementCluster, provider: "infrastructure-acme" };

/** As EC2 counts launches: a token for the request, and one for each instance. */
const launches: LimitRule = {
  name: "launches",
  operations: ["createServer"],
  buckets: [
    { name: "requests", ratePerSecond: 1, burst: 5 },
    { name: "instances", ratePerSecond: 2, burst: 10, weight: "count" },
  ],
};

describe("rules", () => {
  it("take from several buckets by what the input asks for: from all of them or from none", async () => {
    const { guard, client, raw, clock } = await acme({ rateLimit: { rules: [launches] } });
    const create = (count: number) =>
      guard.reconcile(subject("a"), () => client.createServer({ name: "x", count } as never));
    const tokens = () => Object.fromEntries(guard.limits().map(({ bucket, tokens: left }) => [bucket, left]));
    await create(7);
    expect(tokens()).toEqual({ requests: 4, instances: 3 });
    const waiting = create(5);
    await clock.advance(999);
    expect(raw.sent).toHaveLength(1);
    expect(tokens().requests).toBeGreaterThan(4); // nothing is taken while it waits
    await clock.advance(1);
    await waiting;
    expect(tokens()).toEqual({ requests: 4, instances: 0 });
  });

  it("refuse what no wait would let through, before anything is recorded as sent", async () => {
    const { guard, client, raw, journal } = await acme({ rateLimit: { rules: [launches] } });
    const create = guard.reconcile(subject("a"), () => client.createServer({ name: "x", count: 11 } as never));
    await expect(create).rejects.toMatchObject({
      code: "ERR_RATE_LIMIT_TOO_LARGE",
      retryable: false,
      message: expect.stringContaining("takes 11 tokens"),
    });
    expect(raw.sent).toEqual([]);
    expect(journal.records.at(-1)).toMatchObject({ type: "outcome", result: "not-sent" });
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, -3, "many", null, { length: -1 }])(
    "count a strange number in the input as one: %s",
    async (count) => {
      const { guard, client } = await acme({ rateLimit: { rules: [launches] } });
      await guard.reconcile(subject("a"), () => client.createServer({ name: "x", count } as never));
      expect(guard.limits().find(({ bucket }) => bucket === "instances")?.tokens).toBe(9);
    },
  );

  it("match by pattern, kind, resource type, account and region, and the first one wins", async () => {
    const rule = (name: string, match: Partial<LimitRule>) =>
      ({ name, ratePerSecond: 1, burst: 1, ...match }) as LimitRule;
    const rules = [
      rule("elsewhere", { cloud: "other" }),
      rule("north", { regions: ["north-*"] }),
      rule("prod", { accounts: ["prod"], kinds: ["delete"] }),
      rule("servers", { resourceTypes: ["server"], operations: ["*Server"] }),
      rule("rest", {}),
    ];
    const { guard } = await acme({ rateLimit: { rules } });
    const ruleOf = async (operation: string, place: { account?: string; region?: string } = {}) => {
      const { AcmeClient } = await import("../support/acme.ts");
      const client = guard.wrap(new AcmeClient(), object({ ...acmeOptions, ...place }));
      const view = guard.explain({ client, operation, input: [{}], ...place });
      const limit = view.stages.find(({ phase }) => phase === "limit");
      return /rule "(\w+)"/.exec(limit?.explanation?.reason ?? "")?.[1];
    };
    expect(await ruleOf("deleteServer", { region: "north-1" })).toBe("north");
    expect(await ruleOf("deleteServer", { account: "prod" })).toBe("prod");
    expect(await ruleOf("createServer", { account: "prod" })).toBe("servers");
    expect(await ruleOf("listServers")).toBe("rest");
  });

  it("keep a bucket for whatever they say it is per", async () => {
    const rules: LimitRule[] = [
      { name: "each", ratePerSecond: 0.001, burst: 1, per: ["account", "operation", "cluster"] },
    ];
    const { guard, client, raw } = await acme({ rateLimit: { rules, maxWaitMs: 0 } });
    const refused = expect.objectContaining({ code: "ERR_RATE_LIMIT_DEADLINE" });
    const calls = (name: string) =>
      guard.reconcile(subject(name), async () => {
        await client.resizeServer({ id: "srv-1", size: 1 });
        await client.deleteServer({ id: "srv-1" });
        await expect(client.deleteServer({ id: "srv-1" })).rejects.toEqual(refused);
      });
    await calls("a");
    await calls("b");
    expect(raw.sent).toHaveLength(4);
    expect(guard.limits().map(({ labels }) => labels)).toContainEqual({
      cloud: "acme",
      account: "default",
      operation: "deleteServer",
      cluster: "uid-b",
    });
  });

  it("share a bucket that they both name", async () => {
    const total = { name: "total", ratePerSecond: 1, burst: 3 };
    const rules: LimitRule[] = [
      { name: "deletes", kinds: ["delete"], buckets: [{ name: "deletes", ratePerSecond: 1, burst: 1 }, total] },
      { name: "rest", buckets: [total] },
    ];
    const { guard, client } = await acme({ rateLimit: { rules } });
    await client.deleteServer({ id: "srv-1" });
    await client.listServers();
    expect(guard.limits().find(({ bucket }) => bucket === "total")?.tokens).toBe(1);
  });

  it.each<[unknown, string]>([
    [[{ name: "x" }], "rateLimit.rules[0].ratePerSecond"],
    [[{ name: "x", ratePerSecond: 1, burst: 0.5 }], "rateLimit.rules[0].burst"],
    [[{ name: "x", ratePerSecond: 1, burst: 1, weight: 2 }], 'rateLimit.rules[0]: bucket "x"'],
    [[{ name: "x", ratePerSecond: 1, burst: 1, weight: -1 }], "rateLimit.rules[0].weight"],
    [[{ name: "x", ratePerSecond: 1, burst: 1, limit: 3 }], "rateLimit.rules[0]"],
    [[{ name: "x", buckets: [] }], "rateLimit.rules[0].buckets"],
    [[{ name: "x", ratePerSecond: 1, buckets: [{ name: "y", ratePerSecond: 1, burst: 1 }] }], "rateLimit.rules[0]"],
    [[{ name: "x", ratePerSecond: 1, burst: 1, per: ["hour"] }], "rateLimit.rules[0].per[0]"],
    [
      [
        { name: "x", buckets: [{ name: "same", ratePerSecond: 1, burst: 1 }] },
        { name: "y", buckets: [{ name: "same", ratePerSecond: 2, burst: 1 }] },
      ],
      'rateLimit.rules[1]: bucket "same"',
    ],
    [[null], "rateLimit.rules[0]"],
    ["all", "rateLimit.rules"],
  ])("are refused with their path where they make no sense: %#", async (rules, path) => {
    const made = createGuard({ owner, audit: false, rateLimit: { rules } as GuardOptions["rateLimit"] & object });
    await expect(made).rejects.toMatchObject({ code: "ERR_CONFIG_INVALID", message: expect.stringContaining(path) });
  });
});

const slow = { rules: [{ name: "slow", ratePerSecond: 1, burst: 1 }] };

describe("waiting", () => {
  it("is refused at once where it cannot end within the reconcile's time", async () => {
    const { guard, client, raw, clock, journal } = await acme({ rateLimit: slow });
    await client.resizeServer({ id: "srv-1", size: 0 });
    const started = [1, 2, 3].map((size) =>
      guard.reconcile(subject("a"), () => client.resizeServer({ id: "srv-1", size }), { timeoutMs: 2_500 }),
    );
    await expect(started[2]).rejects.toMatchObject({
      code: "ERR_RATE_LIMIT_DEADLINE",
      retryable: true,
      requeueAfterMs: 3_000,
    });
    await clock.runUntil(Promise.all(started.slice(0, 2)));
    expect(raw.sent).toHaveLength(3);
    const refused = journal.records.filter((record) => record.type === "outcome" && record.result === "not-sent");
    expect(refused).toMatchObject([
      { error: "ERR_RATE_LIMIT_DEADLINE", decisions: [{ phase: "limit", verdict: "refuse" }] },
    ]);
  });

  it("has an end of its own where the reconcile names none", async () => {
    const { client } = await acme({ rateLimit: { ...slow, maxWaitMs: 1_500 } });
    await client.resizeServer({ id: "srv-1", size: 0 });
    void client.resizeServer({ id: "srv-1", size: 1 }).catch(() => {});
    await expect(client.resizeServer({ id: "srv-1", size: 2 })).rejects.toMatchObject({
      code: "ERR_RATE_LIMIT_DEADLINE",
    });
  });

  /** The order in which one cluster's calls leave when they all wait for one token a second. */
  async function orderOf(options: Partial<GuardOptions>, priorities: readonly (number | undefined)[] = []) {
    const { guard, client, raw, clock } = await acme(options);
    await client.listServers();
    const machine = subject("a", "m");
    const run = async (who: typeof machine, call: () => Promise<unknown>) => {
      const priority = priorities[calls.length];
      calls.push(guard.reconcile(who, call, priority === undefined ? {} : { priority }));
      await clock.advance(10);
    };
    const calls: Promise<unknown>[] = [];
    await run(machine, () => client.deleteServer({ id: "srv-1" }));
    await run(machine, () => client.listServers());
    await run(subject("a"), () => client.resizeServer({ id: "srv-1", size: 1 }));
    await run(machine, () => client.createServer({ name: "x" }));
    await clock.runUntil(Promise.all(calls));
    return raw.sent.slice(1).map(({ operation }) => operation);
  }

  it("puts what unblocks a machine first, and clean-up last", async () => {
    expect(await orderOf({ rateLimit: slow })).toEqual(["createServer", "resizeServer", "listServers", "deleteServer"]);
  });

  it("follows the reconcile's priority", async () => {
    expect(await orderOf({ rateLimit: slow }, [9])).toEqual([
      "deleteServer",
      "createServer",
      "resizeServer",
      "listServers",
    ]);
  });

  it("follows the user's own order, whatever it returns", async () => {
    const byName: Record<string, number> = {
      listServers: 99,
      resizeServer: 8,
      createServer: Number.NaN,
      deleteServer: -5,
    };
    const rateLimit = { ...slow, priority: ({ operation }: { operation: string }) => byName[operation] };
    expect(await orderOf({ rateLimit })).toEqual(["listServers", "resizeServer", "createServer", "deleteServer"]);
  });

  it.each([
    [{ priority: 10 }, "reconcile.priority"],
    [{ priority: 0.5 }, "reconcile.priority"],
    [{ timeoutMs: 0 }, "reconcile.timeoutMs"],
    [{ signal: "soon" }, "reconcile.signal"],
    [{ deadline: 3 }, "deadline"],
  ])("takes no options that make no sense: %#", async (options, path) => {
    const { guard } = await acme();
    await expect(guard.reconcile(subject("a"), () => 1, options as never)).rejects.toMatchObject({
      code: "ERR_CONFIG_INVALID",
      message: expect.stringContaining(path),
    });
  });
});

describe("a state store that lends the tokens and is out of reach", () => {
  it("lets calls wait, then says so, and goes on once it is back", async () => {
    const clock = simulatedClock();
    let down = true;
    const lender: TokenLender = {
      replicas: undefined,
      alone: false,
      async lease({ ratePerSecond, need, held }) {
        if (down) throw new Error("connection refused");
        return { tokens: need, kept: held, validMs: 1_000, retryMs: 0, ratePerSecond, pausedMs: 0 };
      },
    };
    const state = { ...memoryState({ clock }), lender };
    const { guard, client, raw } = await acme({ clock, state, rateLimit: { ...slow, maxWaitMs: 2_000 } });
    const refused = expect(client.listServers()).rejects.toMatchObject({
      code: "ERR_RATE_LIMIT_DEADLINE",
      retryable: true,
      message: expect.stringContaining("the state store that lends its tokens cannot be reached"),
    });
    await clock.advance(1_000);
    expect(guard.limits()).toMatchObject([{ source: "unreachable", waiting: 1 }]);
    await clock.advance(1_000);
    await refused;
    const patient = client.listServers();
    down = false;
    await clock.advance(500);
    await patient;
    expect(guard.limits()).toMatchObject([{ source: "shared", waiting: 0 }]);
    expect(raw.sent).toHaveLength(1);
  });
});

describe("guard.limits", () => {
  it("shows each bucket: what is left, what was learned, who waits", async () => {
    const rules = [{ name: "ten", ratePerSecond: 10, burst: 2 }];
    const errors = () => ({ class: "throttled" as const, retryAfterMs: 3_000 });
    const { guard, client, raw, clock } = await acme({ rateLimit: { rules } }, { errors });
    expect(guard.limits()).toEqual([]);
    raw.answers.push(new AcmeError("slow down", { status: 429 }));
    await expect(client.listServers()).rejects.toThrow("slow down");
    const waiting = [client.listServers(), client.listServers()];
    await clock.advance(1_000);
    expect(guard.limits()).toEqual([
      {
        bucket: "ten",
        labels: { cloud: "acme", account: "default", region: "default" },
        maxRatePerSecond: 10,
        ratePerSecond: 5,
        burst: 2,
        tokens: 2,
        waiting: 2,
        pausedMs: 2_000,
        source: "local",
      },
    ]);
    await clock.runUntil(Promise.all(waiting));
  });

  it("is empty where the limit is turned off", async () => {
    const { guard, client } = await acme({ rateLimit: false });
    await client.listServers();
    expect(guard.limits()).toEqual([]);
  });
});

describe("what the cloud says is left", () => {
  it("lowers the bucket at once, and holds it where nothing is left for a while", async () => {
    const answers = [{ remaining: 2 }, { remaining: 0, resetMs: 5_000 }];
    const answer = () => ({ class: "ok" as const, ...answers.shift() });
    const rules = [{ name: "ten", ratePerSecond: 0.001, burst: 10 }];
    const adapter = { ...object(acmeOptions), answer };
    const { guard, clock } = await acme({ rateLimit: { rules } });
    const { AcmeClient } = await import("../support/acme.ts");
    const raw = new AcmeClient();
    const client = guard.wrap(raw, adapter);
    await client.listServers();
    expect(guard.limits()[0]?.tokens).toBe(2);
    await client.listServers();
    expect(guard.limits()[0]).toMatchObject({ tokens: 0, pausedMs: 5_000 });
    const waiting = client.listServers();
    await clock.advance(200_000);
    expect(raw.sent).toHaveLength(2);
    waiting.catch(() => {});
    await guard.close({ signal: AbortSignal.abort() });
  });

  it("never raises it", async () => {
    const answer = () => ({ class: "ok" as const, remaining: 4_000 });
    const { guard } = await acme({ rateLimit: { rules: [{ name: "two", ratePerSecond: 0.001, burst: 2 }] } });
    const { AcmeClient } = await import("../support/acme.ts");
    const client = guard.wrap(new AcmeClient(), { ...object(acmeOptions), answer });
    await client.listServers();
    expect(guard.limits()[0]?.tokens).toBe(1);
  });
});
