import { GuardError } from "provider-guard";
import { requeueBackoff } from "provider-guard/cluster-api";
import { describe, expect, it } from "vitest";

const permanent = new GuardError("ERR_OWNER_FOREIGN", "somebody else's");
const passing = new GuardError("ERR_CIRCUIT_OPEN", "down", { retryable: true, requeueAfterMs: 2000 });
const still = { random: () => 0 };

function waits(count: number, error: unknown, options = {}): number[] {
  const backoff = requeueBackoff({ ...still, ...options });
  return Array.from({ length: count }, () => backoff.failed("uid", error));
}

describe("requeueBackoff", () => {
  it("begins at a minute where waiting does not help, and ends at ten", () => {
    expect(waits(6, permanent)).toEqual([60_000, 120_000, 240_000, 480_000, 600_000, 600_000]);
  });

  it("calls for a permanent error nine times in an hour, not thousands", () => {
    const backoff = requeueBackoff(still);
    let calls = 0;
    for (let at = 0; at < 3_600_000; calls++) at += backoff.failed("uid", permanent);
    expect(calls).toBe(9);
  });

  it("never waits for less than the error asks, even beyond its own limit", () => {
    expect(waits(4, passing)).toEqual([2000, 2000, 4000, 8000]);
    const longer = new GuardError("ERR_QUOTA_EXCEEDED", "full", { retryable: true, requeueAfterMs: 3_600_000 });
    expect(waits(2, longer)).toEqual([3_600_000, 3_600_000]);
  });

  it("does not overflow after any number of failures", () => {
    expect(waits(2000, permanent).at(-1)).toBe(600_000);
  });

  it("begins anew after a success, and knows objects apart", () => {
    const backoff = requeueBackoff(still);
    backoff.failed("a", permanent);
    backoff.failed("a", permanent);
    expect(backoff.failed("b", permanent)).toBe(60_000);
    backoff.succeeded("a");
    expect(backoff.failed("a", permanent)).toBe(60_000);
  });

  it("adds up to a fifth at random", () => {
    expect(waits(1, permanent, { random: () => 0.999 })[0]).toBe(71_988);
  });

  it("remembers a bounded number of objects, those that failed last", () => {
    const backoff = requeueBackoff({ ...still, maxKeys: 2 });
    for (const key of ["a", "b", "a", "c"]) backoff.failed(key, permanent);
    expect(backoff.failed("a", permanent)).toBe(240_000);
    expect(backoff.failed("b", permanent)).toBe(60_000);
  });

  it.each(["minMs", "permanentMs", "maxMs", "maxKeys"])("refuses 0 as %s", (option) => {
    expect(() => requeueBackoff({ [option]: 0 })).toThrow(new RegExp(`requeueBackoff.${option}`));
  });
});
