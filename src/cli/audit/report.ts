import { command, exitCodes } from "../command.ts";
import type { Terminal } from "../terminal.ts";
import { closeReading, oneDirectory, reading, segmentsOf, sharedHelp, writable, write } from "./arguments.ts";
import { JournalReader } from "./journal-reader.ts";
import { judge, pinHelp, pinOptions } from "./judgement.ts";
import { reportPage } from "./report/page.ts";
import { Tally } from "./report/tally.ts";

const help = `Makes one HTML page of a journal: whether it verifies, calls over time, refusals, throttling, who did
what to which cluster, unfinished intents, manual operations and notices.

Usage: provider-guard audit report DIR [OPTIONS]

  --output FILE       writes the page there (default: standard output)
${pinHelp}
${sharedHelp(18)}

The page loads nothing and runs nothing: it can be mailed, archived and opened offline.

Exit code: as of audit verify; the page is made in any case. 2 for an error.
`;

export const report = command({
  name: "report",
  summary: "makes one HTML page for people",
  help,
  options: {
    ...pinOptions,
    output: { type: "string" },
    progress: { type: "boolean", default: false },
  },
  async run({ values, positionals }, terminal: Terminal) {
    const directory = oneDirectory(positionals);
    if (values.progress) terminal.showProgress();
    if (values.output !== undefined) await writable(values.output);
    const segments = await segmentsOf(directory);
    const { status, note, found } = await judge(directory, values, terminal);

    const show = reading(terminal, segments, "added up");
    const tally = new Tally();
    const reader = new JournalReader(directory);
    // Of a whole journal no more is told than was verified, although it may have grown meanwhile.
    const lastSeq = found.problem === undefined ? (found.head?.seq ?? -1) : Number.POSITIVE_INFINITY;
    for await (const lines of reader.read(terminal.interrupted)) {
      for (const line of lines) if (line.seq <= lastSeq) tally.see(line);
      const last = lines.at(-1);
      if (last !== undefined) show(last);
      if (last !== undefined && last.seq >= lastSeq) break;
    }

    const page = reportPage({ directory, madeAt: terminal.now(), verification: found, status, note, tally });
    if (values.output === undefined) await terminal.print(page);
    else await write(values.output, page);
    const read = closeReading(reader, directory, terminal);
    return exitCodes[status] || read;
  },
});
