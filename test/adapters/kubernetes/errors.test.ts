import { ApiException } from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import { classifyError, readAnswer } from "../../../adapters/kubernetes/errors.ts";
import { status } from "./fake-api-server.ts";
import { guarded } from "./guarded.ts";

const api = (code: number, reason: string, more: object = {}, headers: Record<string, string> = {}) =>
  new ApiException(code, "no", JSON.stringify(status(code, reason, more)), headers);
const causes = (reason: string) => ({ details: { causes: [{ reason }] } });

describe("an error of the API server", () => {
  it.each([
    [400, "BadRequest", {}, "invalid"],
    [401, "Unauthorized", {}, "unauthenticated"],
    [403, "Forbidden", {}, "denied"],
    [403, "Forbidden", causes("NamespaceTerminating"), "conflict"],
    [404, "NotFound", {}, "not-found"],
    [409, "AlreadyExists", {}, "conflict"],
    [409, "Conflict", {}, "conflict"],
    [410, "Expired", {}, "conflict"],
    [410, "Gone", {}, "conflict"],
    [422, "Invalid", {}, "invalid"],
    [429, "TooManyRequests", {}, "throttled"],
    [429, "TooManyRequests", causes("DisruptionBudget"), "conflict"],
    [500, "InternalError", {}, "outage"],
    [500, "ServerTimeout", {}, "outage"],
    [503, "ServiceUnavailable", {}, "outage"],
    [504, "Timeout", {}, "outage"],
    [418, "SomethingNew", {}, "invalid"],
  ])("%i %s %j is %s", (code, reason, more, meaning) => {
    const expected = (more as ReturnType<typeof causes>).details?.causes[0]?.reason ?? reason;
    expect(classifyError(api(code, reason, more))).toEqual({ class: meaning, status: code, code: expected });
    // client-node gives the body as text or as an object, and without one for a 401.
    expect(classifyError(new ApiException(code, "no", status(code, reason, more), {})).class).toBe(meaning);
  });

  it("says when to come back, in its header or in its details, and under which id it is kept", () => {
    expect(classifyError(api(429, "TooManyRequests", {}, { "retry-after": "3", "audit-id": "a-1" }))).toMatchObject({
      retryAfterMs: 3000,
      requestId: "a-1",
    });
    expect(classifyError(api(500, "ServerTimeout", { details: { retryAfterSeconds: 2 } })).retryAfterMs).toBe(2000);
    expect(
      classifyError(api(500, "ServerTimeout", { details: { retryAfterSeconds: -1 } })).retryAfterMs,
    ).toBeUndefined();
  });

  it("says in which queue of the server the request was, where that is a UID", () => {
    const names = ["X-Kubernetes-PF-FlowSchema-UID", "X-Kubernetes-PF-PriorityLevel-UID"] as const;
    const headers = { [names[0]]: "6f9c2a51-7d0e", [names[1]]: "no UID; s3cr3t", "x-other": "s3cr3t" };
    const kept = { "x-kubernetes-pf-flowschema-uid": "6f9c2a51-7d0e" };
    expect(classifyError(api(429, "TooManyRequests", {}, headers)).headers).toEqual(kept);
    expect(readAnswer({ httpStatusCode: 200, headers })).toEqual({ class: "ok", status: 200, headers: kept });
  });

  it("keeps no sentence: a reason that is none is left out", () => {
    expect(classifyError(api(500, "failed for token abc")).code).toBeUndefined();
    expect(classifyError(new ApiException(502, "no", "<html>Bad gateway</html>", {}))).toEqual({
      class: "outage",
      status: 502,
    });
    expect(classifyError(new ApiException(410, "no", undefined, {})).class).toBe("conflict");
  });
});

describe("an error of the road", () => {
  const named = (name: string, fields: object) => Object.assign(new Error("no"), { name }, fields);

  it.each([
    [named("FetchError", { type: "system", code: "ECONNRESET" }), "outage"],
    [named("FetchError", { type: "system", code: "ERR_STREAM_PREMATURE_CLOSE" }), "outage"],
    [named("FetchError", { type: "system", code: "CERT_HAS_EXPIRED" }), "outage"],
    [named("FetchError", { type: "invalid-json" }), "unknown"],
    [named("AbortError", { type: "aborted" }), "aborted"],
    [Object.assign(new Error("Gone"), { statusCode: 410 }), "conflict"],
    [new Error("Unexpected server response: 403"), "denied"],
    [
      {
        type: "error",
        message: "Unexpected server response: 401",
        error: new Error("Unexpected server response: 401"),
      },
      "unauthenticated",
    ],
    [{ type: "error", error: named("Error", { code: "ECONNREFUSED" }) }, "outage"],
    [new Error("Unexpected server response: 999"), "unknown"],
  ])("%o", (error, meaning) => {
    expect(classifyError(error).class).toBe(meaning);
  });

  it.each([
    ["in chunks", {}],
    ["with a length, which node-fetch would wait for without end", { "content-length": "100" }],
  ])("in the middle of an answer %s is an outage, and the call is lost", async (_what, headers) => {
    const { core, server, journal } = await guarded();
    server.takeOver = (_request, response) => {
      response.writeHead(200, { "content-type": "application/json", ...headers });
      response.write('{"items":', () => setImmediate(() => response.destroy()));
      return true;
    };
    await expect(core.listNode()).rejects.toThrow();
    expect(journal.records[0]).toMatchObject({ attempts: [{ result: "lost" }] });
  });
});
