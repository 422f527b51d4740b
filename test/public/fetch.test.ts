import { gzipSync } from "node:zlib";
import { type CredentialLease, createGuard } from "provider-guard";
import { type FetchAdapterOptions, fetchAdapter } from "provider-guard/fetch";
import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from "vitest";
import { managementCluster, subject } from "../support/acme.ts";
import { type AcmeServer, acmeServer, json } from "../support/acme-server.ts";
import { memoryJournal } from "../support/memory-journal.ts";

const routes: FetchAdapterOptions["routes"] = [
  {
    operation: "CreateServer",
    method: "POST",
    path: "/v1/servers",
    kind: "create",
    tags: "metadata.labels",
    token: { header: "idempotency-key" },
    record: ["name"],
  },
  { operation: "DeleteServer", method: "DELETE", path: "/v1/servers/{id}", kind: "delete", targets: ["id"] },
  { operation: "ListServers", method: "GET", path: "/v1/servers", kind: "read" },
];

let server: AcmeServer;
beforeEach(async () => {
  server = await acmeServer();
});
afterEach(() => server[Symbol.asyncDispose]());

async function guarded(options: Partial<FetchAdapterOptions> = {}, credentials?: CredentialLease) {
  const journal = memoryJournal();
  const guard = await createGuard({ owner: { managementCluster, provider: "infrastructure-acme" }, audit: journal });
  const adapter = fetchAdapter({ cloud: "acme", routes, ...options });
  const fetch = guard.wrap(globalThis.fetch, adapter, credentials === undefined ? {} : { credentials });
  const create = (init: RequestInit = {}) =>
    guard.reconcile(subject("a"), () =>
      fetch(`${server.url}/v1/servers`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ name: "one", metadata: { labels: { team: "blue" }, zone: "z1" }, password: "hunter2" }),
        ...init,
      }),
    );
  return { guard, journal, fetch, create };
}

describe("a guarded fetch", () => {
  it("has the type of fetch", async () => {
    const { fetch } = await guarded();
    expectTypeOf(fetch).toEqualTypeOf<typeof globalThis.fetch>();
  });

  it("puts tags into the JSON body and the token into the header, and leaves the rest as it was", async () => {
    const { create, journal } = await guarded();
    expect((await create()).status).toBe(200);
    const [request] = server.requests;
    expect(JSON.parse(request?.body ?? "")).toMatchObject({
      name: "one",
      password: "hunter2",
      metadata: { zone: "z1", labels: { team: "blue", "provider-guard/cluster-uid": "uid-a" } },
    });
    expect(request?.headers["idempotency-key"]).toBe((journal.records[0] as { call: string }).call);
    expect(request?.headers["content-type"]).toBe("application/json");
    expect(journal.records[0]).toMatchObject({
      type: "intent",
      operation: "CreateServer",
      input: { method: "POST", path: "/v1/servers", body: { name: "one", password: "[redacted]" } },
    });
  });

  it("takes a Request as well, and the caller's own token", async () => {
    const { guard, fetch } = await guarded();
    const request = new Request(`${server.url}/v1/servers`, {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": "mine" },
      body: JSON.stringify({ name: "two" }),
    });
    await guard.reconcile(subject("a"), () => fetch(request));
    expect(request.bodyUsed).toBe(false);
    expect(server.requests[0]?.headers["idempotency-key"]).toBe("mine");
    expect(JSON.parse(server.requests[0]?.body ?? "")).toMatchObject({
      name: "two",
      metadata: { labels: { "provider-guard/cluster-uid": "uid-a" } },
    });
  });

  it("puts the token into the body where the route says so, and reads ids out of encoded paths", async () => {
    const own = [
      {
        operation: "CreateServer",
        method: "post",
        path: "/servers",
        kind: "create",
        tags: "labels",
        token: { body: "meta.token" },
      },
      {
        operation: "DeleteServer",
        method: "DELETE",
        path: "/servers/{id}",
        kind: "delete",
        targets: ["id"],
        record: ["id"],
      },
      { operation: "ReadAll", method: "GET", path: "/things/*", kind: "read" },
    ] as const;
    const { guard, fetch, journal } = await guarded({ routes: own, basePath: "/v2/" });
    const post = (body: object) => fetch(`${server.url}/v2/servers`, { method: "POST", body: JSON.stringify(body) });
    await guard.reconcile(subject("a"), () => post({ name: "x" }));
    await guard.reconcile(subject("a"), () => post({ name: "y", meta: { token: "mine" } }));
    await fetch(`${server.url}/v2/servers/a%2Fb%zz`, { method: "DELETE" });
    await fetch(`${server.url}/v2/things/of/all/kinds`);
    const intents = journal.records.filter(({ type }) => type === "intent") as {
      call: string;
      token?: string;
      input: unknown;
    }[];
    expect(JSON.parse(server.requests[0]?.body ?? "").meta.token).toBe(intents[0]?.call);
    expect(intents[1]?.token).toBe("mine");
    expect(intents[2]?.input).toMatchObject({ params: { id: "a%2Fb%zz" } });
    expect(journal.records.at(-1)).toMatchObject({ type: "read", operation: "ReadAll" });
  });

  it("returns HTTP errors as responses, and reads them for the record and the limits", async () => {
    const { fetch, journal } = await guarded();
    server.handlers.push(json(429, {}, { "retry-after": "2", "x-request-id": "req-1" }));
    const response = await fetch(`${server.url}/v1/servers`);
    expect(response.status).toBe(429);
    expect(journal.records[0]).toMatchObject({
      type: "read",
      result: "failed",
      attempts: [{ requestId: "req-1", status: 429, result: "throttled" }],
    });
  });

  it("reads Google's 403 for calls that came too fast as throttling, and leaves the body to the caller", async () => {
    const { fetch, journal } = await guarded();
    const body = JSON.stringify({ error: { code: 403, errors: [{ reason: "rateLimitExceeded" }] } });
    server.handlers.push((_request, response) => {
      const zipped = gzipSync(body);
      response.writeHead(403, { "content-type": "application/json; charset=UTF-8", "content-encoding": "gzip" });
      response.write(zipped.subarray(0, 20));
      setImmediate(() => response.end(zipped.subarray(20)));
    });
    const response = await fetch(`${server.url}/v1/servers`);
    expect(await response.text()).toBe(body);
    expect(journal.records[0]).toMatchObject({
      result: "failed",
      attempts: [{ status: 403, result: "throttled", code: "rateLimitExceeded" }],
    });
  });

  it("refuses a mutating request that no route names, before it leaves", async () => {
    const { fetch } = await guarded();
    await expect(fetch(`${server.url}/v1/volumes`, { method: "POST" })).rejects.toMatchObject({
      code: "ERR_OPERATION_UNKNOWN",
      message: expect.stringContaining("POST /v1/volumes"),
    });
    await expect(fetch(`${server.url}/v1/servers/a/b`, { method: "DELETE" })).rejects.toMatchObject({
      code: "ERR_OPERATION_UNKNOWN",
    });
    expect(server.requests).toEqual([]);
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
  });

  it("records an unknown request by shape only, where that is allowed", async () => {
    const { fetch, journal } = await guarded({ unknownRoutes: "allow" });
    await fetch(`${server.url}/v1/keys?x=s3cr3t`, { method: "POST", body: JSON.stringify({ key: "s3cr3t" }) });
    expect(journal.records[0]).toMatchObject({ type: "intent", kind: "update" });
    expect(JSON.stringify(journal.records)).not.toContain("s3cr3t");
  });

  it("learns owners from answers, and keeps others' hands off", async () => {
    const seen = (_operation: string, body: unknown) => {
      const { id, labels } = body as { id?: string; labels?: Record<string, string> };
      return id === undefined ? [] : [{ id, tags: labels ?? {} }];
    };
    const { guard, fetch, create } = await guarded({ seen });
    server.handlers.push((request, response) => {
      const { metadata } = JSON.parse(request.body);
      json(201, { id: "srv-1", labels: metadata.labels })(request, response);
    });
    expect(await (await create()).json()).toMatchObject({ id: "srv-1" });
    const remove = () => fetch(`${server.url}/v1/servers/srv-1`, { method: "DELETE" });
    await expect(guard.reconcile(subject("b"), remove)).rejects.toMatchObject({ code: "ERR_OWNER_FOREIGN" });
    await guard.reconcile(subject("a"), remove);
  });

  it("asks for a fresh credential once when the server refuses the one it had", async () => {
    let generation = 1;
    const current = () => ({ value: `token-${generation}`, expiresAt: Number.POSITIVE_INFINITY });
    let credential = current();
    const lease: CredentialLease = {
      get: async () => credential,
      peek: () => credential,
      invalidate() {
        generation++;
        credential = current();
      },
      close() {},
    };
    const { create, journal } = await guarded({ intentHeader: "x-intent" }, lease);
    server.handlers.push(json(401, {}), json(201, {}));
    expect((await create()).status).toBe(201);
    const sent = server.requests.map(({ headers }) => [headers.authorization, headers["idempotency-key"]]);
    const intent = (journal.records[0] as { call: string }).call;
    expect(sent).toEqual([
      ["Bearer token-1", intent],
      ["Bearer token-2", intent],
    ]);
    expect(server.requests.map(({ headers }) => headers["x-intent"])).toEqual([intent, intent]);
    expect(journal.records[1]).toMatchObject({ result: "ok", attempts: [{ status: 401 }, { status: 201 }] });
    server.handlers.push(json(401, {}), json(401, {}));
    expect((await create()).status).toBe(401);
    expect(server.requests).toHaveLength(4);
  });

  it("sends a body that streams once only", async () => {
    const { guard, fetch } = await guarded({ unknownRoutes: "allow" });
    const body = new Blob(["chunk"]).stream();
    const response = await guard.reconcile(subject("a"), () =>
      fetch(`${server.url}/v1/upload`, { method: "PUT", body, duplex: "half" } as RequestInit),
    );
    expect(response.status).toBe(200);
    expect(server.requests[0]?.body).toBe("chunk");
  });

  it("calls a cut connection an outage and the create unknown", async () => {
    const { create, journal } = await guarded();
    server.handlers.push((_request, response) => response.destroy());
    await expect(create()).rejects.toThrow("fetch failed");
    expect(journal.records[1]).toMatchObject({ result: "unknown", attempts: [{ result: "lost" }] });
  });

  it("behaves like plain fetch again once it is unwrapped", async () => {
    const { guard, fetch, journal } = await guarded();
    expect(guard.unwrap(fetch)).toBe(globalThis.fetch);
    await fetch(`${server.url}/v1/volumes`, { method: "POST" });
    expect(server.requests).toHaveLength(1);
    expect(journal.records).toEqual([]);
  });

  it.each([
    [{ routes: [{ operation: "X", method: "GET", path: "no-slash", kind: "read" }] }, "fetch.routes[0].path"],
    [{ routes: [{ operation: "X", method: "GET", path: "/", kind: "reed" }] }, "fetch.routes[0].kind"],
    [{ routes: [], extra: 1 }, "fetch"],
  ])("names the path of a mistake in its options: %#", (options, path) => {
    expect(() => fetchAdapter({ cloud: "acme", ...options } as never)).toThrow(
      expect.objectContaining({ code: "ERR_CONFIG_INVALID", message: expect.stringContaining(path) }),
    );
  });
});
