import { once } from "node:events";
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { memoryState, type StateStore } from "provider-guard";
import {
  type Binding,
  type HttpStore,
  type HttpStoreEvent,
  type HttpStoreOptions,
  httpStore,
  memoryStore,
  type ReadableBootstrapStore,
} from "provider-guard/bootstrap";
import { type SimulatedClock, simulatedClock } from "provider-guard/testing";

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Asking {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly localAddress?: string;
}

/** One request on a connection of its own. */
export async function ask(
  url: string,
  { method = "GET", headers = {}, body, localAddress }: Asking = {},
): Promise<Answered> {
  const request = httpRequest(url, { method, headers, agent: false, ...(localAddress && { localAddress }) });
  request.end(body);
  const [response] = (await once(request, "response")) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) };
}

export interface ServerTls {
  readonly cert: string;
  readonly key: string;
}

export interface Served {
  readonly store: HttpStore;
  readonly server: Server;
  readonly url: string;
  readonly events: HttpStoreEvent[];
  readonly clock: SimulatedClock;
  readonly backing: ReadableBootstrapStore;
  readonly state: StateStore;
  close(): Promise<void>;
}

/** A store whose handler listens on loopback; another one with the same backing and state is another replica. */
export async function serve(options: Partial<HttpStoreOptions> = {}, tls?: ServerTls): Promise<Served> {
  const clock = (options.clock as SimulatedClock | undefined) ?? simulatedClock({ startAt: Date.now() });
  const events: HttpStoreEvent[] = [];
  const backing = options.backing ?? memoryStore({ clock });
  const state = options.state ?? memoryState({ clock });
  const listener = (request: IncomingMessage, response: ServerResponse) => void store.handler(request, response);
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http${tls === undefined ? "" : "s"}://127.0.0.1:${(server.address() as AddressInfo).port}/machines`;
  const store = httpStore({ url, onEvent: (event) => events.push(event), clock, ...options, backing, state });
  return {
    store,
    server,
    url,
    events,
    clock,
    backing,
    state,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

export const claimOf = (digit: string) => digit.repeat(64);

/** What a machine sends that has this sealing's user data. */
export async function headersOf(store: HttpStore, binding: Binding, claim?: string): Promise<Record<string, string>> {
  const part = await store.opener(binding);
  const token = part?.settings?.pg_store_token;
  return { authorization: `Bearer ${token}`, ...(claim !== undefined && { "bootstrap-claim": claim }) };
}
