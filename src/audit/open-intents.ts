import type { OpenIntent } from "../core/journal.ts";
import type { Owner } from "../core/owner.ts";
import type { StoredRecord } from "./line.ts";

/**
 * Follows which intents are without a clear outcome. Memory grows with those alone.
 * A call that resumes an earlier one has an id of its own and the earlier one's token: its clear
 * outcome settles both.
 */
export class OpenIntents {
  readonly #open = new Map<string, OpenIntent>();
  readonly #byToken = new Map<string, string[]>();
  readonly #since: number;

  /** @param since - Unix milliseconds; older intents are not followed. */
  constructor(since = Number.NEGATIVE_INFINITY) {
    this.#since = since;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Oldest first. */
  list(): readonly OpenIntent[] {
    return [...this.#open.values()].sort((a, b) => a.at - b.at);
  }

  /** Takes notice of any line. */
  see(record: StoredRecord): void {
    if (record.type === "intent") this.#intent(record);
    else if (record.type === "outcome") this.#outcome(record);
  }

  #intent(record: StoredRecord): void {
    const { call, at, operation, owner, token, fingerprint } = record;
    if (typeof call !== "string" || typeof at !== "number" || at < this.#since) return;
    const intent: OpenIntent = {
      call,
      at,
      operation: String(operation),
      service: String((record.target as { service?: unknown } | undefined)?.service),
      owner: owner as Owner,
      ...(typeof token === "string" ? { token } : {}),
      ...(typeof fingerprint === "string" ? { fingerprint } : {}),
    };
    this.#open.set(call, intent);
    const key = keyOf(intent);
    const calls = this.#byToken.get(key);
    if (calls === undefined) this.#byToken.set(key, [call]);
    else calls.push(call);
  }

  #outcome(record: StoredRecord): void {
    const intent = this.#open.get(record.call as string);
    if (intent === undefined || record.result === "unknown") return;
    if (record.result === "not-sent") this.#close(intent);
    else this.#settle(intent);
  }

  #settle(intent: OpenIntent): void {
    for (const call of [...(this.#byToken.get(keyOf(intent)) ?? [])]) {
      const other = this.#open.get(call);
      if (other !== undefined) this.#close(other);
    }
    const resumed = intent.token === undefined ? undefined : this.#open.get(intent.token);
    if (resumed !== undefined) this.#close(resumed);
  }

  #close(intent: OpenIntent): void {
    this.#open.delete(intent.call);
    const key = keyOf(intent);
    const rest = (this.#byToken.get(key) ?? []).filter((call) => call !== intent.call);
    if (rest.length === 0) this.#byToken.delete(key);
    else this.#byToken.set(key, rest);
  }
}

const keyOf = (intent: OpenIntent): string => intent.token ?? intent.call;
