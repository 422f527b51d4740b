import { abortable } from "../core/abort.ts";
import type { Timer } from "../core/clock.ts";
import type { Book, BookDocument, Usage } from "./book.ts";
import { type Reserved, renew, reserve, type Settlement, settle, usage } from "./bookings.ts";
import { type BucketDocument, openDocument } from "./bucket-document.ts";
import type { Setting } from "./document-writer.ts";

/** What is wanted of a bucket for one call. */
export interface Wanted {
  readonly id: string;
  readonly units: number;
  /** Whether they are reserved even where they do not fit. */
  readonly lenient: boolean;
  /** What becomes of units that may have been reserved although nobody waits for them any more. */
  readonly abandoned: Settlement;
}

/** The calls of this process that use one bucket. */
export interface Ledger<D extends BookDocument> {
  readonly document: BucketDocument<D>;
  /**
   * Reserves units, and renews the reservation until the call is settled.
   * @throws {@link GuardError} `ERR_STATE_UNAVAILABLE`; `signal.reason`.
   */
  reserve(wanted: Wanted, signal: AbortSignal | undefined): Promise<Reserved>;
  /** Settles a call, without waiting. */
  settle(call: Pick<Wanted, "id" | "units">, end: Settlement): void;
  /** As far as this process knows, or `undefined` where it has not looked yet. */
  usage(): Usage | undefined;
  /** Whether no call is in flight and nothing waits to be written. */
  readonly idle: boolean;
  close(): Promise<void>;
}

/** Opens the ledger of one bucket. */
export function openLedger<D extends BookDocument>(key: string, book: Book<D>, setting: Setting): Ledger<D> {
  const { clock, reservationMs } = setting;
  const document = openDocument(key, book, setting);
  const held = new Set<string>();
  let renewal: Timer | undefined;
  let closed = false;

  function renewInTime(): void {
    if (closed || renewal !== undefined || held.size === 0) return;
    renewal = clock.setTimeout(() => {
      renewal = undefined;
      const ids = new Set(held);
      if (ids.size > 0) document.change((doc) => [renew(doc, ids, reservationMs), undefined]).catch(() => {});
      renewInTime();
    }, reservationMs / 3);
  }

  function end({ id, units }: Pick<Wanted, "id" | "units">, settlement: Settlement): void {
    held.delete(id);
    document.enqueue((doc, repeated) => settle(book, doc, { id, units, end: settlement }, repeated));
  }

  return {
    document,
    async reserve(wanted, signal) {
      try {
        const reserving = document.change((doc) => reserve(book, doc, wanted, reservationMs));
        const answer = await abortable(reserving, signal);
        if (answer.granted) held.add(wanted.id);
        renewInTime();
        return answer;
      } catch (error) {
        end(wanted, wanted.abandoned);
        throw error;
      }
    },
    settle: end,
    usage() {
      const latest = document.latest();
      return latest && usage(book, latest);
    },
    get idle() {
      return held.size === 0 && document.idle;
    },
    async close() {
      closed = true;
      renewal?.cancel();
      await document.close();
    },
  };
}
