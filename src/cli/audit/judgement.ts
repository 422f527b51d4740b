import { readFile } from "node:fs/promises";
import { type CheckpointsVerification, checkpointsCheck } from "../../audit/checkpoint/verify-checkpoints.ts";
import { type JournalVisitor, scanJournal } from "../../audit/journal-scan.ts";
import type { JournalHead } from "../../audit/line.ts";
import type { JournalProblem } from "../../audit/problem.ts";
import { chainCheck, type Verification, type VerificationStatus } from "../../audit/verify.ts";
import { isGuardError } from "../../core/errors.ts";
import { UsageError } from "../command.ts";
import { printable, type Terminal } from "../terminal.ts";
import { keysOf } from "./arguments.ts";
import { counted } from "./fields.ts";

/** Options of every command that verifies. */
export const pinOptions = {
  head: { type: "string" },
  key: { type: "string", multiple: true, default: [] as string[] },
  "allow-unpinned": { type: "boolean", default: false },
} as const;

/** How they are explained. */
export const pinHelp = `  --head SEQ:HASH     pins a line that was noted earlier and kept elsewhere: without a pin nobody can
                      miss what was cut off the end
  --head CHECKPOINT   the same with a file that holds a signed checkpoint
  --key VKEY          a public key (NAME+ID+BASE64) of the log, or of a witness that is trusted: the
                      journal's checkpoints are checked, too; may be given several times
  --allow-unpinned    a journal that is whole, but not pinned, is ok`;

const headPattern = /^(\d{1,15}):([\w-]{43})$/;

/** What `--head` pins: a line, or a tree by a checkpoint as it was signed. */
interface Pin {
  readonly line?: JournalHead;
  readonly checkpoint?: string;
}

async function readPin(text: string, keys: readonly string[]): Promise<Pin> {
  const [, seq, hash] = headPattern.exec(text) ?? [];
  if (seq !== undefined && hash !== undefined) return { line: { seq: Number(seq), hash } };
  const checkpoint = text.includes("\n\n") ? text : await readFile(text, "utf8").catch(() => undefined);
  if (checkpoint === undefined) {
    throw new UsageError(`--head: expected SEQ:HASH, or a file with a signed checkpoint, got "${printable(text)}"`);
  }
  if (keys.length === 0)
    throw new UsageError("--head: a checkpoint is worth nothing without the log's key; say --key VKEY too");
  return { checkpoint };
}

const unpinned =
  "Truncation not checkable: without --head nobody can miss what was cut off the end (--allow-unpinned accepts that)";

/** What a journal turned out to be. */
export interface Judgement {
  readonly status: VerificationStatus;
  readonly found: Verification;
  /** What its checkpoints say, where keys were given. */
  readonly signed: CheckpointsVerification | undefined;
  /** What is missing to `ok` where nothing is wrong. */
  readonly note: string | undefined;
}

interface PinValues {
  readonly head?: string | undefined;
  readonly key: readonly string[];
  readonly "allow-unpinned": boolean;
}

/** Verifies a journal, with what is pinned on the command line. */
export async function judge(directory: string, values: PinValues, terminal: Terminal): Promise<Judgement> {
  const { head: text } = values;
  const publicKeys = keysOf(values.key);
  const { line, checkpoint: head }: Pin = text === undefined ? {} : await readPin(text, publicKeys);
  const signal = terminal.interrupted;
  const chain = chainCheck(line);
  const trees = publicKeys.length === 0 ? undefined : await signedTrees(directory, publicKeys, head, signal);
  // Both look at each line while it is at hand: reading and hashing are most of the work.
  const visitor: JournalVisitor = {
    record(stored, at) {
      if (at.seq % 4096 === 1) terminal.progress(`verified ${counted(at.seq, "line")}`);
      return chain.record(stored, at) ?? trees?.record(stored, at);
    },
    link: (at) => chain.link(at) ?? trees?.link(at),
  };
  const scan = await scanJournal(directory, visitor, { from: "oldest", signal });
  const signed = await trees?.conclude(scan);
  const found = together(chain.conclude(scan), signed, scan.problem);
  const note = found.status === "ok" && !found.pinned ? unpinned : undefined;
  const status = note === undefined || values["allow-unpinned"] ? found.status : "incomplete";
  return { status, found, note, signed };
}

async function signedTrees(
  directory: string,
  publicKeys: readonly string[],
  head: string | undefined,
  signal: AbortSignal,
) {
  try {
    return await checkpointsCheck({ directory, publicKeys, signal, ...(head !== undefined && { head }) });
  } catch (error) {
    if (!isGuardError(error) || error.code !== "ERR_CHECKPOINT_INVALID") throw error;
    throw new UsageError(`--head: ${error.message}`); // of those beside the journal it is told as a problem
  }
}

/** What chain and checkpoints say together: each may find what the other cannot. */
function together(
  chained: Verification,
  signed: CheckpointsVerification | undefined,
  stopped: JournalProblem | undefined,
): Verification {
  if (signed === undefined || (chained.status === "tampered" && chained.problem !== stopped)) return chained;
  const { status, problem } = signed;
  if (problem !== undefined && (status === "tampered" || chained.problem === undefined)) {
    // A line at or after the problem is no good one, although the chain leads there.
    const head = (chained.head?.seq ?? 0) < problem.seq ? chained.head : undefined;
    return { ...chained, ok: false, status, problem, head, pinned: false };
  }
  if (signed.truncation !== "checked") return chained;
  if (status !== "ok") return { ...chained, pinned: true };
  // The chain by itself cannot tell where a journal began whose oldest segments are gone.
  const { problem: _, ...rest } = chained;
  return { ...rest, ok: true, status: "ok", pinned: true };
}
