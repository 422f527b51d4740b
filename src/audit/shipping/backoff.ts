import type { Random } from "../../core/clock.ts";
import { isGuardError } from "../../core/errors.ts";

const firstMs = 1_000;
/** Longest pause that a sink may ask for, in milliseconds: evidence must not stay for a day on its host. */
const longestAskedMs = 600_000;
const mostDoublings = 30;
const longestReason = 200;

/** Pauses between attempts: they double, with jitter, up to a longest one; a sink may ask for more. */
export class Backoff {
  readonly #random: Random;
  readonly #longestMs: number;
  #failures = 0;
  #pauseMs = 0;
  #reason = "slow";

  constructor(random: Random, longestMs: number) {
    this.#random = random;
    this.#longestMs = longestMs;
  }

  /** Milliseconds until the next attempt; 0 after a success. */
  get pauseMs(): number {
    return this.#pauseMs;
  }

  /** Why the last attempt failed. */
  get reason(): string {
    return this.#reason;
  }

  failed(error: unknown): void {
    const asked = isGuardError(error) ? (error.requeueAfterMs ?? 0) : 0;
    const own = Math.min(this.#longestMs, firstMs * 2 ** this.#failures) * (0.5 + this.#random() / 2);
    this.#pauseMs = Math.max(Math.min(asked, longestAskedMs), own);
    this.#failures = Math.min(this.#failures + 1, mostDoublings);
    this.#reason = reasonOf(error);
  }

  succeeded(): void {
    this.#failures = 0;
    this.#pauseMs = 0;
    this.#reason = "slow";
  }
}

/** What a notice says: only the guard's own messages are known to hold no secret. */
function reasonOf(error: unknown): string {
  if (isGuardError(error)) return error.message.slice(0, longestReason);
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  const text = typeof code === "string" ? code : typeof name === "string" ? name : "";
  return /^[\w.]{1,64}$/.test(text) ? text : "Error";
}
