import type { JournalHead } from "./line.ts";
import type { Finding } from "./problem.ts";
import { retentionEvent } from "./retention.ts";

interface Removal {
  /** The last segment that was removed. */
  readonly through?: unknown;
  /** Where the chain stood at its end. */
  readonly seq?: unknown;
  readonly hash?: unknown;
}

/** Follows what a journal says of segments that retention removed. */
export class Removals {
  #last: Removal = {};

  /** Takes notice of any line. */
  see(text: string): void {
    if (!text.includes(`"event":"${retentionEvent}"`)) return;
    try {
      this.#last = (JSON.parse(text) as { readonly details?: Removal }).details ?? {};
    } catch {
      // A line that was changed: the next one's `prev` says so.
    }
  }

  /**
   * Says what is wrong with a journal that begins after its first segment, if anything.
   * @param before - Where the chain stood before the first segment that is left.
   */
  check(first: number, before: JournalHead): Finding | undefined {
    const { through, seq, hash } = this.#last;
    // A crash may have come between the record and the removal, and nothing is removed without a record.
    if (typeof through !== "number" || through < first - 1) {
      return {
        expected: `a record that retention removed segment ${first - 1}`,
        actual: through === undefined ? "none" : `one that names segment ${through} as the last`,
        what: "The oldest segments are missing, and it was not retention that removed them.",
      };
    }
    if (through > first - 1 || (seq === before.seq && hash === before.hash)) return undefined;
    return {
      expected: `a segment that follows seq ${seq}, hash ${hash}`,
      actual: `one that follows seq ${before.seq}, hash ${before.hash}`,
      what: "The first segment that is left is not the one that followed those which retention removed.",
    };
  }
}
