import fc from "fast-check";
import type { LeaseRequest, TokenLender } from "provider-guard";
import { type SimulatedClock, simulatedClock } from "provider-guard/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeClient } from "../../adapters/redis/client.ts";
import { connect } from "../../adapters/redis/connection.ts";
import { redisLender } from "../../adapters/redis/lender.ts";
import { type BookPage, lend, newPage } from "../../src/rate-limit/lease-book.ts";
import { attend, type Members, noMembers } from "../../src/rate-limit/membership.ts";
import { describeWithRedis, type RedisServer, startRedis } from "../support/redis-server.ts";

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
    const { share, since } = pool ?? { share: 1, since: 0 };
    const emptyAt = Math.max(this.#epochAt + leaseMs, since);
    const ratePerMs = (request.ratePerSecond * share) / 1000;
    this.page ??= newPage(Math.min(request.burst * share, (now - emptyAt) * ratePerMs), now);
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

  function lenders(clock: SimulatedClock, replicas: number | undefined, prefix: string) {
    const client = makeClient(server.url, {}, 500);
    const connection = connect({ client, own: client, clock, timeoutMs: 500, prepare: undefined });
    const shared = { connection, clock, prefix, leaseMs, timeoutMs: 500, replicas, now: () => clock.now() };
    const made = (replica: string): TokenLender => redisLender({ ...shared, replica });
    return { client, connection, made: { a: made("a"), b: made("b"), c: made("c") } };
  }

  describe.each([undefined, 3])("(replicas: %s)", (declared) => {
    it("are the same that the lease book in TypeScript would lend, and leave the same behind", async () => {
      const clock = simulatedClock();
      const { client, connection, made } = lenders(clock, declared, "{same}:");
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
      connection.close();
    });
  });
});
