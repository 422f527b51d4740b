import { ApiException } from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import { readErrorInfo } from "../../src/core/error-info.ts";
import { noteErrorInfo } from "../../src/core/errors.ts";
import { requeueAfter } from "../../src/core/requeue-after.ts";

const statusOf = (code: number, reason: string, details?: object) => ({
  kind: "Status",
  apiVersion: "v1",
  status: "Failure",
  message: "s3cr3t",
  reason,
  code,
  ...(details && { details }),
});

type Body = ReturnType<typeof statusOf>;
type Headers = Readonly<Record<string, string>>;

/** The ways in which clients hand on the same answer. */
const shapes: readonly (readonly [name: string, make: (body: Body, headers: Headers) => unknown])[] = [
  ["client-node, as text", (body, headers) => new ApiException(body.code, "no", JSON.stringify(body), headers)],
  ["client-node, as an object", (body, headers) => new ApiException(body.code, "no", body, headers)],
  ["axios", (body, headers) => ({ message: "no", response: { status: body.code, data: body, headers } })],
  ["got", (body, headers) => ({ response: { statusCode: body.code, body: JSON.stringify(body), headers } })],
  ["fetch", (body, headers) => ({ status: body.code, headers: new Headers(headers), body })],
  ["a watch, whose events carry no status line", (body, headers) => Object.assign(new Error("no"), body, { headers })],
];

describe.each(shapes)("an error of Kubernetes that nobody guarded, from %s", (_client, make) => {
  it.each([
    [400, "BadRequest", {}, "invalid", undefined],
    [401, "Unauthorized", {}, "unauthenticated", 60_000],
    [403, "Forbidden", {}, "denied", undefined],
    [403, "Forbidden", { causes: [{ reason: "NamespaceTerminating" }] }, "conflict", 5_000],
    [404, "NotFound", {}, "not-found", undefined],
    [409, "Conflict", {}, "conflict", 1_000],
    [409, "AlreadyExists", {}, "conflict", 1_000],
    [410, "Gone", {}, "conflict", 1_000],
    [410, "Expired", {}, "conflict", 1_000],
    [422, "Invalid", {}, "invalid", undefined],
    [429, "TooManyRequests", {}, "throttled", 10_000],
    [429, "TooManyRequests", { retryAfterSeconds: 7 }, "throttled", 7_000],
    [429, "TooManyRequests", { causes: [{ reason: "DisruptionBudget" }] }, "conflict", 5_000],
    [500, "InternalError", {}, "outage", 30_000],
    [500, "ServerTimeout", { retryAfterSeconds: 2 }, "outage", 2_000],
    [503, "ServiceUnavailable", {}, "outage", 30_000],
    [504, "Timeout", {}, "outage", 30_000],
  ])("%i %s %j is %s", (code, reason, details, meaning, waitMs) => {
    const error = make(statusOf(code, reason, details), {});
    const info = readErrorInfo(error);
    const [telling] = (details as { causes?: { reason: string }[] }).causes ?? [];
    expect(info).toMatchObject({ class: meaning, status: code, code: telling?.reason ?? reason });
    expect(requeueAfter(error)).toBe(waitMs);
    expect(JSON.stringify(info)).not.toContain("s3cr3t");
  });

  it("is looked at again when its header says, which goes before its body", () => {
    const error = make(statusOf(429, "TooManyRequests", { retryAfterSeconds: 7 }), { "Retry-After": "3" });
    expect(requeueAfter(error)).toBe(3_000);
  });
});

describe("an error that only looks like one of Kubernetes", () => {
  it.each([
    ["another kind of body", { status: 410, body: { kind: "Problem", reason: "Expired", code: 410 } }, "not-found"],
    ["a success", { status: 404, body: statusOf(200, "Conflict") }, "not-found"],
    ["a page that is no JSON", new ApiException(502, "no", '<html>"Status"</html>', {}), "outage"],
    [
      "a page that is too long",
      { status: 404, body: JSON.stringify(statusOf(409, "Conflict")).padEnd(70_000) },
      "not-found",
    ],
    ["no body at all", new ApiException(409, "no", undefined, {}), "conflict"],
  ])("%s means what its HTTP status means", (_what, error, meaning) => {
    expect(readErrorInfo(error).class).toBe(meaning);
  });
});

describe("requeueAfter", () => {
  it("comes back at once after a write that came between, and later to what has to become ready", () => {
    expect(requeueAfter({ status: 412 })).toBe(1_000);
    expect(requeueAfter({ status: 409 })).toBe(5_000);
  });

  it("takes the word of an adapter that has read the error already", () => {
    const error = { status: 409 };
    noteErrorInfo(error, { class: "throttled", retryAfterMs: 1234 });
    expect(requeueAfter(error)).toBe(1234);
  });

  it("never says that what was given up needs no second look", () => {
    expect(requeueAfter(new DOMException("x", "AbortError"))).toBe(30_000);
  });
});
