import type { Port } from "../../src/core/adapter.ts";
import type { Attempt, Call } from "../../src/core/call.ts";
import { adopt } from "./adopt.ts";
import type { Authentication } from "./authentication.ts";
import { isOwnerless } from "./classify.ts";
import type { HttpApi, Observable, RequestContext, ResponseContext } from "./client.ts";
import { narrowedSelector } from "./collection.ts";
import { type KnownObjects, objectsIn } from "./known-objects.ts";
import { objectId } from "./object-ref.ts";
import { connects } from "./operation.ts";
import type { KubernetesOptions } from "./options.ts";
import type { SendPast } from "./past.ts";
import { withPreconditions } from "./preconditions.ts";
import { type ApiRequest, inputOf, type KubernetesInput, readRequest, withPut } from "./request.ts";
import { jsonOf, receive } from "./response.ts";

/** What all requests of one client share. */
export interface ClientWire {
  readonly port: Port;
  readonly account: string;
  readonly options: KubernetesOptions;
  readonly known: KnownObjects;
  readonly past: SendPast;
}

/** What one request is sent with. */
export interface Exchange {
  /** What the client, or the caller for this call, sends with. */
  readonly http: HttpApi;
  /** The API server's address, with any path before its own. */
  readonly base: string;
  readonly auth: Authentication;
  /** Whether the caller's middlewares want to see a failed answer. */
  readonly watched: boolean;
  /** Makes client-node's own error of an answer, by throwing it. */
  process(response: ResponseContext): Promise<unknown>;
}

/** client-node's observable, as far as client-node uses it. */
export function observable<T>(promise: Promise<T>): Observable<T> {
  return { toPromise: () => promise, pipe: (callback) => observable(promise.then(callback) as never) };
}

function parsedBody(body: unknown): unknown {
  if (typeof body !== "string") return undefined;
  try {
    return JSON.parse(body);
  } catch {
    return undefined; // YAML, or a patch in CBOR
  }
}

function contentTypeOf(context: RequestContext): string {
  const header = Object.entries(context.getHeaders()).find(([key]) => key.toLowerCase() === "content-type");
  return String(header?.[1] ?? "");
}

const takesFieldManager = ({ verb, ref, subresource }: ApiRequest) =>
  ref !== undefined &&
  ["create", "update", "put", "patch", "apply"].includes(verb) &&
  (subresource === undefined || !connects.has(subresource));

/** Sends requests of one client through both rings. */
export function guardedSender({ port, account, options, known, past }: ClientWire) {
  const failures = new WeakMap<object, ResponseContext>();

  const idOf = ({ ref }: ApiRequest) =>
    ref === undefined || ref.name === "" || isOwnerless(ref.group, ref.resource) ? undefined : objectId(ref);

  /** Puts into the request what the phases changed, and what is known only once they have run. */
  function prepare(context: RequestContext, request: ApiRequest, call: Call, original: unknown): void {
    let { body } = call.input as KubernetesInput;
    if (options.deletePreconditions !== false && request.verb === "delete" && request.subresource === undefined) {
      const uid = known.get(account, idOf(request) ?? "")?.uid;
      const readable = original !== undefined || context.getBody() === undefined || context.getBody() === "";
      if (uid !== undefined && readable) body = withPreconditions(body, { uid });
    }
    if (body !== original) {
      context.setBody(JSON.stringify(body));
      if (original === undefined) context.setHeaderParam("Content-Type", "application/json");
    }
    if (options.fieldManager !== false && takesFieldManager(request) && request.query.fieldManager === undefined) {
      context.setQueryParam("fieldManager", (options.fieldManager ?? call.owner.provider).slice(0, 128));
    }
    const selector = narrowedSelector(call);
    if (selector !== undefined) context.setQueryParam("labelSelector", selector);
    if (call.signal !== undefined) context.setSignal?.(call.signal);
  }

  function learn(request: ApiRequest, response: ResponseContext): void {
    const { ref, verb, subresource } = request;
    if (ref === undefined || isOwnerless(ref.group, ref.resource)) return;
    const id = idOf(request);
    const { httpStatusCode: status } = response;
    const isGone = status === 404 || (verb === "delete" && status < 300);
    if (isGone && id !== undefined && !("dryRun" in request.query)) known.forget(account, id);
    if (status >= 300 || verb === "delete" || (subresource !== undefined && subresource !== "status")) return;
    if ("dryRun" in request.query) return;
    for (const object of objectsIn(jsonOf(response), ref)) known.learn(account, object);
  }

  return async function send(context: RequestContext, exchange: Exchange): Promise<ResponseContext> {
    const { http, base, auth, watched, process } = exchange;
    const path = context.getUrl().slice(base.length);
    const original = parsedBody(context.getBody());
    const below = path.startsWith("/") ? path : `/${path}`;
    const request = withPut(readRequest(context.getHttpMethod(), below, contentTypeOf(context)), original);
    const signal = context.getSignal?.();
    const { verb, subresource } = request;
    const streams =
      verb === "watch" || subresource === "log" || (subresource !== undefined && connects.has(subresource));

    const once = async (attempt: Attempt) => {
      prepare(context, request, attempt.call, original);
      await auth.renew(context);
      const answer = await receive(http, context, streams);
      const response = (await adopt(attempt, request, answer, past)) ?? answer;
      learn(request, response);
      if (response.httpStatusCode < 300) return response;
      const error = await process(response).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      if (typeof error !== "object" || error === null) return response; // client-node takes it for a success
      failures.set(error, response);
      throw error;
    };

    try {
      return await port.call(
        {
          service: request.service,
          operation: request.operation,
          input: inputOf(request, original),
          account,
          ...(signal === undefined ? {} : { signal }),
        },
        (call) => port.attempt(call, once, { repeatable: typeof (context.getBody() ?? "") === "string" }),
      );
    } catch (error) {
      // The error is client-node's own, but a middleware would miss the answer: it is made once more behind them.
      const answer = typeof error === "object" && error !== null ? failures.get(error) : undefined;
      if (watched && answer !== undefined) return answer;
      throw error;
    }
  };
}
