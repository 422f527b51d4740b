import { object } from "provider-guard/object";
import type { ConformanceSubject, SubjectOperation, Wire } from "provider-guard/testing";
import { conforms } from "../../support/conformance.ts";

interface Input {
  readonly id?: string;
  readonly name?: string;
  readonly password?: string;
  readonly labels?: Record<string, string>;
  readonly requestId?: string;
}

class RackError extends Error {
  constructor(
    readonly code: string,
    readonly status: number | undefined,
    readonly requestId: string,
    readonly retryAfterMs: number | undefined,
  ) {
    super("the rack said no");
  }
}

const server = { id: "srv-1", tags: { colour: "red" } };

/** A hand-written client of the kind that people have lying about. */
class Rack {
  readonly #wire: Wire;
  constructor(wire: Wire) {
    this.#wire = wire;
  }
  listServers(input: Input, options?: { signal?: AbortSignal }) {
    return this.#send(input, options);
  }
  createServer(input: Input, options?: { signal?: AbortSignal }) {
    return this.#send(input, options);
  }
  resizeServer(input: Input, options?: { signal?: AbortSignal }) {
    return this.#send(input, options);
  }
  deleteServer(input: Input, options?: { signal?: AbortSignal }) {
    return this.#send(input, options);
  }
  async getServer(input: Input) {
    return this.#send(input);
  }
  async #send(input: Input, options?: { signal?: AbortSignal }) {
    const { kind, requestId, status, retryAfterMs } = await this.#wire.send({
      tags: input.labels,
      token: input.requestId,
      signal: options?.signal,
    });
    if (kind === "ok") return { requestId, status, servers: [server] };
    if (kind === "lost") throw Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });
    throw new RackError(kind, status, requestId, retryAfterMs);
  }
}

type Method = "listServers" | "createServer" | "resizeServer" | "deleteServer";

function operation(name: Method, input: Input, more: Partial<SubjectOperation<Rack>> = {}): SubjectOperation<Rack> {
  return {
    operation: name,
    service: "rack",
    input: ({ tags, token }) => [
      { ...input, ...(tags && { labels: { ...tags } }), ...(token && { requestId: token }) },
    ],
    invoke: (client, [given]: [Input], signal) => client[name](given, ...(signal === undefined ? [] : [{ signal }])),
    ...more,
  };
}

const subject: ConformanceSubject<Rack> = {
  name: "object",
  adapter: () =>
    object({
      cloud: "rack",
      operations: {
        listServers: { kind: "read" },
        createServer: { kind: "create", resourceType: "server", tags: "labels", token: "requestId", record: ["name"] },
        resizeServer: { kind: "update", targets: ["id"] },
        deleteServer: { kind: "delete", targets: ["id"] },
      },
      seen: (_operation, result) => (result as { servers: (typeof server)[] }).servers,
      read: async (id, client) => {
        try {
          const { servers } = await (client as Rack).getServer({ id });
          return servers.find((found) => found.id === id)?.tags;
        } catch (error) {
          if (error instanceof RackError && error.code === "not-found") return undefined;
          throw error;
        }
      },
      errors(error) {
        if (!(error instanceof RackError)) {
          const { name, code } = (error ?? {}) as { name?: unknown; code?: unknown };
          return { class: name === "AbortError" ? "aborted" : code === "ECONNRESET" ? "outage" : "unknown" };
        }
        const { code, status, requestId, retryAfterMs } = error;
        return {
          class: code as "throttled",
          code,
          requestId,
          ...(status === undefined ? {} : { status }),
          ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
        };
      },
      answer: (result) => {
        const { requestId, status } = result as { requestId: string; status: number };
        return Number.isInteger(status) ? { class: "ok", requestId, status } : { class: "ok" };
      },
      limits: [{ name: "rack", ratePerSecond: 10, burst: 20, source: "Rack API guide, read 2026-11" }],
    }) as never,
  makeClient: (wire) => new Rack(wire),
  operations: {
    read: operation("listServers", {}, { seen: [server] }),
    create: operation(
      "createServer",
      { name: "one", password: "kit-secret-password" },
      {
        resourceType: "server",
        secrets: ["kit-secret-password"],
        seen: [server],
      },
    ),
    update: operation("resizeServer", { id: server.id }, { targets: [server.id] }),
    delete: operation("deleteServer", { id: server.id }, { targets: [server.id] }),
  },
  readable: server,
};

conforms(subject, {
  "object: refuses clients of other families": "the subject names no foreign clients",
  "object: the client's own retries are attempts of the same call": "the client has no retries of its own",
  "object: the lease's credential signs every attempt, fresh each time": "the client takes its credential itself",
  "object: resources can be listed for the collector": "the adapter offers no inventory",
});
