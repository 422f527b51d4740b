import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TokenBucket } from "../../src/rate-limit/token-bucket.ts";

const bucketOf = (ratePerSecond: number, burst: number, now = 0) =>
  new TokenBucket({ name: "one", ratePerSecond, burst }, "one", now);
const rateOf = (bucket: TokenBucket) => bucket.state(0).ratePerSecond;

function take(bucket: TokenBucket, now: number, weight = 1): boolean {
  if (!bucket.has(weight, now)) return false;
  bucket.take(weight, now);
  return true;
}

describe("a token bucket", () => {
  it("admits the burst at once and then one per interval, in fractions", () => {
    const bucket = bucketOf(2, 3);
    expect([1, 2, 3, 4].map(() => take(bucket, 0))).toEqual([true, true, true, false]);
    expect(bucket.waitMs(1, 0)).toBe(500);
    expect(take(bucket, 499)).toBe(false);
    expect(take(bucket, 500)).toBe(true);
    expect(take(bucket, 750)).toBe(false);
    expect(take(bucket, 1000)).toBe(true);
  });

  it("halves its rate once for all requests that were throttled together", () => {
    const bucket = bucketOf(10, 5);
    for (let i = 0; i < 5; i++) take(bucket, 0);
    for (let i = 0; i < 5; i++) bucket.throttled(100, 0, 0);
    expect(rateOf(bucket)).toBe(5);
    bucket.throttled(300, 200, 0);
    expect(rateOf(bucket)).toBe(2.5);
  });

  it("gives the rate back while requests succeed, and never more than the rule's", () => {
    const bucket = bucketOf(10, 5);
    bucket.throttled(0, 0, 0);
    bucket.succeeded(4_000, 4_000);
    expect(rateOf(bucket)).toBeCloseTo(9);
    bucket.succeeded(100_000, 100_000);
    expect(rateOf(bucket)).toBe(10);
  });

  it("begins to refill when the first request has arrived, as the cloud's own bucket does", () => {
    const bucket = bucketOf(10, 2);
    take(bucket, 0);
    take(bucket, 0);
    bucket.succeeded(30, 0); // it arrived within 30 ms
    bucket.succeeded(40, 0);
    expect(bucket.waitMs(1, 100)).toBeCloseTo(30);
    expect(take(bucket, 131)).toBe(true); // no idle time since: the next ones are not delayed
    bucket.succeeded(190, 131);
    expect(bucket.waitMs(1, 190)).toBeCloseTo(40);
    take(bucket, 5_000);
    bucket.succeeded(9_000, 5_000); // whatever took so long, the request had arrived before
    expect(take(bucket, 9_000)).toBe(true);
    expect(bucket.state(9_000).tokens).toBeCloseTo(0);
  });

  it("does not recover by waiting alone", () => {
    const bucket = bucketOf(10, 5);
    bucket.throttled(0, 0, 0);
    expect(take(bucket, 60_000)).toBe(true);
    expect(rateOf(bucket)).toBe(5);
  });

  it("stays quiet for as long as the cloud asked", () => {
    const bucket = bucketOf(10, 5);
    bucket.throttled(0, 0, 3_000);
    expect(bucket.waitMs(1, 0)).toBe(3_000);
    expect(take(bucket, 2_999)).toBe(false);
    expect(take(bucket, 3_000)).toBe(true);
  });

  it("keeps a trickle however often it is throttled", () => {
    const bucket = bucketOf(10, 1);
    for (let now = 1; now <= 100; now++) bucket.throttled(now * 1000, now * 1000, 0);
    expect(rateOf(bucket)).toBeCloseTo(0.2);
  });

  it("is not fooled by a clock that stands still or goes back", () => {
    const bucket = bucketOf(1000, 1, 1000);
    expect(take(bucket, 1000)).toBe(true);
    expect(take(bucket, 500)).toBe(false);
    expect(take(bucket, 1000)).toBe(false);
  });

  it("never admits more than burst + rate × length in any window, whatever happens", () => {
    const step = fc.record({
      afterMs: fc.double({ min: 0, max: 400, noNaN: true }),
      event: fc.constantFrom("take", "take", "take", "throttled", "succeeded", "unsent"),
      retryAfterMs: fc.integer({ min: 0, max: 500 }),
    });
    fc.assert(
      fc.property(
        fc.double({ min: 0.2, max: 200, noNaN: true }),
        fc.integer({ min: 1, max: 30 }),
        fc.array(step, { minLength: 1, maxLength: 300 }),
        (rate, burst, steps) => {
          const bucket = bucketOf(rate, burst);
          const admitted: number[] = [];
          let now = 0;
          for (const { afterMs, event, retryAfterMs } of steps) {
            now += afterMs;
            if (event === "throttled") bucket.throttled(now, now, retryAfterMs);
            else if (event === "succeeded") bucket.succeeded(now, now);
            else if (take(bucket, now)) {
              if (event === "unsent") bucket.giveBack(1);
              else admitted.push(now);
            }
          }
          for (let first = 0; first < admitted.length; first++) {
            for (let last = first; last < admitted.length; last++) {
              const length = ((admitted[last] as number) - (admitted[first] as number)) / 1000;
              expect(last - first + 1).toBeLessThanOrEqual(burst + rate * length + 1e-6);
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
