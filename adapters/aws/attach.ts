import type { Attachment, CallDraft, Port } from "../../src/core/adapter.ts";
import type { AwsClient, Command, Context, OpenClient } from "./client.ts";
import { leaseCredentials } from "./credentials.ts";
import type { SendPast } from "./read-tags.ts";
import { hooksOf, type Member, type StackHooks } from "./stack-hooks.ts";
import { fieldsOf } from "./tag-styles.ts";

/** What the adapter adds to a hooked client. */
export interface AttachOptions {
  draft(context: Context, input: unknown): Omit<CallDraft, "region" | "signal">;
  /** Takes the client's region once it is known. */
  located(region: string): void;
  /** Takes what sends through the client past the rings. */
  ready(send: SendPast): void;
}

function regionReader({ config }: OpenClient, located: (region: string) => void): Member["region"] {
  let known: string | undefined;
  return () => {
    if (known !== undefined) return known;
    const { region } = config;
    if (typeof region !== "function") return region;
    return region().then((value) => {
      known = value;
      located(value);
      return value;
    });
  };
}

/** Sends around the rings, and is let through by the gate. */
function senderPast(client: OpenClient, hooks: StackHooks, member: Member): SendPast {
  return async (command, signal) => {
    const options = signal === undefined ? {} : { abortSignal: signal };
    const handler = hooks.as({ member, past: true }, () =>
      (command as Command).resolveMiddleware(client.middlewareStack, client.config, options),
    );
    return (await handler(command as { input?: unknown })).output;
  };
}

/** Puts `send` on the instance, so that the hooks know what was sent and with which signal. */
function shadowSend(client: OpenClient, hooks: StackHooks, member: Member): () => void {
  const own = Object.getOwnPropertyDescriptor(client, "send");
  // Looked up at each call: a test may replace the prototype's after the client was wrapped.
  const original = () => (own?.value ?? (Object.getPrototypeOf(client) as OpenClient).send) as OpenClient["send"];
  let attached = true;

  function send(this: unknown, ...args: unknown[]): unknown {
    if (!attached) return original().apply(this, args);
    const { abortSignal } = fieldsOf(typeof args[1] === "function" ? undefined : args[1]);
    const signal = abortSignal instanceof AbortSignal ? { signal: abortSignal } : {};
    return hooks.as({ member, ...signal }, () => original().apply(this, args));
  }

  Object.defineProperty(client, "send", { value: send, configurable: true, writable: true, enumerable: false });
  return () => {
    attached = false;
    if (client.send !== send) return; // somebody has put theirs over ours, which passes everything on from now
    if (own === undefined) delete (client as Partial<OpenClient>).send;
    else Object.defineProperty(client, "send", own);
  };
}

/** Hooks both rings on one client. */
export function attachClient(wrapped: AwsClient, port: Port, options: AttachOptions): Attachment<AwsClient> {
  const client = wrapped as unknown as OpenClient;
  const hooks = hooksOf(client.middlewareStack);
  const member: Member = { client, port, draft: options.draft, region: regionReader(client, options.located) };
  hooks.join(member);
  options.ready(senderPast(client, hooks, member));
  const restoreSend = shadowSend(client, hooks, member);
  const restoreCredentials = port.credentials && leaseCredentials(client.config, port.credentials);
  // Handlers that `cacheMiddleware` resolved before know nothing of what was changed.
  delete client.handlers;

  let detached = false;
  return {
    client: wrapped,
    detach() {
      if (detached) return;
      detached = true;
      restoreCredentials?.();
      restoreSend();
      hooks.leave(member);
      delete client.handlers;
    },
  };
}
