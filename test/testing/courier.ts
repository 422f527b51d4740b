/**
 * A tiny cloud client with retries and a signer of its own, and an adapter for it, for tests of the
 * conformance kit. `bug` breaks the adapter in one way.
 */
import type { Wire, WireReply } from "provider-guard/testing";
import type { Adapter, Port } from "../../src/core/adapter.ts";
import type { Attempt, Call } from "../../src/core/call.ts";
import type { ErrorClass, ErrorInfo } from "../../src/core/errors.ts";
import type { TagCodec, Tags } from "../../src/core/tags.ts";
import type { CallKind } from "../../src/core/target.ts";
import { plainTags } from "../../src/ownership/plain-tags.ts";

export const bugs = [
  "accepts anything",
  "throws in accepts",
  "loses methods",
  "patches the class",
  "attaches twice",
  "keeps its hooks",
  "throws on the second detach",
  "skips the attempt ring",
  "runs the attempt ring twice",
  "runs the operation ring twice",
  "sends retries outside the ring",
  "sends while waiting",
  "retries refusals",
  "drops the signal",
  "another reason on abort",
  "sends the caller's input",
  "mutates the input",
  "drops tags",
  "drops the caller's tags",
  "hides reserved tags",
  "drops the token",
  "overrides the caller's token",
  "misreports the caller's token",
  "a new token for every attempt",
  "the same token for every create",
  "loses the cluster's UID",
  "finds owners in strangers' tags",
  "names no targets",
  "sees nothing",
  "reads tags through the rings",
  "throws for a resource that is gone",
  "guesses reads",
  "knows everything",
  "misses prototype names",
  "takes updates for creates",
  "wraps errors",
  "throws in errors",
  "throws in answer",
  "leaks messages",
  "waits in seconds",
  "loses request ids",
  "loses the status",
  "takes throttling for an outage",
  "takes aborts for outages",
  "limits without a source",
  "limits nothing",
  "records secrets",
  "caches the credential",
  "refuses to send again",
] as const;

export type Bug = (typeof bugs)[number];

type Hook = (name: string, input: Input, signal: AbortSignal | undefined, send: Send) => Promise<Answer>;
type Send = (input: Input, around: Around, credential: () => string) => Promise<Answer>;
type Around = (once: () => Promise<Answer>) => Promise<Answer>;

export interface Input {
  readonly id?: string;
  readonly labels?: Tags;
  readonly requestToken?: string;
  readonly password?: string;
}

export interface Answer {
  readonly requestId: string;
  readonly items: readonly { readonly id: string; readonly labels: Tags }[];
}

class CourierError extends Error {
  override readonly name = "CourierError";
  readonly reply: WireReply | undefined;
  constructor(reply: WireReply | undefined) {
    super("the courier failed, and says more than a log should hold");
    this.reply = reply;
  }
}

/** The client: `send` retries once when throttled, and never retries what it does not know. */
export class Courier {
  hook: Hook | undefined;
  readonly #wire: Wire;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  send(name: string, input: Input, signal?: AbortSignal): Promise<Answer> {
    const run: Send = (toSend, around, credential) => this.#retrying(toSend, around, credential, signal);
    if (this.hook !== undefined) return this.hook(name, input, signal, run);
    return run(
      input,
      (once) => once(),
      () => "static",
    );
  }

  async #retrying(input: Input, around: Around, credential: () => string, signal?: AbortSignal): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await around(() => this.#once(input, credential(), signal));
      } catch (error) {
        if (attempt === 2 || !(error instanceof CourierError) || error.reply?.kind !== "throttled") throw error;
      }
    }
  }

  async #once(input: Input, credential: string, signal: AbortSignal | undefined): Promise<Answer> {
    const { labels: tags, requestToken: token } = input;
    const reply = await this.#wire.send({ tags, token, credential, signal });
    if (reply.kind !== "ok") throw new CourierError(reply.kind === "lost" ? undefined : reply);
    return { requestId: reply.requestId, items: [{ id: "parcel-1", labels: { colour: "red" } }] };
  }
}

const operations: Record<string, CallKind> = {
  ListParcels: "read",
  SendParcel: "create",
  MoveParcel: "update",
  DropParcel: "delete",
};

const codecWithout = (bug: Bug | undefined): TagCodec => {
  if (bug === "loses the cluster's UID") {
    const encode: TagCodec["encode"] = (...args) => {
      const { "provider-guard/cluster-uid": _lost, ...rest } = plainTags.encode(...args);
      return rest;
    };
    return { ...plainTags, encode };
  }
  if (bug === "finds owners in strangers' tags") {
    return { ...plainTags, decode: (tags) => plainTags.decode(tags) ?? { managementCluster: "m", provider: "p" } };
  }
  return plainTags;
};

function errorsWith(bug: Bug | undefined): (error: unknown) => ErrorInfo {
  return (error) => {
    if (bug === "throws in errors") return { class: "unknown", code: (error as Error).name };
    if (bug === "leaks messages") {
      const text = String((error as { message?: unknown } | null)?.message ?? "x").slice(0, 100);
      if (error instanceof Error) return { class: "unknown", code: text };
    }
    if (!isA(CourierError, error)) {
      const abort = isA(DOMException, error) && (error as DOMException).name === "AbortError";
      return { class: abort && bug !== "takes aborts for outages" ? "aborted" : "unknown" };
    }
    const { reply } = error as CourierError;
    if (reply === undefined) return { class: "outage" };
    const throttled = bug === "takes throttling for an outage" ? "outage" : "throttled";
    const { retryAfterMs, requestId, status } = reply;
    return {
      class: reply.kind === "throttled" ? throttled : (reply.kind as ErrorClass),
      code: reply.kind,
      ...(bug !== "loses request ids" && { requestId }),
      ...(bug !== "loses the status" && status !== undefined && { status }),
      ...(retryAfterMs !== undefined && {
        retryAfterMs: bug === "waits in seconds" ? retryAfterMs / 1000 : retryAfterMs,
      }),
    };
  };
}

/** `instanceof` that survives hostile proxies. */
function isA(type: abstract new (...args: never[]) => unknown, value: unknown): boolean {
  try {
    return value instanceof type;
  } catch {
    return false;
  }
}

let stuckCredential: string | undefined;
let tokens = 0;

function hookWith(port: Port, bug: Bug | undefined): Hook {
  return (name, input, signal, send) => {
    const draft = {
      service: "courier",
      operation: name,
      input,
      ...(bug !== "drops the signal" && signal && { signal }),
    };
    const credential = () => {
      const fresh = String(port.credentials?.peek()?.value ?? "static");
      if (bug !== "caches the credential") return fresh;
      stuckCredential ??= fresh;
      return stuckCredential;
    };
    const ring = (call: Call) => (once: () => Promise<Answer>) => {
      const guarded = async (attempt: Attempt) => {
        if (bug === "refuses to send again" && attempt.number > 1) throw new Error("already sent");
        return once();
      };
      if (bug === "skips the attempt ring") return once();
      if (bug === "runs the attempt ring twice") return port.attempt(call, () => port.attempt(call, guarded));
      if (bug === "sends retries outside the ring" && call.attempts.length > 0) return once();
      if (bug === "sends while waiting") {
        const sent = once();
        sent.catch(() => {});
        return port.attempt(call, () => sent);
      }
      const attempted = port.attempt(call, guarded);
      if (bug === "retries refusals") return attempted.catch(() => port.attempt(call, guarded));
      if (bug === "another reason on abort") {
        return attempted.catch((error) => {
          throw signal?.aborted ? new Error("aborted") : error;
        });
      }
      if (bug === "wraps errors") {
        return attempted.catch((error) => {
          throw new Error("guarded", { cause: error });
        });
      }
      return attempted;
    };
    const inside = (call: Call) => {
      const original = bug === "sends the caller's input" ? input : (call.input as Input);
      const toSend =
        bug === "a new token for every attempt"
          ? {
              ...original,
              get requestToken() {
                return `token-${tokens++}`;
              },
            }
          : original;
      return send(toSend, ring(call), credential);
    };
    if (bug === "runs the operation ring twice") return port.call(draft, () => port.call(draft, inside));
    return port.call(draft, inside);
  };
}

/** An adapter for couriers, broken where `bug` says. */
export function courierAdapter(bug?: Bug): Adapter<Courier> {
  const errors = errorsWith(bug);
  let fixedToken: string | undefined;
  return {
    name: "courier",
    cloud: "courier",
    accepts(client) {
      if (bug === "accepts anything") return true;
      if (bug === "throws in accepts") return (client as Courier).hook === undefined || client instanceof Courier;
      try {
        return client instanceof Courier;
      } catch {
        return false;
      }
    },
    attach(client, port) {
      if (bug === "loses methods") {
        const send = hookWith(port, bug);
        const bare = client.send.bind(client);
        let active = true;
        const standIn = { request: (n: string, i: Input, s?: AbortSignal) => bare(n, i, s) } as unknown as Courier;
        standIn.send = (name, input, signal) =>
          active
            ? send(name, input, signal, (toSend, around) => around(() => bare(name, toSend, signal)))
            : bare(name, input, signal);
        return {
          client: standIn,
          detach: () => {
            active = false;
          },
        };
      }
      const outer = bug === "attaches twice" ? client.hook : undefined;
      const own = hookWith(port, bug);
      const hook: Hook =
        outer === undefined
          ? own
          : (name, input, signal, send) =>
              outer(name, input, signal, (i, a, c) => own(name, i, signal, (j) => send(j, a, c)));
      if (bug === "patches the class")
        Object.defineProperty(Courier.prototype, "hook", { value: hook, configurable: true, writable: true });
      if (bug === "patches the class") delete (client as { hook?: Hook }).hook;
      else client.hook = hook;
      let attached = true;
      return {
        client,
        detach() {
          if (bug === "throws on the second detach" && !attached) throw new Error("not attached");
          attached = false;
          if (bug === "keeps its hooks") return;
          if (bug === "patches the class") delete (Courier.prototype as { hook?: Hook }).hook;
          else client.hook = undefined;
        },
      };
    },
    classify(operation) {
      const known =
        Object.hasOwn(operations, operation) || (bug === "misses prototype names" && operation in operations);
      if (bug === "knows everything") return { kind: operations[operation] ?? "update", known: true };
      if (!known) return { kind: bug === "guesses reads" ? "read" : "update", known: false };
      const kind = operations[operation] ?? "update";
      return {
        kind: bug === "takes updates for creates" && kind === "update" ? "create" : kind,
        known,
        resourceType: "parcel",
      };
    },
    errors,
    answer(result) {
      if (bug === "throws in answer") return { class: "ok", requestId: (result as Answer).requestId };
      try {
        const requestId = (result as Answer | undefined)?.requestId;
        if (typeof requestId !== "string" || bug === "loses request ids")
          return { class: "ok", ...(bug !== "loses the status" && { status: 200 }) };
        return { class: "ok", requestId, ...(bug !== "loses the status" && { status: 200 }) };
      } catch {
        return { class: "ok" };
      }
    },
    limits: [
      {
        name: "courier",
        ratePerSecond: bug === "limits nothing" ? Number.POSITIVE_INFINITY : 5,
        burst: 10,
        ...(bug !== "limits without a source" && { source: "the courier's manual, read 2026-11" }),
      },
    ],
    redaction: () => ({
      allow: new Set(bug === "records secrets" ? ["id", "labels", "motd"] : ["id", "labels"]),
    }),
    tags: {
      codec: codecWithout(bug),
      write({ input }, tags) {
        const given = input as Input;
        if (bug === "drops tags") return given;
        if (bug === "mutates the input") return Object.assign(given, { labels: { ...given.labels, ...tags } });
        return { ...given, labels: bug === "drops the caller's tags" ? tags : { ...given.labels, ...tags } };
      },
      given({ input }) {
        const { labels = {} } = input as Input;
        if (bug !== "hides reserved tags") return labels;
        return Object.fromEntries(Object.entries(labels).filter(([key]) => !key.startsWith(plainTags.prefix)));
      },
      token({ input }, token) {
        const given = input as Input;
        fixedToken ??= token;
        const written = bug === "the same token for every create" ? fixedToken : token;
        if (bug === "drops the token") return { input: given, token };
        if (given.requestToken !== undefined && bug === "misreports the caller's token") return { input: given, token };
        if (given.requestToken !== undefined && bug !== "overrides the caller's token") {
          return { input: given, token: given.requestToken };
        }
        return { input: { ...given, requestToken: written }, token: written };
      },
      targets: ({ input }) =>
        bug === "names no targets" ? [] : [(input as Input).id].filter((id) => id !== undefined),
      seen: (_call, result) =>
        bug === "sees nothing" ? [] : (result as Answer).items.map(({ id, labels }) => ({ id, tags: labels })),
      async read(id, call) {
        const client = call.binding.client as Courier;
        const { hook } = client;
        if (bug !== "reads tags through the rings") client.hook = undefined;
        try {
          return (await client.send("ListParcels", { id })).items[0]?.labels;
        } catch (error) {
          if (bug !== "throws for a resource that is gone" && errors(error).class === "not-found") return undefined;
          throw error;
        } finally {
          client.hook = hook;
        }
      },
    },
  };
}

/** Forgets what broken adapters keep between sessions. */
export function resetCouriers(): void {
  stuckCredential = undefined;
  delete (Courier.prototype as { hook?: Hook }).hook;
}
