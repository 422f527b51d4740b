import { describe, expect, it } from "vitest";
import type { Attempt } from "../../src/core/call.ts";
import { harness, ireland, makeAttempt, makeCall } from "./harness.ts";

type Harness = ReturnType<typeof harness>;

/** A call that waits between the breaker and the wire, as behind a rate limit. */
function waiting({ breaker }: Harness) {
  const attempt: Attempt = { ...makeAttempt(makeCall()), sent: false };
  let leave = () => {};
  let end: (failed: boolean) => void = () => {};
  const result = breaker.intercept(attempt, async () => {
    await new Promise<void>((resolve) => {
      leave = resolve;
    });
    attempt.waitedMs = 10;
    breaker.beforeSend(attempt);
    attempt.sent = true;
    await new Promise<void>((resolve) => {
      end = (failed) => {
        attempt.answer = { class: failed ? "outage" : "ok" };
        resolve();
      };
    });
    if (attempt.answer?.class !== "ok") throw new Error("from the SDK");
  });
  const ended = result.then(
    () => "ok",
    (error: { code?: string; message: string }) => error.code ?? error.message,
  );
  const step = () => new Promise<void>((resolve) => setImmediate(resolve));
  return {
    ended,
    attempt,
    async leave() {
      leave();
      await step();
    },
    async end(failed: boolean) {
      end(failed);
      await step();
    },
  };
}

describe("a call that waits between breaker and wire", () => {
  it("is refused where the circuit has opened meanwhile, and says so", async () => {
    const made = harness();
    const call = waiting(made);
    await made.trip();
    await call.leave();
    expect(await call.ended).toBe("ERR_CIRCUIT_OPEN");
    expect(call.attempt.sent).toBe(false);
    expect(call.attempt.call.decisions).toMatchObject([
      { phase: "break", verdict: "refuse", code: "ERR_CIRCUIT_OPEN" },
    ]);
  });

  it("leaves where the circuit has opened and closed again, and then counts like any other", async () => {
    const made = harness();
    const calls = Array.from({ length: 10 }, () => waiting(made));
    await made.trip();
    made.breaker.close([...made.breaker.circuits()][0]?.key ?? "");
    for (const call of calls) {
      await call.leave();
      await call.end(true);
    }
    expect(await Promise.all(calls.map(({ ended }) => ended))).toEqual(Array(10).fill("from the SDK"));
    expect(made.state()).toBe("open");
  });

  it("is no way around the trials: what waited since before the opening is none", async () => {
    const made = harness();
    const stale = waiting(made);
    await made.trip();
    made.clock.advance(5_000);
    made.begin(ireland);
    expect(made.state()).toBe("halfOpen");
    await stale.leave();
    expect(await stale.ended).toBe("ERR_CIRCUIT_OPEN");
  });

  it("loses its trial when another took its place while it waited, and keeps it otherwise", async () => {
    const made = harness({ trialTimeoutMs: 20_000 });
    await made.trip();
    made.clock.advance(5_000);
    const first = waiting(made);
    made.clock.advance(20_000);
    const second = waiting(made); // the first one's time is over
    await first.leave();
    expect(await first.ended).toBe("ERR_CIRCUIT_OPEN");
    made.clock.advance(60_000);
    await second.leave(); // nobody asked meanwhile; its time begins now
    await expect(made.begin(ireland).result).rejects.toMatchObject({ code: "ERR_CIRCUIT_OPEN" });
    await second.end(false);
    expect(await second.ended).toBe("ok");
    expect(made.state()).toBe("closed");
  });

  it("gives its trial back when it is refused further in", async () => {
    const made = harness();
    await made.trip();
    made.clock.advance(5_000);
    const attempt = makeAttempt(makeCall());
    const refused = made.breaker.intercept(attempt, () => Promise.reject(new Error("frozen")));
    await expect(refused).rejects.toThrow("frozen");
    await made.succeed();
    expect(made.state()).toBe("closed");
  });

  it("revives nothing when its circuit was forgotten meanwhile", async () => {
    const made = harness({ maxKeys: 1 });
    const call = waiting(made);
    await made.succeed({ ...ireland, account: "other" });
    await call.leave();
    await made.succeed({ ...ireland, account: "another" }); // forgets it once more
    await call.end(true);
    expect(await call.ended).toBe("from the SDK");
    expect([...made.states().keys()]).toEqual(["aws|another|eu-west-1|EC2"]);
    expect(made.clock.pending).toBe(1); // the window of the last one
  });
});
