import { abortable } from "../../../src/core/abort.ts";
import { GuardError, isGuardError, notedErrorInfo, noteErrorInfo } from "../../../src/core/errors.ts";
import type { AwsClient, OpenClient } from "../client.ts";
import { classifyError } from "../errors.ts";

/** Sends a command; the caller says which output belongs to it. */
export type Send = <Output>(command: object, signal: AbortSignal | undefined) => Promise<Output>;

/**
 * Sends through a client, wrapped by a guard or not. The SDK tries throttled calls again itself; what is still
 * throttled then, or got no answer, is the store that cannot be reached. Other errors pass as they are.
 *
 * @param store - Name of the store, for the message.
 */
export function senderOf(client: AwsClient, store: string): Send {
  const open = client as unknown as OpenClient;
  return async <Output>(command: object, signal: AbortSignal | undefined) => {
    signal?.throwIfAborted();
    try {
      const sent = Promise.resolve(open.send(command, signal === undefined ? {} : { abortSignal: signal }));
      return (await abortable(sent, signal)) as Output;
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (isGuardError(error)) throw error;
      const info = notedErrorInfo(error) ?? classifyError(error);
      noteErrorInfo(error, info); // requeueAfter knows it, although no guard has seen it
      if (info.class !== "outage" && info.class !== "throttled") throw error;
      const why = info.class === "throttled" ? "throttles us" : "cannot be reached";
      throw new GuardError("ERR_BOOTSTRAP_STORE_UNAVAILABLE", `the bootstrap store ${store} ${why}: ${info.code}`, {
        retryable: true,
        cause: error,
        ...(info.retryAfterMs === undefined ? {} : { requeueAfterMs: info.retryAfterMs }),
      });
    }
  };
}

/** All of a list: whoever deletes what he is given would move the next page. */
export async function allPages<Item>(
  page: (token: string | undefined) => Promise<{ items: readonly Item[] | undefined; next: string | undefined }>,
): Promise<readonly Item[]> {
  const found: Item[] = [];
  let token: string | undefined;
  do {
    const { items = [], next } = await page(token);
    found.push(...items);
    token = next;
  } while (token);
  return found;
}

/** Whether an error goes by one of these names. */
export function isNamed(error: unknown, ...names: readonly string[]): boolean {
  return names.includes(classifyError(error).code ?? "");
}

/** The region that a client works in. */
export async function regionOf(client: AwsClient): Promise<string | undefined> {
  const { region } = (client as unknown as OpenClient).config;
  return typeof region === "function" ? await region() : region;
}
