import { command, UsageError } from "../command.ts";
import { printable, type Terminal } from "../terminal.ts";
import { closeReading, oneDirectory, reading, segmentsOf, sharedHelp } from "./arguments.ts";
import { callText } from "./call-text.ts";
import { listIn, textIn } from "./fields.ts";
import { type JournalLine, JournalReader } from "./journal-reader.ts";

/** Beyond that nobody reads on: a create that was resumed for days has thousands of lines. */
const mostLines = 1_000;

const help = `Shows everything that a journal tells about one call.

Usage: provider-guard audit show DIR CALL|SEQ [OPTIONS]

CALL is a call's id, the last word of a line of audit tail; SEQ the number of one of its lines.
Intent, decisions, attempts and outcome are shown, and so are the call whose intent it resumed and
the calls that resumed it.

  --json          prints one JSON object: call, and lines, each with segment, offset, seq, record
${sharedHelp()}

Exit code: 0; 1 if what was read is damaged; 2 for an error, also where there is no such call.
`;

/** A call that a line is about, and the call whose intent it resumes, else itself. */
interface Kin {
  readonly call: string;
  readonly root: string;
}

function kinOf({ record }: JournalLine): Kin | undefined {
  const call = textIn(record.call);
  return call === undefined ? undefined : { call, root: textIn(record.token) ?? call };
}

/** A line, or the intents in one that repeats what was open when its segment began. */
const expand = (line: JournalLine): readonly JournalLine[] =>
  line.record.type === "open"
    ? listIn(line.record.intents).map((intent) => ({ ...line, record: { type: "intent", carried: true, ...intent } }))
    : [line];

/** Collects the lines of a call and of those that share its token. */
class Family {
  readonly lines: JournalLine[] = [];
  left = 0;
  readonly #calls: Set<string>;
  readonly #root: string | undefined;

  constructor(root: string | undefined) {
    this.#root = root;
    this.#calls = new Set(root === undefined ? [] : [root]);
  }

  /** @returns `false`: there may be more. */
  see(line: JournalLine): boolean {
    const kin = kinOf(line);
    if (kin === undefined) return false;
    const known = this.#calls.has(kin.call) && this.lines.some(({ record }) => record.call === kin.call);
    if (kin.root === this.#root) this.#calls.add(kin.call);
    if (!this.#calls.has(kin.call) || (line.record.carried === true && known)) return false;
    if (this.lines.length < mostLines) this.lines.push(line);
    else this.left++;
    return false;
  }
}

export const show = command({
  name: "show",
  summary: "shows everything about one call",
  help,
  options: {
    json: { type: "boolean", default: false },
    progress: { type: "boolean", default: false },
  },
  async run({ values, positionals: [directoryWord, wanted, ...extra] }, terminal: Terminal) {
    const directory = oneDirectory([directoryWord ?? ""]);
    if (wanted === undefined) throw new UsageError("name a call's id or the number of a line");
    if (extra.length > 0) throw new UsageError(`expected one call, got "${extra[0]}" too`);
    if (values.progress) terminal.showProgress();
    const progress = reading(terminal, await segmentsOf(directory), "searched");
    /** Reads until `see` has seen enough. */
    const read = async (reader: JournalReader, see: (line: JournalLine) => boolean) => {
      for await (const lines of reader.read(terminal.interrupted)) {
        if (lines.flatMap(expand).some(see)) return;
        const last = lines.at(-1);
        if (last !== undefined) progress(last);
      }
    };

    const find = async (isIt: (line: JournalLine) => boolean) => {
      let found: JournalLine | undefined;
      await read(new JournalReader(directory), (line) => {
        if (isIt(line)) found = line;
        return found !== undefined;
      });
      return found;
    };
    const findCall = (call: unknown) => find(({ record }) => record.call === call);

    // A call's id never consists of digits alone: ids have 26 characters and begin with the time.
    const seq = /^\d{1,16}$/.test(wanted) ? Number(wanted) : undefined;
    let first = seq === undefined ? await findCall(wanted) : await find((line) => line.seq === seq);
    // What it resumes stands in its intent.
    if (first?.record.type === "outcome") first = await findCall(first.record.call);
    if (first === undefined) {
      const what = seq === undefined ? `no call "${printable(wanted)}"` : `no line ${seq}`;
      throw new Error(`${directory} holds ${what}; audit tail lists calls`);
    }

    const reader = new JournalReader(directory);
    const kin = kinOf(first);
    const family = new Family(kin?.root);
    if (kin === undefined) family.lines.push(first);
    else await read(reader, (line) => family.see(line));
    const lines = family.lines.map(({ segment, offset, seq, record }) => ({ segment, offset, seq, record }));
    const { left } = family;
    await terminal.print(
      values.json
        ? `${JSON.stringify({ call: kin?.call ?? null, lines, left })}\n`
        : `${callText(kin?.call, family.lines)}${left === 0 ? "" : `\n${left} more lines are left out.\n`}`,
    );
    return closeReading(reader, directory, terminal);
  },
});
