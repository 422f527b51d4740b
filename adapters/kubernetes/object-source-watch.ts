import type { ObjectEvent } from "../../src/cluster-api/object-source.ts";
import { onAbort } from "../../src/core/abort.ts";
import type { Clock, Timer } from "../../src/core/clock.ts";
import type { KubernetesObject } from "../../src/core/kubernetes-object.ts";
import { statusOf } from "./api-call.ts";
import type { WatchApi } from "./object-source-options.ts";

/** One watch to run. */
export interface WatchRun<T extends KubernetesObject> {
  readonly api: WatchApi;
  readonly path: string;
  readonly query: Record<string, string | number | boolean | undefined>;
  readonly silenceMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onEvent: (event: ObjectEvent<T>) => void;
}

const types: readonly unknown[] = ["ADDED", "MODIFIED", "DELETED", "BOOKMARK"];

/** The server's errors come as events, with a `Status` object. */
function errorOf(status: unknown, path: string): Error {
  const { reason, message } = Object(status) as { readonly reason?: unknown; readonly message?: unknown };
  const said = [reason, message]
    .filter((text) => typeof text === "string")
    .join(": ")
    .slice(0, 512);
  return Object.assign(new Error(`watch of ${path}: ${said || "the server reported an error"}`), {
    statusCode: statusOf(status),
    body: status, // as on client-node's own errors, so that whoever reads it finds reason and Retry-After
  });
}

function eventOf<T extends KubernetesObject>(type: unknown, object: unknown, path: string): ObjectEvent<T> {
  if (type === "ERROR") throw errorOf(object, path);
  const { metadata } = Object(object) as KubernetesObject;
  if (!types.includes(type) || typeof metadata?.resourceVersion !== "string") {
    throw new Error(`watch of ${path}: the server sent something that is no event`);
  }
  return { type, object } as ObjectEvent<T>;
}

/**
 * Runs one watch of client-node to its end, which it tells in four ways: `done`, an event of the type
 * `ERROR`, a rejection, or not at all. It swallows what its callback throws, so nothing is thrown there.
 */
export function runWatch<T extends KubernetesObject>(run: WatchRun<T>): Promise<void> {
  const { api, path, query, silenceMs, clock, signal, onEvent } = run;
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    let ended = false;
    let connection: AbortController | undefined;
    let silence: Timer;

    function end(settle: () => void): void {
      if (ended) return;
      ended = true;
      silence.cancel();
      listenNoMore();
      connection?.abort();
      settle();
    }
    const fail = (error: unknown) => end(() => reject(error));

    function listen(): void {
      silence = clock.setTimeout(() => {
        const message = `watch of ${path}: nothing came for ${silenceMs} ms, not even a bookmark`;
        fail(Object.assign(new Error(message), { code: "ETIMEDOUT" }));
      }, silenceMs);
    }

    const listenNoMore = onAbort(signal, () => fail(signal.reason));
    listen();
    function started(made: AbortController): void {
      connection = made;
      if (ended) made.abort(); // it was given up before the server answered
    }
    Promise.resolve()
      .then(() =>
        api.watch(
          path,
          query,
          (type, object) => {
            if (ended) return;
            silence.cancel();
            listen();
            try {
              onEvent(eventOf(type, object, path));
            } catch (error) {
              fail(error);
            }
          },
          (error) => (error == null ? end(resolve) : fail(error)),
        ),
      )
      .then(started, fail);
  });
}
