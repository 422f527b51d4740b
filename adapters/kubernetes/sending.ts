import type { CredentialLease } from "../../src/core/credential.ts";
import type { Configuration, RequestContext, ResponseContext } from "./client.ts";
import type { Exchange } from "./wire.ts";

/** Sends one request of a client through both rings. */
export interface Send {
  (context: RequestContext, exchange: Exchange): Promise<ResponseContext>;
  readonly credentials: CredentialLease | undefined;
}

/** The address that a server's requests begin with, without a slash at its end. */
export function baseOf(server: Configuration["baseServer"]): string {
  const url = server.makeRequestContext("", "GET").getUrl();
  return url.endsWith("/") ? url.slice(0, -1) : url;
}
