import type { Clock } from "../core/clock.ts";
import type { OpenIntent } from "../core/journal.ts";

/** Creates whose outcome nobody knows, by fingerprint: the next equal create resumes one of them. */
export interface OpenIntents {
  /** Takes the oldest open intent with this fingerprint, if any is young enough for the cloud to remember its token. */
  take(fingerprint: string): OpenIntent | undefined;
  add(intent: OpenIntent): void;
}

/**
 * Starts from the intents that the journal found open.
 *
 * @param windowMs - How long clouds remember an idempotency token, in milliseconds.
 */
export function openIntents(unfinished: readonly OpenIntent[], clock: Clock, windowMs: number): OpenIntents {
  const byFingerprint = new Map<string, OpenIntent[]>();

  function add(intent: OpenIntent): void {
    // Without a token the cloud could not tell the repetition from a second wish.
    if (intent.fingerprint === undefined || intent.token === undefined) return;
    const list = byFingerprint.get(intent.fingerprint);
    if (list === undefined) byFingerprint.set(intent.fingerprint, [intent]);
    else list.push(intent);
  }

  for (const intent of unfinished) add(intent);

  return {
    add,
    take(fingerprint) {
      const list = byFingerprint.get(fingerprint);
      while (list !== undefined && list.length > 0) {
        const intent = list.shift() as OpenIntent;
        if (list.length === 0) byFingerprint.delete(fingerprint);
        if (clock.now() - intent.at <= windowMs) return intent;
      }
      return undefined;
    },
  };
}
