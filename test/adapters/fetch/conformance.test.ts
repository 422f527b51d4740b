import { type FetchLike, fetchAdapter } from "provider-guard/fetch";
import type { ConformanceSubject, SubjectOperation, Wire } from "provider-guard/testing";
import { conforms } from "../../support/conformance.ts";

const server = { id: "srv-1", tags: { colour: "red" } };
const base = "https://api.rack.example";

interface Body {
  readonly labels?: Record<string, string>;
  readonly name?: string;
}

/** A server behind a fetch: decodes what really arrives. */
function fetchOn(wire: Wire): FetchLike {
  return async (input, init) => {
    const request = new Request(input as Request, init);
    const text = await request.clone().text();
    const reply = await wire.send({
      tags: text === "" ? undefined : (JSON.parse(text) as Body).labels,
      token: request.headers.get("idempotency-key") ?? undefined,
      credential: request.headers.get("authorization") ?? undefined,
      signal: request.signal,
    });
    if (reply.kind === "lost") {
      throw new TypeError("fetch failed", { cause: Object.assign(new Error("reset"), { code: "ECONNRESET" }) });
    }
    const headers = { "x-request-id": reply.requestId };
    const wait = reply.retryAfterMs === undefined ? {} : { "retry-after": String(reply.retryAfterMs / 1000) };
    return Response.json({ servers: [server] }, { status: reply.status ?? 200, headers: { ...headers, ...wait } });
  };
}

interface Given {
  readonly path: string;
  readonly init: RequestInit;
}

function operation(
  name: string,
  method: string,
  path: string,
  body: Body | undefined,
  more: Partial<SubjectOperation<FetchLike>> = {},
): SubjectOperation<FetchLike> {
  return {
    operation: name,
    service: "rack",
    input: ({ tags, token }): Given => ({
      path,
      init: {
        method,
        headers: {
          "content-type": "application/json",
          ...(token && { "idempotency-key": token }),
        },
        ...(body && { body: JSON.stringify({ ...body, ...(tags && { labels: tags }) }) }),
      },
    }),
    invoke: (client, given: Given, signal) =>
      client(base + given.path, signal === undefined ? given.init : { ...given.init, signal }),
    ...more,
  };
}

const subject: ConformanceSubject<FetchLike> = {
  name: "fetch",
  adapter: () =>
    fetchAdapter({
      cloud: "rack",
      routes: [
        { operation: "ListServers", method: "GET", path: "/servers", kind: "read" },
        {
          operation: "CreateServer",
          method: "POST",
          path: "/servers",
          kind: "create",
          resourceType: "server",
          tags: "labels",
          token: { header: "idempotency-key" },
          record: ["name"],
        },
        { operation: "ResizeServer", method: "PATCH", path: "/servers/{id}", kind: "update", targets: ["id"] },
        { operation: "DeleteServer", method: "DELETE", path: "/servers/{id}", kind: "delete", targets: ["id"] },
      ],
      seen: (_operation, body) => (body as { servers: (typeof server)[] }).servers,
      read: async (id, fetch) => {
        const response = await fetch(`${base}/servers/${id}`);
        if (response.status === 404) return undefined;
        const { servers } = (await response.json()) as { servers: (typeof server)[] };
        return servers.find((found) => found.id === id)?.tags;
      },
      limits: [{ name: "rack", ratePerSecond: 10, burst: 20, source: "Rack API guide, read 2026-11" }],
    }),
  makeClient: fetchOn,
  operations: {
    read: operation("ListServers", "GET", "/servers", undefined, { seen: [server] }),
    create: operation("CreateServer", "POST", "/servers", { name: "one", password: "kit-secret" } as Body, {
      resourceType: "server",
      secrets: ["kit-secret"],
      seen: [server],
    }),
    update: operation("ResizeServer", "PATCH", `/servers/${server.id}`, { name: "two" }, { targets: [server.id] }),
    delete: operation("DeleteServer", "DELETE", `/servers/${server.id}`, undefined, { targets: [server.id] }),
  },
  failures: "answered",
  foreign: [{}, [], new Map()],
  readable: server,
  credentials: [
    { value: "key-a", name: "Bearer key-a" },
    { value: "key-b", name: "Bearer key-b" },
  ],
};

conforms(subject, {
  "fetch: the client's own retries are attempts of the same call": "the client has no retries of its own",
  "fetch: resources can be listed for the collector": "the adapter offers no inventory",
});
