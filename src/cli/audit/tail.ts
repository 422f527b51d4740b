import { command } from "../command.ts";
import type { Terminal } from "../terminal.ts";
import { closeReading, oneDirectory, segmentsOf, wholeNumber } from "./arguments.ts";
import { CallJoiner } from "./call-joiner.ts";
import type { Entry } from "./entries.ts";
import { entryLine } from "./entry-line.ts";
import { type Filter, filterHelp, filterOptions, readFilter } from "./filter.ts";
import { JournalReader, type SegmentFile } from "./journal-reader.ts";

const firstWindowBytes = 4 * 1024 * 1024;
const mostEntries = 100_000;
const pollMs = 250;

const help = `Shows the last calls of a journal, one line for each, also while it is written.

Usage: provider-guard audit tail DIR [OPTIONS]

  -n, --lines N   how many (default: 20; all with --since)
  -f, --follow    goes on with what is written from now on, until interrupted
${filterHelp}
  --json          prints the stored lines, byte for byte: intents and outcomes apart
  --help          prints this

Each line: time, result, operation, cluster and machine, resource type, duration, wait for the rate
limit, code of an error, and last the call's id, which audit show takes. A call without an outcome
is "open". Lines are shown as they stand in the files; only audit verify proves them.

Exit code: 0; 1 if what was read is damaged; 2 for an error; 130 when interrupted.
`;

/** What was read from the end of a journal. */
interface Ending {
  readonly reader: JournalReader;
  readonly joiner: CallJoiner;
  readonly entries: readonly Entry[];
}

/** So many bytes before a journal's end. */
function windowStart(segments: readonly SegmentFile[], bytes: number) {
  let left = bytes;
  for (const { segment, size } of [...segments].reverse()) {
    if (size > left) return { segment, offset: size - left };
    left -= size;
  }
  return undefined;
}

const isOrphan = (entry: Entry): boolean => entry.kind === "call" && entry.facts === undefined;

/**
 * Reads as much of a journal's end as holds the entries wanted: a small part first, and more while it
 * does not suffice, or while it lacks the intent of an outcome in it.
 */
async function readEnding(
  directory: string,
  { count, filter, everyLine, signal }: { count: number; filter: Filter; everyLine: boolean; signal: AbortSignal },
): Promise<Ending> {
  const segments = await segmentsOf(directory);
  for (let bytes = firstWindowBytes; ; bytes *= 8) {
    const from = windowStart(segments, bytes);
    const reader = new JournalReader(directory, from);
    const joiner = new CallJoiner(everyLine);
    let entries: Entry[] = [];
    const keep = (entry: Entry | undefined) => {
      if (entry === undefined) return;
      if (filter.matches(entry) || (from !== undefined && isOrphan(entry))) entries.push(entry);
      if (entries.length > 2 * count + 1024) entries = lastOf(entries, count);
    };
    for await (const lines of reader.read(signal)) {
      for (const line of lines) keep(joiner.see(line));
    }
    if (!everyLine) {
      for (const entry of joiner.open) keep(entry);
      entries.sort((a, b) => a.line.seq - b.line.seq);
    }
    entries = lastOf(entries, count);
    if (from === undefined || (entries.length === count && !entries.some(isOrphan))) return { reader, joiner, entries };
  }
}

const lastOf = (entries: readonly Entry[], count: number): Entry[] => (count === 0 ? [] : entries.slice(-count));

/** Shows what is read, as it comes. */
async function stream(
  { reader, joiner }: Ending,
  filter: Filter,
  write: (entries: Entry[]) => Promise<void>,
  signal: AbortSignal,
) {
  for await (const lines of reader.read(signal)) {
    const found = lines.map((line) => joiner.see(line)).filter((entry) => entry !== undefined);
    await write(found.filter(filter.matches));
  }
}

export const tail = command({
  name: "tail",
  summary: "shows the last calls, and those that come",
  help,
  options: {
    ...filterOptions,
    lines: { type: "string", short: "n" },
    follow: { type: "boolean", short: "f", default: false },
    json: { type: "boolean", default: false },
  },
  async run({ values, positionals }, terminal: Terminal) {
    const directory = oneDirectory(positionals);
    const { json, follow, lines, since } = values;
    const filter = readFilter(values, terminal.now());
    const signal = terminal.unwatched;
    const show = (entry: Entry) => `${json ? entry.line.text : entryLine(entry)}\n`;
    const write = (entries: readonly Entry[]) => terminal.print(entries.map(show).join(""));

    let ending: Ending;
    if (lines === undefined && since !== undefined) {
      await segmentsOf(directory);
      ending = { reader: new JournalReader(directory), joiner: new CallJoiner(json), entries: [] };
      await stream(ending, filter, write, signal);
      if (!json) await write([...ending.joiner.open].filter(filter.matches));
    } else {
      const count = wholeNumber("--lines", lines ?? "20", mostEntries);
      ending = await readEnding(directory, { count, filter, everyLine: json, signal });
      await write(ending.entries);
    }
    while (follow) {
      await terminal.sleep(pollMs, signal);
      await stream(ending, filter, write, signal);
    }
    return closeReading(ending.reader, directory, terminal);
  },
});
