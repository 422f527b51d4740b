import { describe, expect, it } from "vitest";
import { GuardError, isGuardError, noteErrorInfo } from "../../src/core/errors.ts";
import { requeueAfter } from "../../src/core/requeue-after.ts";

describe("GuardError", () => {
  it("is recognised across copies of the library, by its brand", async () => {
    const error = new GuardError("ERR_CIRCUIT_OPEN", "open");
    const foreign = Object.assign(new Error("x"), { [Symbol.for("provider-guard.error")]: true });
    expect(isGuardError(error)).toBe(true);
    expect(foreign instanceof GuardError).toBe(true);
    expect(isGuardError(new Error("x"))).toBe(false);
    expect(isGuardError(null)).toBe(false);
  });

  it("keeps its cause out of its message", () => {
    const error = new GuardError("ERR_AUDIT_UNAVAILABLE", "no", { cause: new Error("s3cr3t") });
    expect(error.message).toBe("no");
    expect((error.cause as Error).message).toBe("s3cr3t");
  });
});

describe("requeueAfter", () => {
  it("answers for the guard's own errors", () => {
    expect(requeueAfter(new GuardError("ERR_CIRCUIT_OPEN", "", { retryable: true, requeueAfterMs: 1234 }))).toBe(1234);
    expect(requeueAfter(new GuardError("ERR_FREEZE_ACTIVE", "", { retryable: true }))).toBe(10_000);
    expect(requeueAfter(new GuardError("ERR_OWNER_FOREIGN", ""))).toBeUndefined();
  });

  it("answers for an SDK's errors as the adapter read them, and leaves them untouched", () => {
    const throttled = Object.freeze(new Error("slow down"));
    noteErrorInfo(throttled, { class: "throttled", retryAfterMs: 2500 });
    expect(requeueAfter(throttled)).toBe(2500);
    const denied = new Error("no");
    noteErrorInfo(denied, { class: "denied" });
    expect(requeueAfter(denied)).toBeUndefined();
  });

  it("has an answer for anything that was thrown", () => {
    for (const thing of [undefined, null, "text", 42, new Error("x")]) expect(requeueAfter(thing)).toBe(30_000);
  });
});
