import type { OutcomeRecord, ReadRecord } from "../core/journal.ts";
import { endCall, type IndexedCall } from "./journal-call.ts";

/** A request of a call. */
export interface KnownRequest {
  readonly call: IndexedCall;
  /** Whether it was the call's last. */
  readonly last: boolean;
}

/** Calls by what events of a trail can be joined to them by. */
export interface KeptCalls {
  readonly byCall: ReadonlyMap<string, IndexedCall>;
  readonly byRequest: ReadonlyMap<string, KnownRequest>;
  /** How many are of one journal. */
  countOf(journal: number): number;
  add(call: IndexedCall): void;
  /** Notes a call's outcome, once. */
  end(call: IndexedCall, record: OutcomeRecord | ReadRecord): void;
  /** Notes that the process of a journal's open calls has ended. */
  abandon(journal: number): void;
  /** Forgets what no event after a point in time can be part of. */
  forgetBefore(time: number): void;
}

/** No call takes longer than a day: an outcome that has not come by then was lost. */
const longestMs = 86_400_000;

/** @param openMs - How long a call without an outcome may have been on its way. */
export function keptCalls(openMs: number): KeptCalls {
  const byCall = new Map<string, IndexedCall>();
  const byRequest = new Map<string, KnownRequest>();
  const counts = new Map<number, number>();
  const open = new Set<IndexedCall>();
  let from = Number.NEGATIVE_INFINITY;

  const counted = (journal: number, by: number) => counts.set(journal, (counts.get(journal) ?? 0) + by);

  function named(call: IndexedCall): void {
    if (call.endAt === undefined) open.add(call);
    else open.delete(call);
    for (const { id, last } of call.requests) byRequest.set(id, { call, last });
  }

  function forget(call: IndexedCall): void {
    byCall.delete(call.call);
    open.delete(call);
    counted(call.journal, -1);
    for (const { id } of call.requests) if (byRequest.get(id)?.call === call) byRequest.delete(id);
  }

  /** Forgets a call that no event of interest can be part of any more. */
  function review(call: IndexedCall): void {
    const { at, endAt, abandoned } = call;
    if ((endAt ?? at + (abandoned ? openMs : Math.max(openMs, longestMs))) < from) forget(call);
  }

  return {
    byCall,
    byRequest,
    countOf: (journal) => counts.get(journal) ?? 0,
    add(call) {
      if (byCall.has(call.call)) return;
      byCall.set(call.call, call);
      counted(call.journal, 1);
      named(call);
    },
    end(call, record) {
      if (call.endAt !== undefined) return;
      endCall(call, record);
      named(call);
      review(call);
    },
    abandon(journal) {
      for (const call of open) {
        if (call.journal !== journal) continue;
        call.abandoned = true;
        review(call);
      }
    },
    forgetBefore(time) {
      from = time;
      for (const call of byCall.values()) review(call);
    },
  };
}
