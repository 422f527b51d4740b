import * as z from "zod";
import { parseOptions } from "../core/config.ts";
import { missing, scanJournal } from "./journal-scan.ts";
import type { JournalHead } from "./line.ts";
import { OpenIntents } from "./open-intents.ts";
import type { Finding, JournalProblem } from "./problem.ts";

/** What to verify. */
export interface VerifyOptions {
  /** The journal's directory. */
  readonly directory: string;
  /**
   * A head seen earlier and kept elsewhere. Without one, lines that were cut off the end cannot be missed.
   * @defaultValue nothing is pinned
   */
  readonly head?: JournalHead;
  readonly signal?: AbortSignal;
}

/** What {@link verifyJournal} found. The counts stop at the first problem. */
export interface Verification {
  /** Whether every stored byte is as it was written, up to the head. */
  readonly ok: boolean;
  /** Records, the segments' headers not counted. */
  readonly records: number;
  readonly segments: number;
  /** The last good line; `undefined` if there is none. Keep it elsewhere to pin it next time. */
  readonly head: JournalHead | undefined;
  readonly intents: number;
  readonly outcomes: number;
  /** Intents without a clear outcome, of whatever age. */
  readonly unfinished: number;
  /** The first problem. */
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
 * written; a problem is a result, not an error.
 *
 * @param options - The directory, and the head to pin: with one, `ok` is false unless the journal still
 *   holds that line.
 * @returns Counts, the head to pin next time, and the first problem with its place.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for a wrong option.
 * @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE` when the directory cannot be read, or the journal's format is newer.
 * @throws `options.signal.reason` when aborted.
 * @example
 * import { verifyJournal } from "provider-guard";
 * const { ok, head, problem } = await verifyJournal({ directory: "/var/log/acme-audit" });
 * if (!ok) console.error("tampered", problem?.segment, problem?.offset, problem?.what);
 */
export async function verifyJournal(options: VerifyOptions): Promise<Verification> {
  const { directory, head: pin, signal } = parseOptions(schema, options, "verify");
  const open = new OpenIntents();
  let records = 0;
  let intents = 0;
  let outcomes = 0;

  const checkPin = (head: JournalHead): Finding | undefined =>
    pin === undefined || head.seq !== pin.seq || head.hash === pin.hash ? undefined : changed(pin, head);

  const scan = await scanJournal(
    directory,
    {
      header: checkPin,
      record(line, head) {
        const finding = checkPin(head);
        if (finding !== undefined) return finding;
        records++;
        if (line.type === "intent") intents++;
        else if (line.type === "outcome") outcomes++;
        open.see(line);
        return undefined;
      },
    },
    signal,
  );

  const { segments, head } = scan;
  let { problem } = scan;
  if (problem === undefined && segments === 0) problem = { seq: 0, ...missing(1, "no segment at all") };
  if (problem === undefined && pin !== undefined && head.seq < pin.seq) {
    problem = { segment: segments, seq: head.seq + 1, offset: scan.end, ...cut(pin, head) };
  }
  return {
    ok: problem === undefined,
    records,
    segments,
    head: head.seq < 0 ? undefined : head,
    intents,
    outcomes,
    unfinished: open.size,
    ...(problem === undefined ? {} : { problem }),
  };
}

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
