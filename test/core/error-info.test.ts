import { describe, expect, it } from "vitest";
import { classOfStatus } from "../../src/core/class-of-status.ts";
import { readErrorInfo } from "../../src/core/error-info.ts";

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

describe("an error of any client", () => {
  it.each([
    [Object.assign(new Error("x"), { status: 429 }), "throttled"],
    [Object.assign(new Error("x"), { statusCode: 404 }), "not-found"],
    [Object.assign(new Error("x"), { status: 200 }), "unknown"],
    [Object.assign(new Error("x"), { code: "ECONNREFUSED" }), "outage"],
    [new TypeError("fetch failed", { cause: Object.assign(new Error(), { code: "CERT_HAS_EXPIRED" }) }), "outage"],
    [Object.assign(new Error("x"), { code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" }), "outage"],
    [Object.assign(new Error("x"), { code: "DEPTH_ZERO_SELF_SIGNED_CERT" }), "outage"],
    [Object.assign(new Error("x"), { code: "ERR_TLS_CERT_ALTNAME_INVALID" }), "outage"],
    [Object.assign(new Error("x"), { code: "CERT_HAS_EXPIRED" }), "outage"],
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

const failed = (fields: object) => readErrorInfo(Object.assign(new Error("s3cr3t"), fields));

describe("an error of Google's clients", () => {
  const usage = (reason: string) => [{ domain: "usageLimits", reason, message: "s3cr3t" }];

  it.each([
    ["googleapis", (reason: string) => ({ status: 403, code: 403, errors: usage(reason) })],
    [
      "gaxios",
      (reason: string) => ({ response: { status: 403, data: { error: { code: 403, errors: usage(reason) } } } }),
    ],
    [
      "gaxios, newer answers",
      (reason: string) => ({
        code: "403",
        response: {
          status: 403,
          data: { error: { details: [{ "@type": "Help" }, { "@type": "ErrorInfo", reason }] } },
        },
      }),
    ],
    ["google-gax over REST", (reason: string) => ({ code: 7, details: [], statusDetails: [], reason })],
    ["google-gax over gRPC", (reason: string) => ({ code: 7, details: "7 s3cr3t", metadata: {}, reason })],
  ])("%s: a 403 for calls that came too fast is throttling, any other a denial", (_name, error) => {
    for (const reason of ["rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"]) {
      expect(failed(error(reason))).toMatchObject({ class: "throttled", code: reason });
    }
    for (const reason of ["quotaExceeded", "forbidden", "dailyLimitExceeded", "RateLimitExceeded-not"]) {
      expect(failed(error(reason)).class).toBe("denied");
      expect(JSON.stringify(failed(error(reason)))).not.toContain("s3cr3t");
    }
  });

  it("keeps another status whatever reason stands beside it", () => {
    expect(failed({ status: 404, errors: usage("rateLimitExceeded") }).class).toBe("not-found");
    expect(failed({ status: 503, errors: usage("rateLimitExceeded") }).class).toBe("outage");
  });
});

describe("an error of a gRPC client", () => {
  it.each([
    [3, "invalid", "INVALID_ARGUMENT"],
    [4, "outage", "DEADLINE_EXCEEDED"],
    [5, "not-found", "NOT_FOUND"],
    [6, "conflict", "ALREADY_EXISTS"],
    [7, "denied", "PERMISSION_DENIED"],
    [8, "throttled", "RESOURCE_EXHAUSTED"],
    [10, "conflict", "ABORTED"],
    [12, "invalid", "UNIMPLEMENTED"],
    [14, "outage", "UNAVAILABLE"],
    [16, "unauthenticated", "UNAUTHENTICATED"],
  ])("%i: %s", (code, meaning, name) => {
    expect(failed({ code, details: "s3cr3t" })).toEqual({ class: meaning, code: name });
    expect(failed({ code, metadata: { internalRepr: new Map() } }).class).toBe(meaning);
  });

  it.each([
    { code: 8 },
    { code: 17, details: "" },
    { code: -1, details: "" },
    { code: 1.5, details: "" },
    { code: "8", details: "" },
  ])("is not seen in %j", (fields) => {
    expect(failed(fields)).toEqual({ class: "unknown" });
  });
});

describe("what HTTP clients put on an error", () => {
  it("is read from the response where the error itself has none", () => {
    const response = { status: 429, headers: { "Retry-After": "7" } };
    expect(failed({ name: "AxiosError", code: "ERR_BAD_REQUEST", response })).toEqual({
      class: "throttled",
      code: "ERR_BAD_REQUEST",
      status: 429,
      retryAfterMs: 7000,
    });
  });

  it("is read from the error, as Kubernetes's client has it", () => {
    expect(failed({ code: 429, body: "s3cr3t", headers: { "retry-after": "1" } })).toEqual({
      class: "throttled",
      status: 429,
      retryAfterMs: 1000,
    });
    expect(failed({ status: 503, headers: new Headers({ "x-ms-retry-after-ms": "20" }) }).retryAfterMs).toBe(20);
  });

  it("is no status where it is the exit code of a process", () => {
    expect(failed({ code: 127 })).toEqual({ class: "unknown" });
  });
});
