import type { TrailEvent } from "./trail-event.ts";

/** From when to when, in Unix milliseconds. */
export interface TrailSpan {
  readonly from: number;
  readonly to: number;
}

/** A span of which nobody can say what happened in it. */
export interface UnknownSpan extends TrailSpan {
  /** Constant text, with numbers and error names. */
  readonly reason: string;
}

/** One pass over a trail. What it says beside its events is final once they have been read to their end. */
export interface TrailReading extends AsyncIterable<TrailEvent> {
  /** Until when, in Unix milliseconds, everything has certainly been delivered. */
  readonly deliveredTo: number;
  /** Records that could not be understood: each could be what somebody wants to hide. */
  readonly malformed: number;
  /** Parts that could not be read. */
  readonly gaps: readonly UnknownSpan[];
}

/** A cloud's own record of who did what. */
export interface Trail {
  /** As adapters name it. */
  readonly cloud: string;
  /** How long after a request its record may come, in milliseconds. */
  readonly deliveryDelayMs: number;
  /** The one account that it tells of. @defaultValue any */
  readonly account?: string | undefined;
  /** The one region that it tells of. @defaultValue any */
  readonly region?: string | undefined;
  /**
   * Reads what happened in a span. Events may come in any order, twice, and from outside the span.
   * The iteration fails where the trail cannot be read.
   */
  read(span: TrailSpan, options?: { readonly signal?: AbortSignal | undefined }): TrailReading;
}

/** What a reader notes while it reads. */
export interface ReadingNotes {
  deliveredTo: number;
  malformed: number;
  gap(reason: string, span?: TrailSpan): void;
}

const maxGaps = 100;

/** Makes a reading out of a generator of events and what it notes. */
export function readingOf(
  span: TrailSpan,
  generate: (notes: ReadingNotes) => AsyncGenerator<TrailEvent>,
): TrailReading {
  const gaps: UnknownSpan[] = [];
  const notes: ReadingNotes = {
    deliveredTo: Number.NEGATIVE_INFINITY,
    malformed: 0,
    gap(reason, { from, to } = span) {
      if (gaps.length < maxGaps) gaps.push({ from, to, reason });
    },
  };
  return {
    [Symbol.asyncIterator]: () => generate(notes),
    get deliveredTo() {
      return notes.deliveredTo;
    },
    get malformed() {
      return notes.malformed;
    },
    gaps,
  };
}

/**
 * For sources that are handed over bit by bit: nobody says that they are complete, so that only an
 * event shows that what is older has been delivered.
 */
export async function* noting(
  notes: ReadingNotes,
  events: AsyncIterable<TrailEvent>,
  deliveredTo: number | undefined,
): AsyncGenerator<TrailEvent> {
  if (deliveredTo !== undefined) notes.deliveredTo = deliveredTo;
  for await (const event of events) {
    if (deliveredTo === undefined && event.at > notes.deliveredTo) notes.deliveredTo = event.at;
    yield event;
  }
}
