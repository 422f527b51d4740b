import type { Authentication } from "./authentication.ts";
import type { Configuration, ResponseContext } from "./client.ts";
import { receive } from "./response.ts";

/** What is sent around the rings: reads of our own. */
export interface PastRequest {
  readonly path: string;
  /** Media type that is asked for. */
  readonly accept: string;
  readonly signal: AbortSignal | undefined;
}

/** Sends a request past the guard's rings, with the client's own address and credential. */
export type SendPast = (request: PastRequest) => Promise<ResponseContext>;

/** Metadata alone: whose a Secret is can be learnt without reading it. */
export const metadataOnly = (kind: "PartialObjectMetadata" | "PartialObjectMetadataList") =>
  `application/json;as=${kind};g=meta.k8s.io;v=v1,application/json`;

/** Makes the sender of one client. */
export function sendPast({ baseServer, httpApi }: Configuration, auth: Authentication): SendPast {
  return async ({ path, accept, signal }) => {
    const context = baseServer.makeRequestContext(path, "GET");
    context.setHeaderParam("Accept", accept);
    if (signal !== undefined) context.setSignal?.(signal);
    await auth.apply(context);
    return receive(httpApi, context, false);
  };
}
