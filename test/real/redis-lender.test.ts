import fc from "fast-check";
import { type LeaseRequest, systemClock, type TokenLender } from "provider-guard";
import { type SimulatedClock, simulatedClock } from "provider-guard/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { makeClient } from "../../adapters/redis/client.ts";
import { connect } from "../../adapters/redis/connection.ts";
import { redisLender } from "../../adapters/redis/lender.ts";
import { type BookPage, lend, newPage } from "../../src/rate-limit/lease-book.ts";
import { attend, type Members, noMembers } from "../../src/rate-limit/membership.ts";
import { startProxy } from "../support/tcp-proxy.ts";
import { describeWithRedis, type RedisServer, startRedis } from "./redis.ts";

const leaseMs = 1000;
const names = ["a", "b", "c"] as const;

/** What a lender on Redis should do: the book in TypeScript, on a store that remembers since `epochAt`. */
class Model {
  page: BookPage | undefined;
  #members: Members = noMembers();
  #epochAt: number | undefined;
  readonly #declared: number | undefined;

  constructor(declared: number | undefined) {
    this.#declared = declared;
  }

  flush(): void {
    this.page = undefined;
    this.#members = noMembers();
    this.#epochAt = undefined;
  }

  serve(replica: string, request: LeaseRequest, now: number) {
    this.#epochAt ??= now;
    const pool =
      this.#declared === undefined ? undefined : attend(this.#members, replica, now, leaseMs, this.#declared);
    this.page ??= newPage(this.#epochAt + leaseMs);
    return lend(this.page, replica, request, now, { leaseMs, pool });
  }
}

/** Takes the page apart without losing a digit. */
const readPage = `
local function text(number) return string.format("%.17g", number) end
local raw = redis.call("GET", KEYS[1])
if not raw then return {} end
local page = cmsgpack.unpack(raw)
local found = {}
for name, value in pairs(page) do
  if name ~= "borrowers" then found[#found + 1] = name; found[#found + 1] = text(value) end
end
for id, borrower in pairs(page.borrowers) do
  for name, value in pairs(borrower) do found[#found + 1] = id .. "." .. name; found[#found + 1] = text(value) end
end
return found
`;

function flat(page: BookPage): Record<string, number> {
  const { borrowers, ...own } = page;
  const entries = Object.entries<number>(own as never);
  for (const [id, borrower] of Object.entries(borrowers)) {
    for (const [name, value] of Object.entries(borrower)) entries.push([`${id}.${name}`, value]);
  }
  return Object.fromEntries(entries);
}

/** Sums come in another order there, so where numbers are not exact their last digits differ. */
function expectSame(actual: Record<string, number>, expected: Record<string, number>): void {
  expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, value] of Object.entries(expected)) {
    const difference = Math.abs((actual[name] as number) - value);
    expect(difference, `${name}: ${actual[name]} for ${value}`).toBeLessThanOrEqual(
      1e-9 * Math.max(1, Math.abs(value) / 1e3),
    );
  }
}

const quarter = (max: number) => fc.integer({ min: 0, max: max * 4 }).map((n) => n / 4);
const step = fc.record({
  flush: fc.constantFrom(...new Array<boolean>(100).fill(false), true),
  afterMs: fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(0, 0, 1, 5, 100, 200, 300) },
    { weight: 2, arbitrary: fc.constantFrom(500, 999, 1000, 1001) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 4000 }) },
  ),
  replica: fc.constantFrom(...names),
  held: fc.constantFrom(0, 0, 0, 1, 7.25),
  need: fc.constantFrom(0, 1, 1, 2, 5),
  want: quarter(20),
  feedback: fc.oneof(
    { weight: 8, arbitrary: fc.constant(undefined) },
    {
      weight: 1,
      arbitrary: fc.record(
        {
          succeeded: fc.boolean(),
          remaining: fc.nat({ max: 20 }),
          throttled: fc.record({
            admittedAgoMs: fc.nat({ max: 3000 }),
            retryAfterMs: fc.constantFrom(0, 0, 100, 2500),
          }),
        },
        { requiredKeys: [] },
      ),
    },
  ),
});
const figures = fc.record({
  ratePerSecond: fc.oneof(fc.constantFrom(0.5, 1, 3, 10, 1000), fc.double({ min: 0.01, max: 1e4, noNaN: true })),
  burst: fc.constantFrom(1, 2, 5, 10, 250),
});

describeWithRedis("tokens lent by a real Redis", (redis) => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis(redis);
  });
  afterAll(() => server.stop());

  const open = new Set<{ close(): void }>();
  afterEach(() => {
    for (const one of open) one.close();
    open.clear();
  });

  function lenders(clock: SimulatedClock, replicas?: number, prefix = "{lender}:", url = server.url) {
    const client = makeClient(url, {}, 500);
    const connection = connect({ client, own: client, clock, timeoutMs: 500, prepare: undefined });
    const shared = { connection, clock, prefix, leaseMs, timeoutMs: 500, replicas, now: () => clock.now() };
    open.add(connection);
    const made = (replica: string): TokenLender => redisLender({ ...shared, replica });
    return { client, made: { a: made("a"), b: made("b"), c: made("c") } };
  }

  describe.each([undefined, 3])("(replicas: %s)", (declared) => {
    it("are the same that the lease book in TypeScript would lend, and leave the same behind", async () => {
      const clock = simulatedClock();
      const { client, made } = lenders(clock, declared, "{same}:");
      let lent = 0;
      await fc.assert(
        fc.asyncProperty(
          figures,
          fc.array(step, { minLength: 1, maxLength: 60, size: "max" }),
          async (facts, steps) => {
            await server.admin((admin) => admin.flushall());
            const model = new Model(declared);
            for (const { flush, afterMs, replica, feedback, ...asked } of steps) {
              await clock.advance(afterMs);
              if (flush) {
                await client.call("flushall");
                model.flush();
              }
              const request = { bucket: "one", ...facts, ...asked, ...(feedback && { feedback }) };
              const lease = await made[replica].lease(request);
              const expected = model.serve(replica, request, clock.now());
              expectSame({ ...lease }, { ...expected });
              lent += lease.tokens;
              const reply = (await client.call("eval", readPage, 1, "{same}:bucket:one")) as string[];
              const kept: Record<string, number> = {};
              for (let i = 0; i < reply.length; i += 2) {
                if (!/^epoch$|\.sequence$/.test(reply[i] as string)) kept[reply[i] as string] = Number(reply[i + 1]);
              }
              expectSame(kept, flat(model.page as BookPage));
            }
          },
        ),
        { numRuns: 100 },
      );
      expect(lent).toBeGreaterThan(0);
    });
  });

  const rule = { bucket: "one", ratePerSecond: 10, burst: 10 };
  const ask = (lender: TokenLender, want: number, held = 0) => lender.lease({ ...rule, held, need: 1, want });

  /** A bucket that is full, after Redis was there for long. */
  async function filled(replicas?: number) {
    await server.admin((client) => client.flushall());
    const clock = simulatedClock();
    const { made } = lenders(clock, replicas);
    expect(await ask(made.a, 10)).toMatchObject({ tokens: 0 });
    await clock.advance(leaseMs + 1000);
    return { clock, ...made };
  }

  it("come back when the lease of a replica ends that died with them", async () => {
    const { clock, a, b } = await filled();
    expect(await ask(a, 10)).toMatchObject({ tokens: 10 });
    await clock.advance(999);
    expect(await ask(b, 10)).toMatchObject({ tokens: 0 });
    await clock.advance(101); // 0.1 s since the lease ended: until then there was no room
    expect(await ask(b, 10)).toMatchObject({ tokens: 1 });
  });

  it("are missed for a lease's time by a Redis that was flushed, and refill from then on", async () => {
    const { clock, a, b } = await filled();
    expect(await ask(a, 10)).toMatchObject({ tokens: 10 });
    await server.admin((client) => client.flushall());
    await clock.advance(1); // Redis learns of it when it is asked next
    expect(await ask(b, 10)).toMatchObject({ tokens: 0 });
    await clock.advance(999);
    expect(await ask(b, 10)).toMatchObject({ tokens: 0 }); // a may have spent its ten just now
    await clock.advance(550);
    expect(await ask(b, 10)).toMatchObject({ tokens: 5 });
  });

  it("count for those who still hold them, though Redis has forgotten", async () => {
    const { clock, a, b } = await filled();
    expect(await ask(a, 8)).toMatchObject({ tokens: 8 });
    await server.admin((client) => client.flushall());
    const renew = () => a.lease({ ...rule, held: 8, need: 0, want: 0 });
    expect(await renew()).toMatchObject({ tokens: 0, kept: 8 });
    await clock.advance(950);
    expect(await renew()).toMatchObject({ kept: 8 });
    await clock.advance(950);
    expect(await ask(b, 10)).toMatchObject({ tokens: 2 });
  });

  it("are not trusted to a Redis that came back, as it may have lost what it wrote last", async () => {
    const durable = await startRedis(redis, ["--appendonly", "yes", "--appendfsync", "always"]);
    const clock = simulatedClock();
    const before = lenders(clock, undefined, "{lender}:", durable.url).made;
    await ask(before.a, 10);
    await clock.advance(leaseMs + 1000);
    expect(await ask(before.a, 4)).toMatchObject({ tokens: 4 });
    await durable.kill();
    await durable.start();
    expect(await durable.admin((client) => client.exists("{lender}:bucket:one"))).toBe(1);
    const { b } = lenders(clock, undefined, "{lender}:", durable.url).made;
    expect(await ask(b, 10)).toMatchObject({ tokens: 0 });
    await clock.advance(leaseMs + 550);
    expect(await ask(b, 10)).toMatchObject({ tokens: 5 });
    await durable.stop();
  });

  it.each([30_000, 86_400_000])("are lent again when Redis' clock was set back by %d ms", async (byMs) => {
    const { clock, a } = await filled();
    await clock.advance(60_000);
    expect(await ask(a, 10)).toMatchObject({ tokens: 10 });
    clock.jump(-byMs);
    expect(await ask(a, 10)).toMatchObject({ tokens: 0 });
    await clock.advance(leaseMs + 550);
    expect(await ask(a, 10)).toMatchObject({ tokens: 5 });
  });

  it("are lent by parts where replicas were declared", async () => {
    const { clock, a, b } = await filled(2);
    for (let round = 0; round < 12; round++) {
      for (const lender of [a, b]) await lender.lease({ ...rule, held: 0, need: 0, want: 0 });
      await clock.advance(300);
    }
    const two = await ask(a, 10);
    await clock.advance(leaseMs);
    expect(await ask(a, 10)).toMatchObject({ ratePerSecond: 5 }); // b was not seen for a lease's time
    expect(two).toMatchObject({ ratePerSecond: 10, tokens: 10 });
  });

  it("are refused to requests that are no requests", async () => {
    const { a } = lenders(simulatedClock()).made;
    for (const wrong of [
      { burst: 0 },
      { ratePerSecond: Number.NaN },
      { held: -1 },
      { want: Number.POSITIVE_INFINITY },
    ]) {
      await expect(a.lease({ ...rule, held: 0, need: 1, want: 1, ...wrong })).rejects.toMatchObject({
        code: "ERR_CONFIG_INVALID",
      });
    }
  });

  describe("on Redis' own clock", () => {
    const pageOf = () => server.admin((client) => client.getBuffer("{lender}:bucket:one"));
    const scriptCalls = async () => {
      const stats = await server.admin((client) => client.info("commandstats"));
      return [...stats.matchAll(/^cmdstat_eval(?:sha)?:calls=(\d+)/gm)].reduce(
        (sum, [, calls]) => sum + Number(calls),
        0,
      );
    };

    function lenderOf(url: string, replica: string) {
      const client = makeClient(url, {}, 200);
      const connection = connect({ client, own: client, clock: systemClock, timeoutMs: 200, prepare: undefined });
      open.add(connection);
      const shared = { connection, clock: systemClock, prefix: "{lender}:", leaseMs, timeoutMs: 200 };
      return { client, lender: redisLender({ ...shared, replica, now: () => undefined }) };
    }

    it("no request is served that was given up", async () => {
      await server.admin((client) => client.flushall());
      const proxy = await startProxy(server.port);
      const { lender } = lenderOf(`redis://127.0.0.1:${proxy.port}`, "a");
      await ask(lender, 1);
      const before = await pageOf();
      const calls = await scriptCalls();
      proxy.part("requests");
      await expect(ask(lender, 1)).rejects.toMatchObject({ code: "ERR_STATE_UNAVAILABLE" });
      proxy.heal(); // and now it arrives
      await expect.poll(scriptCalls).toBeGreaterThan(calls);
      expect(await pageOf()).toEqual(before);
      await proxy.stop();
    });

    it("a request that comes after a later one is refused", async () => {
      await server.admin((client) => client.flushall());
      const { client, lender } = lenderOf(server.url, "a");
      const earlier = redisLender({
        connection: connect({ client, own: undefined, clock: systemClock, timeoutMs: 200, prepare: undefined }),
        clock: systemClock,
        prefix: "{lender}:",
        replica: "a",
        leaseMs,
        timeoutMs: 200,
        now: () => undefined,
      });
      await lender.lease({ ...rule, held: 3, need: 0, want: 0 });
      await lender.lease({ ...rule, held: 3, need: 0, want: 0 });
      await expect(earlier.lease({ ...rule, held: 0, need: 0, want: 0 })).rejects.toMatchObject({
        code: "ERR_STATE_UNAVAILABLE",
        message: expect.stringContaining("STALE"),
      });
    });

    it("a bucket is forgotten when it would be full again, and not earlier", async () => {
      await server.admin((client) => client.flushall());
      const { lender } = lenderOf(server.url, "a");
      await lender.lease({ ...rule, ratePerSecond: 0.001, held: 0, need: 0, want: 0 });
      const life = await server.admin((client) => client.pttl("{lender}:bucket:one"));
      expect(life).toBeGreaterThan(10_000_000);
      expect(life).toBeLessThan(10_010_000);
    });
  });
});
