import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";

/** A request that is well formed. */
export interface ItemRequest {
  readonly method: "GET" | "HEAD" | "DELETE" | "POST";
  readonly id: string;
  /** Index of the item; absent in a report. */
  readonly index: number | undefined;
  readonly token: string;
  /** What the opener made at its first attempt; Ignition has none. */
  readonly claim: string | undefined;
  /** State and reason of a report. */
  readonly status: string | undefined;
  readonly source: string;
}

/** A request that is not; `fails` counts against its source. */
export interface BadRequest {
  readonly status: number;
  readonly fails: boolean;
}

const claimHeader = "bootstrap-claim";
const statusHeader = "bootstrap-status";

const target = /^([0-9a-f]{32})(?:\/(0|[1-9][0-9]{0,3}))?$/;
const bearer = /^Bearer ([A-Za-z0-9_-]{43})$/;
const claimText = /^[0-9a-f]{64}$/;
const methods = new Set(["GET", "HEAD", "DELETE", "POST"]);

/** Without the form that sockets of both families give IPv4 addresses. */
const plain = (address: string) => address.replace(/^::ffff:(?=\d+\.)/i, "");

/**
 * Where a request comes from: the address that the outermost of our own proxies saw.
 *
 * @param trustedProxies - How many stand in front, each adding to `X-Forwarded-For`.
 */
export function sourceOf({ headers, socket }: IncomingMessage, trustedProxies: number): string {
  const seen = String(headers["x-forwarded-for"] ?? "").split(",");
  const given = trustedProxies === 0 ? "" : plain(seen.at(-trustedProxies)?.trim() ?? "");
  return isIP(given) > 0 ? given : plain(socket.remoteAddress ?? "unknown");
}

/**
 * Reads a request by what it must be; nothing is decoded, and nothing of a body is read.
 *
 * @param prefix - The path that the items are under, ending in a slash.
 */
export function readRequest(request: IncomingMessage, prefix: string, source: string): ItemRequest | BadRequest {
  const { method = "", url = "", headers } = request;
  if (!methods.has(method)) return { status: 405, fails: true };
  if (headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) !== 0) {
    return { status: 413, fails: true };
  }
  const [, id, index] = (url.startsWith(prefix) && target.exec(url.slice(prefix.length))) || [];
  const token = bearer.exec(headers.authorization ?? "")?.[1];
  const isReport = method === "POST";
  if (id === undefined || token === undefined || isReport !== (index === undefined))
    return { status: 404, fails: true };
  const claim = headers[claimHeader];
  if (claim !== undefined && !claimText.test(String(claim))) return { status: 400, fails: true };
  return {
    method: method as ItemRequest["method"],
    id,
    index: index === undefined ? undefined : Number(index),
    token,
    claim: claim === undefined ? undefined : String(claim),
    status: headers[statusHeader] === undefined ? undefined : String(headers[statusHeader]),
    source,
  };
}
