import { authentication } from "./authentication.ts";
import type { ObjectClient } from "./client.ts";
import { noted } from "./errors.ts";
import type { KubernetesOptions } from "./options.ts";
import { preconditionsOf, withPreconditions } from "./preconditions.ts";
import { baseOf, type Send } from "./sending.ts";
import { shadow } from "./shadow.ts";
import { observable } from "./wire.ts";

/** Puts the rings into one `KubernetesObjectApi`. @returns What takes them out. */
export function attachObjectApi(client: ObjectClient, send: Send, options: KubernetesOptions): () => void {
  const { deletePreconditions = "uid" } = options;
  const before = client.configuration;
  const { httpApi: http, baseServer, authMethods, middleware } = before;
  const auth = authentication(authMethods, send.credentials);
  const base = baseOf(baseServer);
  // A copy: another client may have the same configuration.
  const configuration = {
    ...before,
    authMethods: auth.methods,
    httpApi: {
      send: (context: Parameters<Send>[0]) => {
        const process = (response: Parameters<ObjectClient["processResponse"]>[0]) => client.processResponse(response);
        return observable(send(context, { http, base, auth, watched: middleware.length > 0, process }));
      },
    },
  };
  client.configuration = configuration;

  const restore = [
    shadow(
      client,
      "requestPromise",
      (original) =>
        (...args) =>
          noted(original(...args) as Promise<unknown>),
    ),
    shadow(client, "delete", (original) => (...args) => {
      if (deletePreconditions === false) return original(...args);
      const [object, pretty, dryRun, gracePeriod, orphan, propagation, body, ...more] = args;
      const bound = withPreconditions(body, preconditionsOf(object, deletePreconditions === "resourceVersion"));
      return original(object, pretty, dryRun, gracePeriod, orphan, propagation, bound, ...more);
    }),
  ];
  return () => {
    for (const undo of restore) undo();
    if (client.configuration === configuration) client.configuration = before;
  };
}
