import * as z from "zod";
import { parseOptions } from "../core/config.ts";
import { type JournalScan, type JournalVisitor, scanJournal } from "./journal-scan.ts";
import { type JournalHead, segmentName } from "./line.ts";
import { OpenIntents } from "./open-intents.ts";
import type { Finding, JournalProblem } from "./problem.ts";
import { Removals } from "./removals.ts";
import { missing } from "./segment-list.ts";
import type { StoredLine } from "./stored-line.ts";

/** What to verify. */
export interface VerifyOptions {
  /** The journal's directory. */
  readonly directory: string;
  /**
   * A head seen earlier and kept elsewhere. Without one, lines that were cut off the end cannot be missed,
   * and of a journal whose oldest segments were removed nobody can say where it began.
   * @defaultValue nothing is pinned
   */
  readonly head?: JournalHead;
  readonly signal?: AbortSignal;
}

/**
 * `ok`: every stored byte is as it was written, up to the head. `tampered`: something was changed, moved
 * or removed. `incomplete`: nothing contradicts that, and yet not all of it can be said: there is no
 * journal, its beginning was removed by retention and no pinned head covers it, or its end is as a crash
 * leaves it.
 */
export type VerificationStatus = "ok" | "tampered" | "incomplete";

/** What {@link verifyJournal} found. The counts stop at the first problem. */
export interface Verification {
  readonly status: VerificationStatus;
  /** Whether the status is `ok`. */
  readonly ok: boolean;
  /** Whether the pinned head was found. Otherwise nobody knows whether the end was cut off. */
  readonly pinned: boolean;
  /** Records, without the lines that link segments. */
  readonly records: number;
  /** Segments that were read. */
  readonly segments: number;
  /** The first of them: more than 1 once retention has removed the oldest. */
  readonly firstSegment: number;
  /** The last good line; `undefined` if there is none. Keep it elsewhere to pin it next time. */
  readonly head: JournalHead | undefined;
  readonly intents: number;
  readonly outcomes: number;
  /** Intents without a clear outcome, those that the first segment took over included. */
  readonly unfinished: number;
  /** The first problem; what is missing to a status `incomplete`. */
  readonly problem?: JournalProblem;
}

const schema = z.strictObject({
  directory: z.string().min(1),
  head: z.strictObject({ seq: z.int().min(0), hash: z.string() }).optional(),
  signal: z.instanceof(AbortSignal).optional(),
});

/**
 * Reads a whole journal again and checks that no byte of it changed since it was written.
 * Memory is constant but for the intents without an outcome. A journal may be verified while it is
 * written, up to where it ended at first; a problem is a result, not an error.
 *
 * @param options - The directory, and the head to pin: with one, `ok` is false unless the journal still
 *   holds that line.
 * @returns A status, counts, the head to pin next time, and the first problem with its place.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for a wrong option.
 * @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE` when the directory cannot be read, or the journal's format is newer.
 * @throws `options.signal.reason` when aborted.
 * @example
 * import { verifyJournal } from "provider-guard";
 * const { ok, status, head, problem } = await verifyJournal({ directory: "/var/log/acme-audit" });
 * if (!ok) console.error(status, problem?.segment, problem?.offset, problem?.what);
 */
export async function verifyJournal(options: VerifyOptions): Promise<Verification> {
  const { directory, head, signal } = parseOptions(schema, options, "verify");
  const check = chainCheck(head);
  return check.conclude(await scanJournal(directory, check, { from: "oldest", signal }));
}

/** Something that is checked while a journal is read from its beginning, together with others. */
export interface Check<T> extends Required<JournalVisitor> {
  /** Says what the lines came to; `scan` may have been stopped by another check. */
  conclude(scan: JournalScan): T;
}

/** Checks a journal's chain, and that it holds a pinned line. */
export function chainCheck(pin: JournalHead | undefined): Check<Verification> {
  const open = new OpenIntents();
  const removals = new Removals();
  let records = 0;
  let intents = 0;
  let outcomes = 0;

  const checkPin = (head: JournalHead): Finding | undefined =>
    pin === undefined || head.seq !== pin.seq || head.hash === pin.hash ? undefined : changed(pin, head);

  function record(line: StoredLine, head: JournalHead): Finding | undefined {
    const finding = checkPin(head);
    if (finding !== undefined) return finding;
    open.see(line);
    if (line.type === "open") return undefined;
    records++;
    if (line.type === "intent") intents++;
    else if (line.type === "outcome") outcomes++;
    else if (line.type === "notice") removals.see(line.text);
    return undefined;
  }

  function conclude(scan: JournalScan): Verification {
    const { first, last, before, head } = scan;
    const end = { segment: last, seq: head.seq + 1, offset: scan.end };
    const beginning = { ...missing(1, first === 0 ? "no segment at all" : segmentName(first)), seq: 0 };
    const reached = pin !== undefined && pin.seq >= before.seq && pin.seq <= head.seq;

    function judge(): { readonly status: VerificationStatus; readonly problem?: JournalProblem } {
      const tampered = (problem: JournalProblem) => ({ status: "tampered", problem }) as const;
      const incomplete = (problem: JournalProblem) => ({ status: "incomplete", problem }) as const;
      if (scan.problem !== undefined && scan.gap === undefined) return tampered(scan.problem);
      if (first === 0) return pin === undefined ? incomplete(beginning) : tampered(beginning);
      if (first > 1) {
        const finding = (reached ? checkPin(before) : undefined) ?? removals.check(first, before);
        if (finding !== undefined) return tampered({ ...beginning, ...finding });
      }
      if (pin !== undefined && pin.seq > head.seq) return tampered({ ...end, ...cut(pin, head) });
      if (scan.problem !== undefined) return incomplete(scan.problem);
      if (first > 1 && !reached) return incomplete({ ...beginning, what: uncovered });
      return { status: "ok" };
    }

    const verdict = judge();
    return {
      ...verdict,
      ok: verdict.status === "ok",
      pinned: reached && verdict.status !== "tampered",
      records,
      segments: first === 0 ? 0 : last - first + 1,
      firstSegment: first,
      head: head.seq < 0 ? undefined : head,
      intents,
      outcomes,
      unfinished: open.size,
    };
  }

  return { record, link: checkPin, conclude };
}

const uncovered =
  "Retention removed the oldest segments, as a record says: pin a head to show that what is left is this journal's.";

const changed = (pin: JournalHead, head: JournalHead): Finding => ({
  expected: `hash ${pin.hash}`,
  actual: `hash ${head.hash}`,
  what: "The pinned line is another one: it was changed, or the whole journal was written anew.",
});

const cut = (pin: JournalHead, head: JournalHead): Finding => ({
  expected: `seq ${pin.seq}`,
  actual: `the end after seq ${head.seq}`,
  what: "Lines up to the pinned one were cut off the end.",
});
