import { readFile } from "node:fs/promises";
import { type CheckpointsVerification, verifyCheckpoints } from "../../audit/checkpoint/verify-checkpoints.ts";
import { type JournalHead, segmentName } from "../../audit/line.ts";
import { type Verification, type VerificationStatus, verifyJournal } from "../../audit/verify.ts";
import { command, exitCodes, UsageError } from "../command.ts";
import { printable, type Terminal } from "../terminal.ts";
import { oneDirectory } from "./arguments.ts";
import { counted, isoTime } from "./fields.ts";

/** How they are explained. */
export const pinHelp = `  --head SEQ:HASH     pins a line that was noted earlier and kept elsewhere: without a pin nobody can
                      miss what was cut off the end
  --head CHECKPOINT   the same with a file that holds a signed checkpoint
  --key VKEY          a public key (NAME+ID+BASE64) of the log, or of a witness that is trusted: the
                      journal's checkpoints are checked, too; may be given several times
  --allow-unpinned    a journal that is whole, but not pinned, is ok`;

const help = `Reads a whole journal again and checks that no byte of it changed since it was written.

Usage: provider-guard audit verify DIR [OPTIONS]

${pinHelp}
  --json              prints one JSON object: status, counts, head, and problem with segment, seq,
                      offset in bytes, expected, actual
  --help              prints this

Exit code: 0 ok; 1 tampered; 2 for an error; 3 incomplete: not pinned, empty, or with a gap; 130
when interrupted.
`;

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

function humanText(
  status: string,
  found: Verification,
  note: string | undefined,
  signed: CheckpointsVerification | undefined,
): string {
  const { records, segments, firstSegment, head, intents, outcomes, unfinished, problem } = found;
  const from = firstSegment > 1 ? ` (from segment ${firstSegment} on)` : "";
  const lines = [
    `${status}: ${counted(records, "record")} in ${counted(segments, "segment")}${from} read, ${counted(intents, "intent")}, ${counted(outcomes, "outcome")}, ${unfinished} unfinished`,
  ];
  if (problem !== undefined) {
    const { what, segment, seq, offset, expected, actual } = problem;
    lines.push(what, `  at        ${segmentName(segment)}, byte ${offset}, seq ${seq}`);
    lines.push(`  expected  ${expected}`, `  actual    ${actual}`);
  }
  if (head !== undefined) {
    const advice = problem === undefined ? "keep it elsewhere and pin it next time" : "the last good line";
    lines.push(`head ${head.seq}:${head.hash} (${advice})`);
  }
  if (signed !== undefined) lines.push(signedText(signed));
  if (note !== undefined) lines.push(note);
  return `${lines.map(printable).join("\n")}\n`;
}

function signedText({ trees, size, unsigned, time, cosignedBy }: CheckpointsVerification): string {
  const when = time === undefined ? "" : `, the last at ${isoTime(time * 1000)}`;
  const witnesses = cosignedBy.length === 0 ? "" : `, cosigned by ${cosignedBy.join(", ")}`;
  return `${counted(trees, "checkpoint")} over ${counted(size, "line")}${when}${witnesses}; ${counted(unsigned, "line")} not signed yet`;
}

/** Options of every command that verifies. */
export const pinOptions = {
  head: { type: "string" },
  key: { type: "string", multiple: true, default: [] as string[] },
  "allow-unpinned": { type: "boolean", default: false },
} as const;

/** What a journal turned out to be. */
export interface Judgement {
  readonly status: VerificationStatus;
  readonly found: Verification;
  /** What its checkpoints say, where keys were given. */
  readonly signed?: CheckpointsVerification | undefined;
  /** What is missing to `ok` where nothing is wrong. */
  readonly note: string | undefined;
}

type PinValues = {
  readonly head?: string | undefined;
  readonly key: readonly string[];
  readonly "allow-unpinned": boolean;
};

/** Verifies a journal, with what is pinned on the command line. */
export async function judge(directory: string, values: PinValues, terminal: Terminal): Promise<Judgement> {
  const { head, key: publicKeys } = values;
  const signal = terminal.interrupted;
  const { line, checkpoint }: Pin = head === undefined ? {} : await readPin(head, publicKeys);
  const chained = await verifyJournal({ directory, signal, ...(line && { head: line }) });
  const signed =
    publicKeys.length === 0
      ? undefined
      : await verifyCheckpoints({
          directory,
          publicKeys,
          signal,
          ...(checkpoint && { head: checkpoint }),
        });

  const found =
    chained.problem === undefined && signed?.problem !== undefined ? { ...chained, ...signedProblem(signed) } : chained;
  const pinned = found.pinned || signed?.truncation === "checked";
  const note = found.status === "ok" && !pinned ? unpinned : undefined;
  const status = note === undefined || values["allow-unpinned"] ? found.status : "incomplete";
  return { status, found: { ...found, pinned }, note, signed };
}

const signedProblem = ({ status, problem }: CheckpointsVerification) => ({
  ok: false,
  status,
  ...(problem && { problem }),
});

export const verify = command({
  name: "verify",
  summary: "checks that nothing was changed, moved or removed",
  help,
  options: { ...pinOptions, json: { type: "boolean", default: false } },
  async run({ values, positionals }, terminal: Terminal) {
    const { status, found, note, signed } = await judge(oneDirectory(positionals), values, terminal);
    const { ok: _, ...facts } = found;
    await terminal.print(
      values.json
        ? `${JSON.stringify({ ...facts, status, note, signed: signed && signatures(signed) })}\n`
        : humanText(status, found, note, signed),
    );
    return exitCodes[status];
  },
});

const signatures = ({ trees, size, unsigned, time, cosignedBy }: CheckpointsVerification) => ({
  trees,
  size,
  unsigned,
  time,
  cosignedBy,
});
