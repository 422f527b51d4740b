import { type JournalHead, segmentName } from "../../audit/line.ts";
import { type Verification, verifyJournal } from "../../audit/verify.ts";
import { command, exitCodes, UsageError } from "../command.ts";
import { printable, type Terminal } from "../terminal.ts";
import { oneDirectory } from "./arguments.ts";

const help = `Reads a whole journal again and checks that no byte of it changed since it was written.

Usage: provider-guard audit verify DIR [OPTIONS]

  --head SEQ:HASH     pins a line that was noted earlier and kept elsewhere: without a pin nobody can
                      miss what was cut off the end
  --allow-unpinned    a journal that is whole, but not pinned, is ok
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
  "truncation not checkable: without --head nobody can miss what was cut off the end (--allow-unpinned accepts that)";

const counted = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;

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

export const verify = command({
  name: "verify",
  summary: "checks that nothing was changed, moved or removed",
  help,
  options: {
    head: { type: "string" },
    "allow-unpinned": { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
  async run({ values, positionals }, terminal: Terminal) {
    const directory = oneDirectory(positionals);
    const head = values.head === undefined ? undefined : readHead(values.head);
    const found = await verifyJournal({ directory, signal: terminal.interrupted, ...(head && { head }) });
    const note = found.status === "ok" && !found.pinned ? unpinned : undefined;
    const status = note === undefined || values["allow-unpinned"] ? found.status : "incomplete";
    const { ok: _, ...facts } = found;
    await terminal.print(
      values.json ? `${JSON.stringify({ ...facts, status, note })}\n` : humanText(status, found, note),
    );
    return exitCodes[status];
  },
});
