import type { Attachment, Port } from "../../src/core/adapter.ts";
import { attachGenerated } from "./attach-generated.ts";
import { attachObjectApi } from "./attach-object-api.ts";
import { attachStream } from "./attach-streams.ts";
import { authentication } from "./authentication.ts";
import {
  type Configuration,
  type Family,
  family,
  type GeneratedClient,
  type KubeConfig,
  type ObjectClient,
} from "./client.ts";
import type { KnownObjects } from "./known-objects.ts";
import type { KubernetesOptions } from "./options.ts";
import { type SendPast, sendPast } from "./past.ts";
import { baseOf } from "./sending.ts";
import { streamRings } from "./streams.ts";
import { guardedSender } from "./wire.ts";

/** What the adapter keeps for its clients. */
export interface AttachContext {
  readonly options: KubernetesOptions;
  readonly known: KnownObjects;
  /** Takes what sends through a client past the rings. */
  ready(client: object, past: SendPast): void;
}

/** Clients that have hooks, and how often they were put in. */
const hooked = new WeakMap<object, { count: number; readonly undo: () => void }>();

function configurationOf(client: object): Configuration {
  const { api, configuration, config, handler } = client as Partial<GeneratedClient & ObjectClient> & {
    readonly config?: KubeConfig;
    readonly handler?: { readonly config: KubeConfig };
  };
  const own = api?.configuration ?? configuration;
  if (own !== undefined) return own;
  // The only way to client-node's own HTTP library that needs no import of it.
  class Holder {
    constructor(readonly configuration: Configuration) {}
  }
  const source = config ?? handler?.config;
  return (source as KubeConfig).makeApiClient(Holder).configuration;
}

/** Host and port of the API server that a client speaks to. */
export function accountOf(client: object): string {
  return new URL(baseOf(configurationOf(client).baseServer)).host;
}

function hook(client: object, port: Port, { options, known, ready }: AttachContext): () => void {
  const configuration = configurationOf(client);
  const past = sendPast(configuration, authentication(configuration.authMethods, port.credentials));
  ready(client, past);
  const account = options.account ?? accountOf(client);
  const send = Object.assign(guardedSender({ port, account, options, known, past }), {
    credentials: port.credentials,
  });
  const kind = family(client) as Family;
  switch (kind) {
    case "generated":
      return attachGenerated(client as GeneratedClient, send);
    case "object":
      return attachObjectApi(client as ObjectClient, send, options);
    default:
      return attachStream(client, kind, streamRings(port, account), known, port.credentials);
  }
}

/** Hooks both rings on one client. */
export function attachClient<C extends object>(client: C, port: Port, context: AttachContext): Attachment<C> {
  const entry = hooked.get(client) ?? { count: 0, undo: hook(client, port, context) };
  entry.count++;
  hooked.set(client, entry);
  let detached = false;
  return {
    client,
    detach() {
      if (detached) return;
      detached = true;
      entry.count--;
      if (entry.count > 0) return;
      hooked.delete(client);
      entry.undo();
    },
  };
}
