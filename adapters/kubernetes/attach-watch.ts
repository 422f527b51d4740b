import { abortable, onAbort } from "../../src/core/abort.ts";
import type { Attempt } from "../../src/core/call.ts";
import { isOwnerless } from "./classify.ts";
import { type KnownObjects, readObject } from "./known-objects.ts";
import type { ApiRequest } from "./request.ts";
import { shadow } from "./shadow.ts";
import { readPath, type StreamRings } from "./streams.ts";

type Done = (error: unknown) => void;
type Callback = (type: string, object: unknown, ...more: unknown[]) => unknown;

/** The path of a watch with its query. */
function pathWith(path: unknown, query: unknown): string {
  const params = new URLSearchParams({ watch: "true" });
  for (const [key, value] of Object.entries(Object(query))) if (value !== undefined) params.set(key, String(value));
  return `${String(path)}?${params}`;
}

/** Events teach what objects are there, as answers do. */
function learning(callback: Callback, { ref }: ApiRequest, account: string, known: KnownObjects): Callback {
  if (ref === undefined || isOwnerless(ref.group, ref.resource)) return callback;
  return (type, object, ...more) => {
    const seen = type === "ERROR" || type === "BOOKMARK" ? undefined : readObject(object, ref);
    if (seen !== undefined && type === "DELETED") known.forget(account, seen.id);
    else if (seen !== undefined) known.learn(account, seen);
    return callback(type, object, ...more);
  };
}

/**
 * Puts the rings around each connect of one `Watch`. A connect that fails resolves all the same, as
 * without the guard, and its `done` is told; so is it of a refusal by the guard, since nobody waits for
 * the promise where an informer connects again.
 *
 * @returns What takes them out.
 */
export function attachWatch(client: { watch: unknown }, rings: StreamRings, known: KnownObjects): () => void {
  return shadow(client, "watch", (original) => async (path, query, callback, done, ...more) => {
    const request = readPath(pathWith(path, query));
    const listener = learning(callback as Callback, request, rings.account, known);
    let opened: AbortController | undefined;
    let rejection: { readonly error: unknown } | undefined;
    const early: { error: unknown }[] = []; // told before anybody could say whether the connect succeeded

    async function connect({ call: { signal } }: Attempt): Promise<AbortController> {
      let isOpen = false;
      let release = () => {};
      early.length = 0;
      const ended: Done = (error) => {
        release();
        if (isOpen) (done as Done)(error);
        else early.push({ error });
      };
      const opening = original(path, query, listener, ended, ...more) as Promise<AbortController>;
      opening.catch((error: unknown) => {
        release();
        rejection = { error }; // no cluster, no credential: the promise tells, as without the guard
      });
      const stop = () => void opening.then((controller) => controller.abort()).catch(() => {});
      release = onAbort(signal, stop);
      opened = await abortable(opening, signal);
      if (early[0]?.error) throw early[0].error;
      isOpen = true;
      return opened;
    }

    try {
      await rings.run(request, undefined, connect);
      for (const { error } of early) (done as Done)(error);
    } catch (error) {
      if (rejection !== undefined && rejection.error === error) throw error;
      (done as Done)(error);
    }
    return opened ?? new AbortController();
  });
}
