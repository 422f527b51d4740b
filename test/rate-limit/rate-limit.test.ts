import { describe, expect, it } from "vitest";
import type { Attempt } from "../../src/core/call.ts";
import type { AttemptInterceptor } from "../../src/core/interceptor.ts";
import { noTelemetry } from "../../src/core/telemetry.ts";
import { rateLimit } from "../../src/rate-limit/rate-limit.ts";
import { seededRandom, simulatedClock } from "../../src/testing/index.ts";

function limitOn(ratePerSecond: number, burst: number) {
  const clock = simulatedClock();
  const buckets = new Set<string>();
  const telemetry = {
    ...noTelemetry,
    gauge(name: string, _description: string, read: (observe: (value: number, labels: object) => void) => void) {
      if (name === "rate_limit.tokens") gauges.push(read);
      return () => {};
    },
  };
  const gauges: ((observe: (value: number, labels: object) => void) => void)[] = [];
  const runtime = { clock, random: seededRandom(1), telemetry, modeOf: () => "enforce" as const };
  const limit = rateLimit(
    { rules: [{ name: "rule", ratePerSecond, burst }], maxWaitMs: 2e6 },
    runtime,
  ) as AttemptInterceptor;

  /** Sends one request to an account, each time through a target object of its own, as another client would. */
  function send(account: string, signal?: AbortSignal): Promise<unknown> {
    const target = { cloud: "c", service: "s", account, region: "r" };
    const call = { target, operation: "op", kind: "read", owner: {}, decisions: [], signal, binding: { adapter: {} } };
    const attempt = { call, sent: true, answer: { class: "ok" }, waitedMs: 0 } as unknown as Attempt;
    return limit.intercept(attempt, () => Promise.resolve("sent"));
  }
  return {
    clock,
    send,
    kept() {
      buckets.clear();
      for (const read of gauges) read((_value, labels) => buckets.add(Object.values(labels).join("|")));
      return buckets;
    },
  };
}

describe("the buckets of a rate limit", () => {
  it("are forgotten once they are full again, so that accounts of the past cost nothing", async () => {
    const { clock, send, kept } = limitOn(1, 5);
    for (let i = 0; i < 1024; i++) await send(`old-${i}`);
    expect(kept().size).toBe(1024);
    await clock.advance(10_000);
    await send("new");
    expect([...kept()]).toEqual(["rule|c|new|r"]);
  });

  it("are kept while they hold anybody back", async () => {
    const { clock, send, kept } = limitOn(0.01, 1);
    await send("busy");
    for (let i = 0; i < 1500; i++) await send(`other-${i}`);
    expect(kept().has("rule|c|busy|r")).toBe(true);
    const controller = new AbortController();
    const waiting = send("busy", controller.signal);
    await clock.advance(99_000);
    controller.abort(new Error("it did not get through"));
    await expect(waiting).rejects.toThrow("did not get through");
  });

  it("are the same for every client of an account, also after they were forgotten and made again", async () => {
    const { clock, send } = limitOn(0.001, 1);
    await send("a");
    const waiting = send("a");
    let through = false;
    void waiting.then(() => {
      through = true;
    });
    await clock.advance(999_000);
    expect(through).toBe(false);
    await clock.advance(1_000);
    expect(through).toBe(true);
  });
});
