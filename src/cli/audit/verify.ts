import { type JournalHead, segmentName } from "../../audit/line.ts";
import { type Verification, type VerificationStatus, verifyJournal } from "../../audit/verify.ts";
import { command, exitCodes, UsageError } from "../command.ts";
import { printable, type Terminal } from "../terminal.ts";
import { oneDirectory } from "./arguments.ts";
import { counted } from "./fields.ts";

/** How they are explained. */
export const pinHelp = `  --head SEQ:HASH     pins a line that was noted earlier and kept elsewhere: without a pin nobody can
                      miss what was cut off the end
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

const hashPattern = /^(\d{1,15}):([\w-]{43})$/;

function readHead(text: string): JournalHead {
  const [, seq, hash] = hashPattern.exec(text) ?? [];
  if (seq === undefined || hash === undefined) {
    throw new UsageError(`--head: expected SEQ:HASH as audit verify prints it, got "${text}"`);
  }
  return { seq: Number(seq), hash };
}

const unpinned =
  "Truncation not checkable: without --head nobody can miss what was cut off the end (--allow-unpinned accepts that)";

function humanText(status: string, found: Verification, note: string | undefined): string {
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
  if (note !== undefined) lines.push(note);
  return `${lines.map(printable).join("\n")}\n`;
}

/** Options of every command that verifies. */
export const pinOptions = {
  head: { type: "string" },
  "allow-unpinned": { type: "boolean", default: false },
} as const;

/** What a journal turned out to be. */
export interface Judgement {
  readonly status: VerificationStatus;
  readonly found: Verification;
  /** What is missing to `ok` where nothing is wrong. */
  readonly note: string | undefined;
}

/** Verifies a journal, with what is pinned on the command line. */
export async function judge(
  directory: string,
  { head: text, "allow-unpinned": allowed }: { readonly head?: string | undefined; readonly "allow-unpinned": boolean },
  terminal: Terminal,
): Promise<Judgement> {
  const head = text === undefined ? undefined : readHead(text);
  const found = await verifyJournal({ directory, signal: terminal.interrupted, ...(head && { head }) });
  const note = found.status === "ok" && !found.pinned ? unpinned : undefined;
  return { status: note === undefined || allowed ? found.status : "incomplete", found, note };
}

export const verify = command({
  name: "verify",
  summary: "checks that nothing was changed, moved or removed",
  help,
  options: { ...pinOptions, json: { type: "boolean", default: false } },
  async run({ values, positionals }, terminal: Terminal) {
    const { status, found, note } = await judge(oneDirectory(positionals), values, terminal);
    const { ok: _, ...facts } = found;
    await terminal.print(
      values.json ? `${JSON.stringify({ ...facts, status, note })}\n` : humanText(status, found, note),
    );
    return exitCodes[status];
  },
});
