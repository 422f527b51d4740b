import type { Port } from "../../src/core/adapter.ts";
import type { Attempt } from "../../src/core/call.ts";
import type { CredentialLease } from "../../src/core/credential.ts";
import type { KubeConfig } from "./client.ts";
import { type ApiRequest, inputOf, readRequest } from "./request.ts";

/** Runs requests that client-node sends without its HTTP library through both rings. */
export interface StreamRings {
  readonly account: string;
  run<R>(request: ApiRequest, signal: AbortSignal | undefined, once: (attempt: Attempt) => Promise<R>): Promise<R>;
}

/** Makes the rings of one client. */
export function streamRings(port: Port, account: string): StreamRings {
  return {
    account,
    run: (request, signal, once) => {
      const { service, operation } = request;
      const draft = { service, operation, input: inputOf(request, undefined), account };
      return port.call({ ...draft, ...(signal === undefined ? {} : { signal }) }, (call) => port.attempt(call, once));
    },
  };
}

/** Reads what a path asks for that client-node connects to. */
export const readPath = (path: string) => readRequest("GET", path);

/** A `KubeConfig` whose requests carry the lease's token in place of its own user's credential. */
export function leased(config: KubeConfig, lease: CredentialLease): KubeConfig {
  return Object.assign(Object.create(config) as KubeConfig, {
    async applyToHTTPSOptions(options: Record<string, unknown>) {
      await config.applyToHTTPSOptions(options);
      const { value } = lease.peek() ?? (await lease.get());
      options.headers = { ...(options.headers as object | undefined), Authorization: `Bearer ${String(value)}` };
      delete options.auth; // a user's password would go before it
    },
  });
}

/** Replaces a member of a client. @returns What puts the old one back. */
export function replace<C extends object, K extends keyof C>(client: C, key: K, value: C[K]): () => void {
  const before = client[key];
  client[key] = value;
  return () => {
    if (client[key] === value) client[key] = before;
  };
}
