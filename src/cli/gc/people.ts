import { command, UsageError } from "../command.ts";
import { printable } from "../terminal.ts";
import { configHelp, configOption, exitHelp, gcExitCodes, withCollector } from "./config.ts";
import { oneResource } from "./look.ts";

const sayingOptions = { ...configOption, by: { type: "string" }, reason: { type: "string" } } as const;

const sayingHelp = `  --by NAME           who decides (required); it stands in the audit log
  --reason TEXT       why (required)
${configHelp}`;

function sayingOf({ by, reason }: { readonly by?: string | undefined; readonly reason?: string | undefined }) {
  if (by === undefined || reason === undefined) throw new UsageError("say who and why: --by NAME --reason TEXT");
  return { by, reason };
}

export const ack = command({
  name: "ack",
  summary: "acknowledges tripped breakers, or owners that are gone indeed",
  help: `Unlatches breakers: as many deletions as had been wanted are accepted within the breaker's window.

Usage: provider-guard gc ack --by NAME --reason TEXT [OPTIONS]

  --scope SCOPE       only of this scope
  --type TYPE         only of this type
  --owners            accepts, too, that as many Clusters and Machines are gone as the last refused list said
${sayingHelp}

${exitHelp}
`,
  options: {
    ...sayingOptions,
    scope: { type: "string" },
    type: { type: "string" },
    owners: { type: "boolean", default: false },
  },
  run: ({ values }, terminal) => {
    const { scope, type, owners, config } = values;
    const where = { ...(scope !== undefined && { scope }), ...(type !== undefined && { type }) };
    const saying = { ...sayingOf(values), ...where, owners };
    return withCollector(config, async (collector) => {
      const found = await collector.acknowledge(saying, { signal: terminal.interrupted });
      const lines = found.map((each) => `acknowledged: ${each.scope} ${each.type}: ${each.reason}`);
      if (owners) lines.push("acknowledged: the owners");
      await terminal.print(`${(lines.length === 0 ? ["nothing is latched"] : lines).map(printable).join("\n")}\n`);
      return gcExitCodes.done;
    });
  },
});

export const unmark = command({
  name: "unmark",
  summary: "takes the mark of one resource away: its grace begins anew",
  help: `Takes the mark of one resource away. To keep a resource for good, give it the protection tag.

Usage: provider-guard gc unmark RESOURCE --by NAME --reason TEXT [OPTIONS]

${sayingHelp}

${exitHelp}
`,
  options: sayingOptions,
  run: ({ values, positionals }, terminal) => {
    const [id, saying] = [oneResource(positionals), sayingOf(values)];
    return withCollector(values.config, async (collector) => {
      const found = await collector.unmark(id, saying, { signal: terminal.interrupted });
      terminal.say(printable(found ? `${id}: its grace begins anew` : `${id} has no mark`));
      return found ? gcExitCodes.done : gcExitCodes.notFound;
    });
  },
});
