import { authentication } from "./authentication.ts";
import type { CallOptions, Configuration, GeneratedClient, Observable, ResponseContext } from "./client.ts";
import { noted } from "./errors.ts";
import { baseOf, type Send } from "./sending.ts";
import { observable } from "./wire.ts";

/** The options of one call, with the guard between client-node and what sends. */
function hooked(
  send: Send,
  configuration: Configuration,
  given: CallOptions | undefined,
  process: (response: ResponseContext) => Promise<unknown>,
): CallOptions {
  const http = given?.httpApi ?? configuration.httpApi;
  const base = baseOf(given?.baseServer ?? configuration.baseServer);
  const auth = authentication(given?.authMethods ?? configuration.authMethods, send.credentials);
  // A copy for each call: client-node reverses the list in place, and would run a shared one in another order each time.
  const middleware = [...(given?.middleware ?? configuration.middleware)];
  const watched = middleware.length > 0 || configuration.middleware.length > 0;
  return {
    ...given,
    middleware,
    ...(given?.middleware === undefined ? { middlewareMergeStrategy: "replace" } : {}),
    authMethods: auth.methods,
    httpApi: {
      send: (context) => observable(send(context, { http, base, auth, watched, process })),
    },
  };
}

/** Puts the rings into one client of a generated class. @returns What takes them out. */
export function attachGenerated(client: GeneratedClient, send: Send): () => void {
  const { api } = client;
  const made = new Map<string, { readonly original: unknown; readonly guarded: unknown }>();

  function guarded(name: string, original: (...args: unknown[]) => Observable<unknown>) {
    const processor = name.endsWith("WithHttpInfo") ? name : `${name}WithHttpInfo`;
    const process = async (response: ResponseContext) => api.responseProcessor[processor]?.(response);
    return (...args: unknown[]) => {
      const options = hooked(send, api.configuration, args.at(-1) as CallOptions | undefined, process);
      return observable(noted(original.apply(api, [...args.slice(0, -1), options]).toPromise()));
    };
  }

  const hookedApi = new Proxy(api, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== "function" || typeof key !== "string" || key === "constructor") return value;
      const known = made.get(key);
      if (known !== undefined && known.original === value) return known.guarded;
      const entry = { original: value, guarded: guarded(key, value as (...args: unknown[]) => Observable<unknown>) };
      made.set(key, entry);
      return entry.guarded;
    },
  });
  client.api = hookedApi;
  return () => {
    if (client.api === hookedApi) client.api = api;
  };
}
