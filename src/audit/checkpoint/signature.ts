import type { Clock } from "../../core/clock.ts";
import { GuardError, isGuardError } from "../../core/errors.ts";
import { bounded } from "../bounded.ts";
import type { CheckpointKey } from "./keys.ts";
import { openNote, signatureLineOf } from "./note.ts";
import type { VerifierKey } from "./verifier-key.ts";

/** Who signs, and how long that may take. */
export interface SigningOptions {
  readonly key: CheckpointKey;
  readonly verifierKey: VerifierKey;
  readonly signTimeoutMs: number;
}

/**
 * The signature line of a note. Whatever signs, the signature is verified before anybody sees it.
 *
 * @param text - The note's text.
 * @throws {@link GuardError} `ERR_CHECKPOINT_UNSIGNED`: the signer failed, was late, or signed something else.
 * @throws `signal.reason` when aborted.
 */
export async function signatureOf(
  text: string,
  { key, verifierKey, signTimeoutMs }: SigningOptions,
  clock: Clock,
  signal: AbortSignal,
): Promise<string> {
  try {
    const sign = (until: AbortSignal) => key.sign(Buffer.from(text), until);
    const bytes = await bounded(clock, signTimeoutMs, signal, () => tooLate(signTimeoutMs), sign);
    const line = signatureLineOf(verifierKey.name, verifierKey.id, bytes);
    openNote(`${text}\n${line}`, [verifierKey]);
    return line;
  } catch (cause) {
    if (signal.aborted || (isGuardError(cause) && cause.code === "ERR_CHECKPOINT_UNSIGNED")) throw cause;
    const why = isGuardError(cause) ? "signed something else, or with another key" : "failed";
    throw unsigned(`the signer of ${verifierKey.name} ${why}`, cause);
  }
}

/** Makes the error for a checkpoint that may succeed later. */
export const unsigned = (why: string, cause?: unknown) =>
  new GuardError("ERR_CHECKPOINT_UNSIGNED", `checkpoint: ${why}`, { retryable: true, cause });

/** The same for a signer that took too long. */
export const tooLate = (timeoutMs: number) => unsigned(`no signature within ${timeoutMs} ms`);
