import { readFile } from "node:fs/promises";
import type { GarbagePlan } from "../../garbage/plan.ts";
import { planTable } from "../../garbage/plan-table.ts";
import { command, UsageError } from "../command.ts";
import { printable } from "../terminal.ts";
import { configHelp, configOption, exitHelp, gcExitCodes, withCollector } from "./config.ts";
import { showRun } from "./progress.ts";

const runOptions = {
  ...configOption,
  apply: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  progress: { type: "boolean", default: false },
} as const;

const runHelp = `${configHelp}
  --json              prints the result as one JSON document
  --progress          shows progress although standard error is no terminal`;

/** JSON of a result; of an error its code alone, since a message may hold anything. */
const json = (value: unknown): string =>
  `${JSON.stringify(value, (key, each) => (key === "error" ? undefined : each))}\n`;

export const scan = command({
  name: "scan",
  summary: "one pass: observes, and with --apply marks and unmarks",
  help: `Makes one pass over everything that the collector's inventories show.

Usage: provider-guard gc scan [OPTIONS]

  --apply             writes marks; without it nothing is written
${runHelp}

${exitHelp}
`,
  options: runOptions,
  run: ({ values }, terminal) =>
    withCollector(values.config, async (collector) => {
      if (values.progress) terminal.showProgress();
      const onProgress = showRun(terminal);
      const options = { signal: terminal.interrupted, dryRun: !values.apply, onProgress };
      const result = await collector.scan(options);
      const lines = result.complete.map(
        ({ scope, type, tally }) =>
          `${scope} ${type}: ${tally.seen} seen, ${tally.linked} linked, ${tally.unlinked} without an owner, ${tally.young} young, ${tally.protected} protected, ${tally.unknown} unknown, ${tally.foreign} foreign`,
      );
      for (const { scope, type, code } of result.incomplete) lines.push(`${scope} ${type}: not complete (${code})`);
      if (!values.apply) lines.push("dry run: nothing was marked; --apply marks");
      await terminal.print(values.json ? json(result) : `${lines.map(printable).join("\n")}\n`);
      return result.incomplete.length > 0 ? gcExitCodes.incomplete : gcExitCodes.done;
    }),
});

export const plan = command({
  name: "plan",
  summary: "shows what would be deleted now, and why",
  help: `Shows what a sweep would delete now, what waits and what is kept, each with its reasons. Writes nothing.

Usage: provider-guard gc plan [OPTIONS]

${configHelp}
  --json              prints the plan as one JSON document, for sweep --plan
  --ndjson            prints one decision per line, in constant memory

${exitHelp}
`,
  options: { ...configOption, json: { type: "boolean", default: false }, ndjson: { type: "boolean", default: false } },
  run: ({ values }, terminal) =>
    withCollector(values.config, async (collector) => {
      const signal = terminal.interrupted;
      if (values.ndjson) {
        for await (const entry of collector.decisions({ signal })) await terminal.print(json(entry));
        return gcExitCodes.done;
      }
      const made = await collector.plan({ signal });
      await terminal.print(values.json ? json(made) : planTable(made));
      return made.tripped.length > 0 ? gcExitCodes.attention : gcExitCodes.done;
    }),
});

/** @throws {@link UsageError}, naming the file. */
async function planIn(file: string): Promise<GarbagePlan> {
  try {
    const found = JSON.parse(await readFile(file, "utf8")) as GarbagePlan;
    if (typeof found?.collector === "string" && Array.isArray(found.entries)) return found;
  } catch (error) {
    throw new UsageError(`${file}: ${(error as Error).message}`);
  }
  throw new UsageError(`${file}: not a plan as gc plan --json prints it`);
}

export const sweep = command({
  name: "sweep",
  summary: "deletes what the plan says, with --apply",
  help: `Deletes what a plan says, each resource judged live once more; without --apply it only says what it would do.

Usage: provider-guard gc sweep [OPTIONS]

  --apply             deletes; without it nothing is written or deleted
  --plan FILE         sweeps this plan of gc plan --json (default: one made now)
${runHelp}

${exitHelp}
`,
  options: { ...runOptions, plan: { type: "string" } },
  run: ({ values }, terminal) =>
    withCollector(values.config, async (collector) => {
      if (values.progress) terminal.showProgress();
      const signal = terminal.interrupted;
      const wanted = values.plan === undefined ? await collector.plan({ signal }) : await planIn(values.plan);
      const result = await collector.sweep(wanted, { signal, dryRun: !values.apply, onProgress: showRun(terminal) });
      const { deleted, gone, noticed, skipped, stuck, failed, tripped } = result;
      const said = values.apply ? "deleted" : "would be deleted";
      const lines = [
        ...deleted.map(({ type, id }) => `${said}: ${type} ${id}`),
        ...skipped.map(({ entry: { type, id }, reason }) => `skipped: ${type} ${id}: ${reason}`),
        ...stuck.map(({ type, id }) => `stuck: ${type} ${id}: something depends on it`),
        ...failed.map(({ entry: { type, id }, code }) => `failed: ${type} ${id}: ${code}`),
        ...tripped.map(({ scope, type, reason }) => `breaker: ${scope} ${type}: ${reason}; see gc ack --help`),
        `${deleted.length} ${said}, ${gone.length} gone before, ${noticed.length} told of, ${skipped.length} skipped, ${stuck.length} stuck, ${failed.length} failed`,
      ];
      if (!values.apply) lines.push("dry run: nothing was deleted; --apply deletes");
      await terminal.print(values.json ? json(result) : `${lines.map(printable).join("\n")}\n`);
      const attention = tripped.length + stuck.length + failed.length > 0;
      return attention ? gcExitCodes.attention : gcExitCodes.done;
    }),
});
