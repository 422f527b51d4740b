import { hash } from "node:crypto";
import type { GarbageTypeStatus } from "../../garbage/collector-interface.ts";
import type { GarbagePlan, PlanEntry } from "../../garbage/plan.ts";
import { writable, write } from "../audit/arguments.ts";
import { isoTime } from "../audit/fields.ts";
import { html, Html as Raw } from "../audit/report/html.ts";
import { nothing, section, table } from "../audit/report/parts.ts";
import { style } from "../audit/report/style.ts";
import { command } from "../command.ts";
import { configHelp, configOption, exitHelp, gcExitCodes, withCollector } from "./config.ts";

/** Rows of a table in the page: a page with a million of them helps nobody. */
const mostRows = 2_000;

function typesTable(status: readonly GarbageTypeStatus[]) {
  const tally = (name: "seen" | "linked" | "unlinked" | "unknown" | "young" | "protected") => ({
    title: name,
    cell: ({ record }: GarbageTypeStatus) => record.complete?.tally[name] ?? 0,
    as: "number" as const,
  });
  return table<GarbageTypeStatus>({
    id: "types",
    caption: "The last complete pass over each type",
    columns: [
      { title: "Type", cell: ({ type }) => type, as: "id" },
      { title: "Scope", cell: ({ scope }) => scope, as: "id" },
      {
        title: "Complete",
        cell: ({ record }) => (record.complete ? isoTime(record.complete.endedAt) : "never"),
        as: "time",
      },
      ...(["seen", "linked", "unlinked", "unknown", "young", "protected"] as const).map(tally),
      { title: "marked", cell: ({ marked }) => marked, as: "number" },
      { title: "stuck", cell: ({ stuck }) => stuck, as: "number" },
      { title: "Breaker", cell: ({ breaker }) => breaker.latched?.reason ?? "closed" },
    ],
    rows: status,
  });
}

function entriesTable(id: string, caption: string, entries: readonly PlanEntry[]) {
  if (entries.length === 0) return nothing("None.");
  const more = entries.length > mostRows ? `; the first ${mostRows} of ${entries.length}` : "";
  return table<PlanEntry>({
    id,
    caption: `${caption}${more}`,
    columns: [
      { title: "Resource", cell: ({ id: each }) => each, as: "id" },
      { title: "Type", cell: ({ type }) => type, as: "id" },
      { title: "Cluster", cell: ({ owner }) => `${owner.clusterNamespace ?? "?"}/${owner.clusterName ?? "?"}` },
      { title: "Without an owner since", cell: ({ since }) => isoTime(since), as: "time" },
      { title: "Reasons", cell: ({ reasons }) => reasons.join("; ") },
    ],
    rows: entries.slice(0, mostRows),
  });
}

/** The whole page: it loads nothing, runs nothing, and shows whatever somebody has named as text. */
function gcPage(plan: GarbagePlan, status: readonly GarbageTypeStatus[]): string {
  const policy = `default-src 'none'; style-src 'sha256-${hash("sha256", style, "base64")}'; base-uri 'none'; form-action 'none'`;
  const of = (decision: PlanEntry["decision"]) => plan.entries.filter((entry) => entry.decision === decision);
  const closed = plan.closed === undefined ? undefined : html`<p>Nothing is deleted now: ${plan.closed}.</p>`;
  const breakers = plan.tripped.map(
    ({ scope, type, reason }) => html`<p>Breaker of ${type} in ${scope}: ${reason}.</p>`,
  );
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${new Raw(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Garbage report: ${plan.collector}</title>
<style>${new Raw(style)}</style>
</head>
<body>
<header><h1>Garbage report</h1>
<p class="soft">Collector <code>${plan.collector}</code><br>Report made ${isoTime(plan.at)}. All times are UTC.</p></header>
<main>
<section aria-label="Summary"><div class="verdict ${plan.tripped.length > 0 ? "incomplete" : "ok"}" role="status"><p><strong>${of("delete").length} to delete, ${of("wait").length} waiting, ${of("keep").length} marked alone${plan.omitted > 0 ? `, ${plan.omitted} not listed` : ""}</strong></p>
${closed}${breakers}</div></section>
${section("types-section", "Types", typesTable(status))}
${section("delete-section", "To delete", entriesTable("delete", "What a sweep would delete now", of("delete")))}
${section("wait-section", "Waiting", entriesTable("wait", "What is not deleted yet", of("wait")))}
${section("keep-section", "Marked alone", entriesTable("keep", "What the policy never deletes", of("keep")))}
</main>
</body>
</html>
`.text;
}

export const report = command({
  name: "report",
  summary: "makes one HTML page for people",
  help: `Makes one HTML page: what each type's last pass saw, what a sweep would delete, what waits, breakers.

Usage: provider-guard gc report [OPTIONS]

  --output FILE       writes the page there (default: standard output)
${configHelp}

The page loads nothing and runs nothing: it can be mailed, archived and opened offline.

${exitHelp}
`,
  options: { ...configOption, output: { type: "string" } },
  run: ({ values }, terminal) =>
    withCollector(values.config, async (collector) => {
      if (values.output !== undefined) await writable(values.output);
      const signal = terminal.interrupted;
      const page = gcPage(await collector.plan({ signal }), await collector.status({ signal }));
      if (values.output === undefined) await terminal.print(page);
      else await write(values.output, page);
      return gcExitCodes.done;
    }),
});
