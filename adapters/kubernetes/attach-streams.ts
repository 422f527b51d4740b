import type { CredentialLease } from "../../src/core/credential.ts";
import { attachWatch } from "./attach-watch.ts";
import type { Family, KubeConfig, SocketHandler } from "./client.ts";
import type { KnownObjects } from "./known-objects.ts";
import { shadow } from "./shadow.ts";
import { leased, readPath, replace, type StreamRings } from "./streams.ts";

type Method = (...args: unknown[]) => Promise<unknown>;

/** What streams are made of; each class has some of it. */
interface StreamClient {
  config: KubeConfig;
  handler: SocketHandler;
  watch: Method;
  log: Method;
  metricsApiRequest: Method;
  check: Method;
}

function attachLog(client: StreamClient, rings: StreamRings): () => void {
  return shadow(client, "log", (original) => (...args) => {
    const [namespace, pod, container] = args.map((part) => encodeURIComponent(String(part)));
    const path = `/api/v1/namespaces/${namespace}/pods/${pod}/log?container=${container}`;
    return rings.run(readPath(path), undefined, async () => original(...args));
  });
}

function attachMetrics(client: StreamClient, rings: StreamRings): () => void {
  return shadow(client, "metricsApiRequest", (original) => (...args) => {
    return rings.run(readPath(String(args[0])), undefined, async () => original(...args));
  });
}

function attachHealth(client: StreamClient, rings: StreamRings): () => void {
  const { check } = client;
  // Where `/readyz` is missing it asks for `/healthz` itself: one call all the same.
  const bare: StreamClient = Object.create(client, {
    check: { value: (...args: unknown[]) => check.apply(bare, args) },
  });
  return shadow(client, "check", () => (...args) => {
    const signal: unknown = Object(args[1]).signal;
    const own = signal instanceof AbortSignal ? signal : undefined;
    return rings.run(readPath(String(args[0])), own, () => check.apply(bare, args));
  });
}

/** Each handshake is a call; what goes over the connection is not looked at. */
function attachSocket(client: StreamClient, rings: StreamRings, lease: CredentialLease | undefined): () => void {
  const { handler } = client;
  const sender: SocketHandler =
    lease === undefined || handler.config === undefined
      ? handler
      : Object.create(handler, { config: { value: leased(handler.config, lease) } });
  const connect = (path: string, ...handlers: unknown[]) =>
    rings.run(readPath(path), undefined, () => sender.connect(path, ...handlers));
  return replace(client, "handler", Object.create(handler, { connect: { value: connect } }) as SocketHandler);
}

/** Puts the rings into one client that sends without client-node's HTTP library. @returns What takes them out. */
export function attachStream(
  client: object,
  family: Exclude<Family, "generated" | "object">,
  rings: StreamRings,
  known: KnownObjects,
  lease: CredentialLease | undefined,
): () => void {
  const open = client as StreamClient;
  if (family === "socket") return attachSocket(open, rings, lease);
  const giveBack = lease === undefined ? () => {} : replace(open, "config", leased(open.config, lease));
  const hooks = {
    watch: () => attachWatch(open, rings, known),
    log: () => attachLog(open, rings),
    metrics: () => attachMetrics(open, rings),
    health: () => attachHealth(open, rings),
  };
  const undo = hooks[family]();
  return () => {
    undo();
    giveBack();
  };
}
