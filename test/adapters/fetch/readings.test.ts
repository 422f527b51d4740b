import type { Adapter } from "provider-guard";
import { type FetchLike, fetchAdapter } from "provider-guard/fetch";
import { describe, expect, it } from "vitest";
import { hook } from "../aws/fake-port.ts";

const url = "https://compute.example/v1/instances";
const adapter = fetchAdapter({
  cloud: "gcp",
  routes: [
    { operation: "instances.list", method: "GET", path: "/v1/instances", kind: "read" },
    { operation: "keys.delete", method: "DELETE", path: "/v1/keys/{id}", kind: "delete", revokes: true },
    { operation: "instances.delete", method: "DELETE", path: "/v1/instances/{id}", kind: "delete" },
  ],
});

/** What the guard learns from a response, and what the caller gets. */
async function reading(answer: () => Response, init?: RequestInit) {
  const sent = answer();
  const { client, port } = hook<FetchLike>(async () => sent, adapter as unknown as Adapter<never>);
  const response = await client(url, init);
  expect(response).toBe(sent); // the caller's own response, not a copy
  return { answer: adapter.answer?.(response), noted: port.attempts[0]?.class, response };
}

const json = (body: unknown, status: number, headers: Record<string, string> = {}) =>
  Response.json(body, { status, headers });
const google = (reason: string) => ({ error: { code: 403, errors: [{ domain: "usageLimits", reason }] } });

describe("a 403 in the fetch adapter", () => {
  it.each(["rateLimitExceeded", "userRateLimitExceeded"])("is throttling where the reason is %s", async (reason) => {
    const { answer, noted, response } = await reading(() => json(google(reason), 403, { "retry-after": "2" }));
    expect(noted).toBe("throttled");
    expect(answer).toEqual({ class: "throttled", code: reason, status: 403, retryAfterMs: 2000 });
    expect(response.bodyUsed).toBe(false);
    expect(await response.json()).toEqual(google(reason));
  });

  it("is throttling by the newer details too", async () => {
    const error = { code: 403, status: "PERMISSION_DENIED", details: [{ reason: "RATE_LIMIT_EXCEEDED" }] };
    expect((await reading(() => json({ error }, 403))).answer).toMatchObject({ class: "throttled" });
  });

  it.each<[string, () => Response]>([
    ["another reason", () => json(google("quotaExceeded"), 403)],
    ["no JSON", () => new Response("rateLimitExceeded", { status: 403, headers: { "content-type": "text/html" } })],
    ["broken JSON", () => new Response("{", { status: 403, headers: { "content-type": "application/json" } })],
    ["JSON of another shape", () => json(null, 403)],
    ["no body", () => new Response(null, { status: 403, headers: { "content-type": "application/json" } })],
    ["a long body", () => json({ ...google("rateLimitExceeded"), padding: "x".repeat(64 * 1024) }, 403)],
    ["a length that is too great", () => json(google("rateLimitExceeded"), 403, { "content-length": String(2 ** 20) })],
    [
      "a body that breaks off",
      () => {
        const body = new ReadableStream({ pull: (stream) => stream.error(new Error("reset")) });
        return new Response(body, { status: 403, headers: { "content-type": "application/json" } });
      },
    ],
  ])("stays a denial with %s", async (_name, answer) => {
    const { noted, response } = await reading(answer);
    expect(noted).toBe("denied");
    expect(response.bodyUsed).toBe(false);
  });

  it.each([
    ["does not end", undefined],
    ["does not end before the caller gives up", AbortSignal.abort()],
  ])("stays a denial, and reaches the caller, when its body %s", async (_name, signal) => {
    const body = new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode("{")) });
    const { noted, response } = await reading(
      () => new Response(body, { status: 403, headers: { "content-type": "application/json" } }),
      signal === undefined ? {} : { signal },
    );
    expect(noted).toBe("denied");
    const { value } = (await response.body?.getReader().read()) ?? {};
    expect(new TextDecoder().decode(value)).toBe("{");
  });

  it("is not looked into where the status is another", async () => {
    const { answer } = await reading(() => json(google("rateLimitExceeded"), 404));
    expect(answer).toEqual({ class: "not-found", status: 404 });
  });
});

describe("what a response says of the cloud's limit", () => {
  it("is read from its headers", async () => {
    const headers = { "ratelimit-remaining": "12", "ratelimit-reset": "30", "retry-after-ms": "40" };
    const { answer } = await reading(() => json({}, 429, headers));
    expect(answer).toEqual({ class: "throttled", status: 429, remaining: 12, resetMs: 30_000, retryAfterMs: 40 });
  });

  it("is read from Azure's", async () => {
    const headers = { "x-ms-request-id": "r-1", "x-ms-ratelimit-remaining-subscription-reads": "249" };
    expect((await reading(() => json({}, 200, headers))).answer).toEqual({
      class: "ok",
      status: 200,
      requestId: "r-1",
      remaining: 249,
    });
  });
});

describe("a route that revokes", () => {
  it("is let pass by an emergency stop, and no other is", () => {
    expect(adapter.classify("keys.delete", "gcp")).toEqual({ kind: "delete", known: true, revokes: true });
    expect(adapter.classify("instances.delete", "gcp")).toEqual({ kind: "delete", known: true });
    expect(adapter.classify("Unknown:DELETE", "gcp").revokes).toBeUndefined();
  });

  it.each(["read", "create"] as const)("is refused as a %s", (kind) => {
    const routes = [{ operation: "X", method: "POST", path: "/x", kind, revokes: true }];
    expect(() => fetchAdapter({ cloud: "gcp", routes })).toThrow(
      `fetch.routes[0].revokes: only an update or a delete takes something away, not a ${kind}`,
    );
  });
});
