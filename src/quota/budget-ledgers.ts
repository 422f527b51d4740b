import type { Book, BookDocument, Usage } from "./book.ts";
import { advance, usage } from "./bookings.ts";
import { unavailable } from "./bucket-document.ts";
import type { Setting } from "./document-writer.ts";
import { type Ledger, openLedger } from "./ledger.ts";
import type { QuotaBudget } from "./options.ts";

/** The numbers of one bucket of a budget. */
export interface QuotaView extends Usage {
  /** The budget's. */
  readonly name: string;
  /** What the bucket is for, e.g. `cluster=0b9e9b1c-2f6e-4a54-9d8e-3f8d3c2b1a00`. */
  readonly bucket: string;
  readonly limit: number;
  readonly mode: "hard" | "soft";
  /** When the next used units stop counting by themselves, in Unix milliseconds; an inventory's never do. */
  readonly freesAt: number | undefined;
  /** When the count that an inventory rests on began, in Unix milliseconds. */
  readonly countedAt: number | undefined;
}

/** A budget and its buckets. */
export interface BudgetLedgers<D extends BookDocument = BookDocument> {
  readonly budget: QuotaBudget;
  ledger(bucket: string): Ledger<D>;
  /** As this process knows it, or `undefined` where it has not looked yet. */
  usage(bucket: string): Usage | undefined;
  /** As this process knows them. */
  usages(): Iterable<readonly [bucket: string, usage: Usage]>;
  view(bucket: string, doc: D): QuotaView;
  /** Every bucket in the store. @throws {@link GuardError} `ERR_STATE_UNAVAILABLE`; `signal.reason`. */
  views(signal: AbortSignal | undefined): AsyncIterable<QuotaView>;
  close(): Promise<void>;
}

const sweepFrom = 1024;

/** Keeps the ledgers of one budget, and forgets those that are idle when they become many. */
export function budgetLedgers<D extends BookDocument>(
  budget: QuotaBudget,
  kind: "window" | "inventory",
  book: Book<D>,
  setting: Setting,
): BudgetLedgers<D> {
  const prefix = `quota/${kind}/${encodeURIComponent(budget.name)}/`;
  const ledgers = new Map<string, Ledger<D>>();
  let sweepAt = sweepFrom;

  /** The store knows all that an idle ledger knows. */
  function sweep(): void {
    for (const [bucket, ledger] of ledgers) if (ledger.idle) ledgers.delete(bucket);
    sweepAt = Math.max(sweepFrom, ledgers.size * 2);
  }

  function view(bucket: string, doc: D): QuotaView {
    const { name, limit, mode = "hard" } = budget;
    const freesAt = book.departures(doc)[0]?.[0];
    return { name, bucket, limit, mode, ...usage(book, doc), freesAt, countedAt: book.countedAt(doc) };
  }

  async function* views(signal: AbortSignal | undefined) {
    try {
      // What this process has settled and not written yet comes first.
      for (const { document } of ledgers.values()) if (!document.idle) await document.change((doc) => [doc, undefined]);
      for await (const [key, { value }] of setting.state.scan(prefix, signal === undefined ? {} : { signal })) {
        yield view(key.slice(prefix.length), advance(book, book.parse(value), setting.clock.now()));
      }
    } catch (error) {
      throw signal?.aborted ? signal.reason : unavailable(prefix, error);
    }
  }

  return {
    budget,
    ledger(bucket) {
      let ledger = ledgers.get(bucket);
      if (ledger === undefined) {
        if (ledgers.size >= sweepAt) sweep();
        ledger = openLedger(prefix + bucket, book, setting);
        ledgers.set(bucket, ledger);
      }
      return ledger;
    },
    usage: (bucket) => ledgers.get(bucket)?.usage(),
    *usages() {
      for (const [bucket, ledger] of ledgers) {
        const known = ledger.usage();
        if (known !== undefined) yield [bucket, known];
      }
    },
    view,
    views,
    async close() {
      await Promise.all([...ledgers.values()].map((ledger) => ledger.close()));
    },
  };
}
