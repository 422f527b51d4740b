import type { GarbagePlan } from "./plan.ts";

/** Anybody may have named a resource: what moves a cursor or cannot be seen is left out. */
const shown = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, "?");

/**
 * Writes a plan as a table for people.
 *
 * @param plan - What `plan()` gave.
 * @returns Lines of text, with what is deleted first.
 */
export function planTable({ entries, omitted, tripped, closed }: GarbagePlan): string {
  const order = ["delete", "wait", "keep"];
  const rows = [...entries]
    .sort((a, b) => order.indexOf(a.decision) - order.indexOf(b.decision))
    .map(({ decision, scope, type, id, owner, reasons }) => [
      decision,
      scope,
      type,
      id,
      `${owner.clusterNamespace ?? "?"}/${owner.clusterName ?? "?"}`,
      reasons.join("; "),
    ]);
  const all = [["DECISION", "SCOPE", "TYPE", "ID", "CLUSTER", "REASONS"], ...rows].map((row) => row.map(shown));
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const lines = all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  const deletions = entries.filter(({ decision }) => decision === "delete").length;
  lines.push(
    `${deletions} to delete, ${entries.length - deletions} kept or waiting${omitted > 0 ? `, ${omitted} not listed` : ""}`,
  );
  for (const { scope, type, reason } of tripped)
    lines.push(shown(`breaker ${scope} ${type}: ${reason}; nothing of it is deleted`));
  if (closed !== undefined) lines.push(shown(`nothing is deleted now: ${closed}`));
  return `${lines.join("\n")}\n`;
}
