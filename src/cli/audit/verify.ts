import type { CheckpointsVerification } from "../../audit/checkpoint/verify-checkpoints.ts";
import { segmentName } from "../../audit/line.ts";
import { command, exitCodes } from "../command.ts";
import { printable, type Terminal } from "../terminal.ts";
import { oneDirectory, sharedHelp } from "./arguments.ts";
import { counted, isoTime } from "./fields.ts";
import { type Judgement, judge, pinHelp, pinOptions } from "./judgement.ts";

const help = `Reads a whole journal again and checks that no byte of it changed since it was written.

Usage: provider-guard audit verify DIR [OPTIONS]

${pinHelp}
  --json              prints one JSON object: status, counts, head, and problem with segment, seq,
                      offset in bytes, expected, actual
${sharedHelp(18)}

Exit code: 0 ok; 1 tampered; 2 for an error; 3 incomplete: not pinned, empty, or with a gap; 130
when interrupted.
`;

function humanText({ status, found, note, signed }: Judgement): string {
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

export const verify = command({
  name: "verify",
  summary: "checks that nothing was changed, moved or removed",
  help,
  options: {
    ...pinOptions,
    json: { type: "boolean", default: false },
    progress: { type: "boolean", default: false },
  },
  async run({ values, positionals }, terminal: Terminal) {
    const directory = oneDirectory(positionals);
    if (values.progress) terminal.showProgress();
    const judgement = await judge(directory, values, terminal);
    await terminal.print(values.json ? `${JSON.stringify(jsonOf(judgement))}\n` : humanText(judgement));
    return exitCodes[judgement.status];
  },
});

function jsonOf({ status, found, note, signed }: Judgement) {
  const { ok: _, ...facts } = found;
  return { ...facts, status, note, signed: signed && signatures(signed) };
}

const signatures = ({ trees, size, unsigned, time, cosignedBy }: CheckpointsVerification) => ({
  trees,
  size,
  unsigned,
  time,
  cosignedBy,
});
