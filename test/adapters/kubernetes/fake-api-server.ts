import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { KubeConfig } from "@kubernetes/client-node";

/** A request as it arrived. */
export interface Arrived {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingMessage["headers"];
  // biome-ignore lint/suspicious/noExplicitAny: whatever JSON came
  readonly body: any;
}

/** What is answered instead of what the store says. */
export type Reply =
  | { readonly status: number; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> }
  /** The request is carried out, and the connection breaks before the answer. */
  | "lost"
  /** The connection breaks before anything is done. */
  | "reset";

export type Stored = Record<string, unknown> & { metadata: Record<string, unknown> };

/** A `Status` as the API server writes it. */
export const status = (code: number, reason: string, more: object = {}) => ({
  kind: "Status",
  apiVersion: "v1",
  status: "Failure",
  message: `the fake API server says ${reason}`,
  reason,
  code,
  ...more,
});

/**
 * A stand-in for an API server, on loopback: objects by path, resource versions, UIDs, preconditions
 * and merge patches, and the failures that a test asks for. What only a real server can show is shown
 * in test/real.
 */
export interface FakeApiServer {
  readonly url: string;
  readonly config: KubeConfig;
  readonly requests: Arrived[];
  readonly objects: Map<string, Stored>;
  /** Answers for the next requests that the filter lets through; they are used up in order. */
  script: { readonly when?: (request: Arrived) => boolean; readonly reply: Reply }[];
  /** Takes over a request altogether, e.g. for a watch. */
  takeOver: ((request: Arrived, response: ServerResponse) => boolean) | undefined;
  close(): Promise<void>;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function merged(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
}

export async function fakeApiServer(token = "token-1"): Promise<FakeApiServer> {
  let version = 100;
  const objects = new Map<string, Stored>();

  function write(path: string, object: Stored, old?: Stored): Stored {
    const metadata = { uid: randomUUID(), ...old?.metadata, ...object.metadata, resourceVersion: String(++version) };
    const stored = { ...object, metadata: { ...metadata, uid: old?.metadata.uid ?? metadata.uid } };
    objects.set(path, stored);
    return stored;
  }

  function create(path: string, body: Stored): Exclude<Reply, string> {
    const { name = `${body.metadata.generateName}${randomUUID().slice(0, 5)}` } = body.metadata;
    const namespace = /namespaces\/([^/]+)/.exec(path)?.[1];
    const own = `${path}/${name}`;
    if (objects.has(own)) return { status: 409, body: status(409, "AlreadyExists") };
    return {
      status: 201,
      body: write(own, { ...body, metadata: { ...body.metadata, name, ...(namespace && { namespace }) } }),
    };
  }

  function change({ method, path, body, headers }: Arrived, found: Stored): Exclude<Reply, string> {
    if (method === "DELETE") {
      const { uid, resourceVersion } = body?.preconditions ?? {};
      const fits =
        (uid ?? found.metadata.uid) === found.metadata.uid &&
        (resourceVersion ?? found.metadata.resourceVersion) === found.metadata.resourceVersion;
      if (!fits) return { status: 409, body: status(409, "Conflict") };
      objects.delete(path);
      return { status: 200, body: { ...status(200, ""), status: "Success" } };
    }
    if (method === "PUT") {
      const stale =
        (body.metadata.resourceVersion ?? found.metadata.resourceVersion) !== found.metadata.resourceVersion;
      if (stale) return { status: 409, body: status(409, "Conflict") };
      return { status: 200, body: write(path, body, found) };
    }
    if (String(headers["content-type"]).includes("json-patch")) return { status: 200, body: found };
    return { status: 200, body: write(path, merged(found, body) as Stored, found) };
  }

  function carryOut(request: Arrived): Exclude<Reply, string> {
    const { method, path, body, headers } = request;
    if (method === "POST") return create(path, body);
    const found = objects.get(path);
    if (method === "GET") {
      if (found !== undefined) return { status: 200, body: found };
      const items = [...objects].filter(
        ([key]) => key.startsWith(`${path}/`) && !key.slice(path.length + 1).includes("/"),
      );
      if (/\/(v1|v1beta2)\/(namespaces\/[^/]+\/)?[a-z]+$/.test(path) && !/namespaces\/[^/]+$/.test(path)) {
        return {
          status: 200,
          body: {
            kind: "List",
            apiVersion: "v1",
            metadata: { resourceVersion: String(version) },
            items: items.map(([, item]) => item),
          },
        };
      }
      return { status: 404, body: status(404, "NotFound") };
    }
    if (found !== undefined) return change(request, found);
    if (method === "PATCH" && String(headers["content-type"]).includes("apply-patch")) {
      return { status: 201, body: write(path, body) };
    }
    return { status: 404, body: status(404, "NotFound") };
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://fake");
    const text = await textOf(request);
    const arrived: Arrived = {
      method: request.method ?? "",
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: request.headers,
      body: text.startsWith("{") || text.startsWith("[") ? JSON.parse(text) : text === "" ? undefined : text,
    };
    fake.requests.push(arrived);
    if (fake.takeOver?.(arrived, response)) return;
    const index = fake.script.findIndex(({ when }) => when?.(arrived) ?? true);
    const [scripted] = index < 0 ? [] : fake.script.splice(index, 1);
    if (scripted?.reply === "reset") return void request.socket.destroy();
    const reply = scripted === undefined || scripted.reply === "lost" ? carryOut(arrived) : scripted.reply;
    if (scripted?.reply === "lost") return void request.socket.destroy();
    const answer = reply as Exclude<Reply, string>;
    const headers = { "content-type": "application/json", "audit-id": randomUUID(), ...answer.headers };
    response.writeHead(answer.status, headers);
    response.end(typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body ?? {}));
  }

  const server = createServer((request, response) => void serve(request, response).catch(() => response.destroy()));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const config = new KubeConfig();
  config.loadFromClusterAndUser({ name: "fake", server: url, skipTLSVerify: true }, { name: "tester", token });
  const fake: FakeApiServer = {
    url,
    config,
    requests: [],
    objects,
    script: [],
    takeOver: undefined,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return fake;
}
