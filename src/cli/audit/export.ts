import { apiActivity } from "../../audit/ocsf/event.ts";
import { CallJoins, type JoinedCall } from "../../audit/ocsf/joined-calls.ts";
import { checkRecord } from "../../audit/schema/parse-record.ts";
import { command, UsageError } from "../command.ts";
import type { Terminal } from "../terminal.ts";
import { closeReading, oneDirectory, reading, segmentsOf, sharedHelp } from "./arguments.ts";
import { CallJoiner } from "./call-joiner.ts";
import { csvHeader, csvRow } from "./csv.ts";
import type { Entry } from "./entries.ts";
import { counted } from "./fields.ts";
import { filterHelp, filterOptions, readFilter } from "./filter.ts";
import { type JournalLine, JournalReader } from "./journal-reader.ts";

/** A journal's entries as they are read, and the headers that name it. */
interface Source {
  readonly batches: AsyncIterable<readonly (Entry | JournalLine)[]>;
  readonly say: (line: string) => void;
}

/** How entries become text. */
interface Format {
  /** Lines by themselves, or calls put together of theirs. */
  readonly everyLine: boolean;
  readonly write: (source: Source) => AsyncGenerator<string>;
}

/** Intents that are kept until their outcome comes. */
const mostOpen = 10_000;

/** Whether a line is one, and not an intent of a segment that is gone, of which the next one repeats a part. */
const isStored = ({ record }: JournalLine): boolean => "seq" in record;

const isEntry = (item: Entry | JournalLine): item is Entry => "kind" in item;

/** One piece of text for each entry. */
const rows = (row: (entry: Entry) => string, header = "") =>
  async function* ({ batches }: Source) {
    yield header;
    for await (const batch of batches) yield batch.filter(isEntry).map(row).join("");
  };

async function* ocsf({ batches, say }: Source): AsyncGenerator<string> {
  const joins = new CallJoins(mostOpen);
  let skipped = 0;
  const event = (call: JoinedCall) => `${JSON.stringify(apiActivity(call))}\n`;
  function see({ record, hash }: JournalLine): string {
    const checked = checkRecord(record);
    if (checked.status !== "ok") skipped++;
    const call = checked.status === "ok" ? joins.see(checked.record, hash) : undefined;
    return call === undefined ? "" : event(call);
  }
  for await (const batch of batches) {
    let text = "";
    for (const item of batch) {
      if (!isEntry(item)) text += see(item);
      else if (item.kind === "call") {
        // Intent and outcome together, although other lines stood between them.
        for (const line of [item.asked, item.line]) if (line !== undefined && isStored(line)) text += see(line);
      }
    }
    yield text;
  }
  yield [...joins.open].map(event).join("");
  if (skipped > 0) say(`${counted(skipped, "line")} left out: not of a form that this version writes`);
}

const formats: Readonly<Record<string, Format>> = {
  ocsf: { everyLine: false, write: ocsf },
  jsonl: { everyLine: true, write: rows(({ line }) => `${line.text}\n`) },
  csv: { everyLine: false, write: rows(csvRow, csvHeader) },
};

const longestText = 64 * 1024;

const help = `Writes a journal's calls in a format that other programs read.

Usage: provider-guard audit export DIR --format ${Object.keys(formats).join("|")} [OPTIONS]

  --format ocsf   one event of OCSF's class API Activity for each call, as JSON lines; no notices
  --format jsonl  the stored records byte for byte, in order; with --result, intents are left out
  --format csv    one row for each call and notice (RFC 4180); the columns are listed in docs/reference/cli.md
${filterHelp}
${sharedHelp()}

Lines are written as they stand in the files; only audit verify proves them.

Exit code: 0; 1 if what was read is damaged; 2 for an error; 130 when interrupted.
`;

export const exportJournal = command({
  name: "export",
  summary: `writes calls as ${Object.keys(formats).join(", ")}`,
  help,
  options: {
    ...filterOptions,
    format: { type: "string" },
    progress: { type: "boolean", default: false },
  },
  async run({ values, positionals }, terminal: Terminal) {
    const directory = oneDirectory(positionals);
    const format = formats[values.format ?? ""];
    if (format === undefined || !Object.hasOwn(formats, values.format ?? "")) {
      throw new UsageError(
        `--format: expected one of ${Object.keys(formats).join(", ")}, got "${values.format ?? ""}"`,
      );
    }
    const { everyLine } = format;
    const filter = readFilter(values, terminal.now());
    if (values.progress) terminal.showProgress();
    const show = reading(terminal, await segmentsOf(directory), "exported");

    const reader = new JournalReader(directory);
    async function* batches() {
      const joiner = new CallJoiner(everyLine);
      for await (const lines of reader.read(terminal.unwatched)) {
        yield lines.flatMap((line): (Entry | JournalLine)[] => {
          if (line.record.type === "header") return [line];
          const entry = joiner.see(line);
          return entry !== undefined && filter.matches(entry) ? [entry] : [];
        });
        const last = lines.at(-1);
        if (last !== undefined) show(last);
      }
      if (!everyLine) for (const entry of joiner.open) if (filter.matches(entry)) yield [entry];
    }
    let text = "";
    for await (const piece of format.write({ batches: batches(), say: terminal.say })) {
      text += piece;
      if (text.length < longestText) continue;
      await terminal.print(text);
      text = "";
    }
    await terminal.print(text);
    return closeReading(reader, directory, terminal);
  },
});
