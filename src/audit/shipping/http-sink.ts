import * as z from "zod";
import { parseOptions } from "../../core/config.ts";
import { readRetryAfter } from "../../core/retry-after.ts";
import { notShipped } from "./not-shipped.ts";
import { ndjson, type ShippingSink } from "./sink.ts";

/** Headers of a request. */
export type HttpHeaders = Readonly<Record<string, string>>;

/** Options of {@link httpSink}. */
export interface HttpSinkOptions {
  /** Objects are put below it: `<url>/<chain>/<file>/<first byte>-<end>`. */
  readonly url: string;
  /** Further headers, e.g. `authorization`; a function is asked before each request. @defaultValue none */
  readonly headers?: HttpHeaders | (() => HttpHeaders | Promise<HttpHeaders>);
  /** @defaultValue the global `fetch` */
  readonly fetch?: typeof globalThis.fetch;
  /** @defaultValue `"http"` */
  readonly name?: string;
}

const headers = z.record(z.string(), z.string());
const schema = z.strictObject({
  url: z
    .url({ protocol: /^https?$/ })
    .refine((text) => !/[?#]|\/\/[^/]*@/.test(text), "must have no credentials, query or fragment"),
  headers: z
    .union([headers, z.custom<() => HttpHeaders | Promise<HttpHeaders>>((value) => typeof value === "function")])
    .default({}),
  fetch: z.custom<typeof globalThis.fetch>((value) => typeof value === "function").optional(),
  name: z.string().default("http"),
});

/**
 * Ships by HTTP: each object is one PUT to a URL of its own, which may come twice with the same bytes.
 * `Content-Digest` (RFC 9530) holds their SHA-256. Any 2xx acknowledges; anything else is tried again,
 * `Retry-After` is heeded, and redirections are not followed, as they would carry the headers elsewhere.
 *
 * @param options - See {@link HttpSinkOptions}.
 * @returns A sink for `shipping`.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for a wrong option, naming its path.
 * @example
 * import { httpSink, shipping } from "provider-guard/audit";
 * shipping({ sinks: [httpSink({ url: "https://evidence.example.com/audit", headers: { authorization: "Bearer ..." } })] });
 */
export function httpSink(options: HttpSinkOptions): ShippingSink {
  const { url, headers, name, fetch = globalThis.fetch } = parseOptions(schema, options, "httpSink");
  const base = url.replace(/\/+$/, "");
  const host = new URL(url).host;
  return {
    name,
    async put({ name: object, bytes, sha256 }, { signal }) {
      const own = typeof headers === "function" ? await headers() : headers;
      let response: Response;
      try {
        response = await fetch(`${base}/${object}`, {
          method: "PUT",
          headers: { ...own, "content-type": ndjson, "content-digest": `sha-256=:${sha256}:` },
          body: bytes as Uint8Array<ArrayBuffer>,
          redirect: "manual",
          signal,
        });
      } catch (error) {
        throw notShipped(name, `${host} did not answer`, undefined, error);
      }
      await response.body?.cancel(); // nothing in it matters, however long it is
      if (response.ok) return;
      const pauseMs = readRetryAfter((header) => response.headers.get(header) ?? undefined);
      throw notShipped(name, `${host} answered ${response.status}`, pauseMs);
    },
  };
}
