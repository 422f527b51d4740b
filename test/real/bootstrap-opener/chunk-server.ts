import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { OpenerPart } from "../../../src/bootstrap/contract.ts";

/** A request that the server got. */
export interface Asked {
  readonly method: string;
  readonly index: number;
  /** How often this was asked before. */
  readonly earlier: number;
}

/** A store behind HTTP whose every answer a test may spoil. */
export interface ChunkServer {
  readonly part: OpenerPart;
  readonly asked: readonly Asked[];
  readonly held: ReadonlySet<number>;
  close(): Promise<void>;
}

/** Answers in place of the server, if it returns true. */
export type Spoil = (asked: Asked, response: ServerResponse, request: IncomingMessage) => boolean;

export const token = "canary-token-5d41402abc4b2a76";

const script = `pg_fetch() {
  printf 'Authorization: Bearer %s\\n' "$pg_token" >"$pg_tmp/headers"
  pg_http GET "$pg_url/$1?t=$pg_token" "$2" "$pg_tmp/headers"
}
pg_forget() {
  printf 'Authorization: Bearer %s\\n' "$pg_token" >"$pg_tmp/headers"
  pg_http DELETE "$pg_url/$1?t=$pg_token" "$pg_tmp/out" "$pg_tmp/headers" || [ "$pg_code" = 404 ]
}`;

export async function chunkServer(chunks: readonly Uint8Array[], spoil: Spoil = () => false): Promise<ChunkServer> {
  const held = new Set(chunks.keys());
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const index = Number(request.url?.slice(1).split("?")[0]);
    const method = request.method ?? "";
    const earlier = asked.filter((other) => other.method === method && other.index === index).length;
    asked.push({ method, index, earlier });
    if (spoil({ method, index, earlier }, response, request)) return;
    const chunk = chunks[index];
    if (request.headers.authorization !== `Bearer ${token}`) response.writeHead(400).end();
    else if (chunk === undefined || !held.has(index)) response.writeHead(404).end();
    else if (method === "DELETE") response.writeHead(held.delete(index) ? 204 : 404).end();
    else response.end(chunk);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    part: { script, needs: ["http"], settings: { pg_url: url, pg_token: token } },
    asked,
    held,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
