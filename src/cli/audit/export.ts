import { command, UsageError } from "../command.ts";
import type { Terminal } from "../terminal.ts";
import { closeReading, oneDirectory, reading, segmentsOf, sharedHelp } from "./arguments.ts";
import { csvHeader, csvRow } from "./csv.ts";
import { CallJoiner, type Entry } from "./entries.ts";
import { filterHelp, filterOptions, readFilter } from "./filter.ts";
import { JournalReader } from "./journal-reader.ts";

/** How entries become text. */
interface Format {
  /** Lines by themselves, or calls put together of theirs. */
  readonly everyLine: boolean;
  readonly header: string;
  readonly row: (entry: Entry) => string;
}

const formats: Readonly<Record<string, Format>> = {
  jsonl: { everyLine: true, header: "", row: ({ line }) => `${line.text}\n` },
  csv: { everyLine: false, header: csvHeader, row: csvRow },
};

const help = `Writes a journal's calls in a format that other programs read.

Usage: provider-guard audit export DIR --format ${Object.keys(formats).join("|")} [OPTIONS]

  --format jsonl  the stored records byte for byte, in order; with --result, intents are left out
  --format csv    one row for each call and notice (RFC 4180); the columns are listed in docs/reference/cli.md
${filterHelp}
${sharedHelp}

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
    const filter = readFilter(values, terminal.now());
    if (values.progress) terminal.showProgress();
    const show = reading(terminal, await segmentsOf(directory), "exported");

    const reader = new JournalReader(directory);
    const joiner = new CallJoiner(format.everyLine);
    const write = (entries: readonly Entry[]) =>
      terminal.print(entries.filter(filter.matches).map(format.row).join(""));
    await terminal.print(format.header);
    for await (const lines of reader.read(terminal.unwatched)) {
      await write(lines.map((line) => joiner.see(line)).filter((entry) => entry !== undefined));
      const last = lines.at(-1);
      if (last !== undefined) show(last);
    }
    if (!format.everyLine) for (const entry of joiner.open) await write([entry]);
    return closeReading(reader, directory, terminal);
  },
});
