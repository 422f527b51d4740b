import type { GarbageExplanation, GarbageTypeStatus } from "../../garbage/collector-interface.ts";
import { isoTime } from "../audit/fields.ts";
import { command, UsageError } from "../command.ts";
import { printable } from "../terminal.ts";
import { configHelp, configOption, exitHelp, gcExitCodes, withCollector } from "./config.ts";

const jsonOption = { ...configOption, json: { type: "boolean", default: false } } as const;

/** The one resource that is named. @throws {@link UsageError} */
export function oneResource(positionals: readonly string[]): string {
  const [id, ...rest] = positionals;
  if (id === undefined || rest.length > 0) throw new UsageError("name one resource by its id");
  return id;
}

const needsPerson = (all: readonly GarbageTypeStatus[]) =>
  all.some(({ breaker, stuck }) => breaker.latched !== undefined || stuck > 0);

export const status = command({
  name: "status",
  summary: "shows what is marked, stuck and latched, by type",
  help: `Shows for every type its last complete pass, what is marked and stuck, and latched breakers.

Usage: provider-guard gc status [OPTIONS]

${configHelp}
  --json              prints one JSON document

${exitHelp}
`,
  options: jsonOption,
  run: ({ values }, terminal) =>
    withCollector(values.config, async (collector) => {
      const all = await collector.status({ signal: terminal.interrupted });
      const lines = all.map(({ scope, type, record, breaker, marked, stuck, oldestAt }) => {
        const last =
          record.complete === undefined ? "no complete pass" : `complete ${isoTime(record.complete.endedAt)}`;
        const since = oldestAt === undefined ? "" : `, the oldest since ${isoTime(oldestAt)}`;
        const failed = record.failed === undefined ? "" : `; the last pass failed (${record.failed.code})`;
        const latched = breaker.latched === undefined ? "" : `; breaker latched: ${breaker.latched.reason}`;
        return `${scope} ${type}: ${last}, ${marked} marked${since}, ${stuck} stuck${failed}${latched}`;
      });
      await terminal.print(values.json ? `${JSON.stringify(all)}\n` : `${lines.map(printable).join("\n")}\n`);
      return needsPerson(all) ? gcExitCodes.attention : gcExitCodes.done;
    }),
});

function explained({ scope, type, item, judgement, mark, entry, breaker }: GarbageExplanation): string[] {
  const lines = [`${scope} ${type}${item?.name === undefined ? "" : ` (${item.name})`}`];
  lines.push(item === undefined ? "  not there any more" : `  ${judgement?.standing}: ${judgement?.reason}`);
  if (mark !== undefined) lines.push(`  without an owner since ${isoTime(mark.since)}`);
  if (entry !== undefined) lines.push(`  ${entry.decision}: ${entry.reasons.join("; ")}`);
  if (mark === undefined) lines.push("  not marked");
  if (breaker !== undefined) lines.push(`  breaker: ${breaker.reason}`);
  return lines;
}

export const explain = command({
  name: "explain",
  summary: "says why one resource would be deleted, or not",
  help: `Reads one resource live and says everything that speaks for or against its deletion.

Usage: provider-guard gc explain RESOURCE [OPTIONS]

${configHelp}
  --json              prints one JSON document

${exitHelp}
`,
  options: jsonOption,
  run: ({ values, positionals }, terminal) =>
    withCollector(values.config, async (collector) => {
      const id = oneResource(positionals);
      const found = await collector.explain(id, { signal: terminal.interrupted });
      if (values.json) await terminal.print(`${JSON.stringify(found)}\n`);
      else if (found.length === 0) terminal.say(printable(`no resource has the id ${id}`));
      else await terminal.print(`${found.flatMap(explained).map(printable).join("\n")}\n`);
      return found.length === 0 ? gcExitCodes.notFound : gcExitCodes.done;
    }),
});
