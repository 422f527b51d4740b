import type { StoredRecord } from "../schema/records.ts";

type Of<T extends StoredRecord["type"]> = Extract<StoredRecord, { type: T }>;

/** A record with its place in the chain. */
export interface Linked<R> {
  readonly record: R;
  /** Hash of the line itself, in base64url. */
  readonly hash: string;
}

/** Everything that a journal says of one call. */
export interface JoinedCall {
  /** Names the journal; `undefined` where its header was not among the lines. */
  readonly chain: string | undefined;
  readonly asked?: Linked<Of<"intent"> | Of<"read"> | Of<"refusal">> | undefined;
  /** How it ended, where that is a record of its own. */
  readonly ended?: Linked<Of<"outcome">> | undefined;
}

/**
 * Joins intents and outcomes, in the order in which calls ended. An intent waits for its outcome, up to
 * `maxOpen` of them: then the oldest goes out alone, and so do those that are left at the end; an outcome
 * whose intent is not at hand goes out alone, too.
 */
export class CallJoins {
  readonly #maxOpen: number;
  readonly #open = new Map<string, JoinedCall>();
  #chain: string | undefined;

  constructor(maxOpen: number) {
    this.#maxOpen = maxOpen;
  }

  /** Calls that wait for their outcomes, oldest first. */
  get open(): Iterable<JoinedCall> {
    return this.#open.values();
  }

  /**
   * Takes the next line.
   * @param hash - The line's own.
   * @returns The call that goes out, if any.
   */
  see(record: StoredRecord, hash: string): JoinedCall | undefined {
    const chain = this.#chain;
    switch (record.type) {
      case "header":
        this.#chain = record.chain;
        return undefined;
      case "read":
      case "refusal":
        return { chain, asked: { record, hash } };
      case "intent":
        this.#open.set(record.call, { chain, asked: { record, hash } });
        return this.#open.size > this.#maxOpen ? this.#oldest() : undefined;
      case "outcome": {
        const asked = this.#open.get(record.call);
        this.#open.delete(record.call);
        return { chain, ...asked, ended: { record, hash } };
      }
      default: // what is about the journal itself is no call
        return undefined;
    }
  }

  #oldest(): JoinedCall | undefined {
    for (const [call, joined] of this.#open) {
      this.#open.delete(call);
      return joined;
    }
    return undefined;
  }
}
