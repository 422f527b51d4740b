import { describe, expect, it } from "vitest";
import { classOfStatus, readErrorInfo, retryAfterMs } from "../../src/core/error-info.ts";

describe("what an HTTP status means", () => {
  it.each([
    [200, "ok"],
    [304, "ok"],
    [400, "invalid"],
    [401, "unauthenticated"],
    [403, "denied"],
    [404, "not-found"],
    [408, "outage"],
    [409, "conflict"],
    [410, "not-found"],
    [412, "conflict"],
    [422, "invalid"],
    [423, "conflict"],
    [429, "throttled"],
    [500, "outage"],
    [501, "invalid"],
    [502, "outage"],
    [503, "outage"],
    [504, "outage"],
  ])("%i: %s", (status, meaning) => {
    expect(classOfStatus(status)).toBe(meaning);
  });
});

describe("Retry-After", () => {
  it.each([
    ["2", undefined, 2000],
    ["0", undefined, 0],
    ["Wed, 21 Oct 2026 07:28:10 GMT", "Wed, 21 Oct 2026 07:28:00 GMT", 10_000],
    ["999999999", undefined, 86_400_000],
    ["-1", undefined, undefined],
    ["soon", "Wed, 21 Oct 2026 07:28:00 GMT", undefined],
    ["Wed, 21 Oct 2026 07:28:10 GMT", undefined, undefined],
    ["", undefined, undefined],
    [null, undefined, undefined],
  ])("%s by the server's clock %s", (value, date, ms) => {
    expect(retryAfterMs(value, date)).toBe(ms);
  });
});

describe("an error of any client", () => {
  it.each([
    [Object.assign(new Error("x"), { status: 429 }), "throttled"],
    [Object.assign(new Error("x"), { statusCode: 404 }), "not-found"],
    [Object.assign(new Error("x"), { status: 200 }), "unknown"],
    [Object.assign(new Error("x"), { code: "ECONNREFUSED" }), "outage"],
    [new TypeError("fetch failed", { cause: Object.assign(new Error(), { code: "CERT_HAS_EXPIRED" }) }), "outage"],
    [new TypeError("x is not a function"), "unknown"],
    [new DOMException("late", "TimeoutError"), "outage"],
    [new DOMException("gone", "AbortError"), "aborted"],
    [undefined, "unknown"],
    ["text", "unknown"],
    [
      new Proxy(
        {},
        {
          get: () => {
            throw new Error("trap");
          },
        },
      ),
      "unknown",
    ],
  ])("%#", (error, meaning) => {
    expect(readErrorInfo(error).class).toBe(meaning);
  });

  it("gives its code, never its message", () => {
    const error = Object.assign(new Error("s3cr3t"), { code: "QuotaExceeded", status: 403 });
    expect(readErrorInfo(error)).toEqual({ class: "denied", code: "QuotaExceeded", status: 403 });
    expect(readErrorInfo(Object.assign(new Error("x"), { code: "a sentence, perhaps with s3cr3t" }))).toEqual({
      class: "unknown",
    });
  });
});
