// Turns figures into a table for a terminal and a page for docs/.
import { cpus } from "node:os";
import type { Figure, Row } from "./row.ts";

type Measured = Row & Figure;

function number(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 10_000) return String(value);
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en-US");
  return value.toPrecision(3);
}

const reached = ({ value, goal, better }: Measured) => (better === "lower" ? value <= goal : value >= goal);
const goalText = ({ goal, better }: Measured) => `${better === "lower" ? "≤" : "≥"} ${number(goal)}`;

export function table(rows: readonly Measured[]): string {
  return rows
    .map((row) => {
      const mark = reached(row) ? "reached" : "missed";
      const others = row.alternatives.map(({ name, value }) => `    ${number(value).padStart(10)}  ${name}\n`).join("");
      return `${row.id}: ${row.what}\n    ${number(row.value).padStart(10)}  ${row.unit} (goal ${goalText(row)}: ${mark})\n${others}`;
    })
    .join("\n");
}

export function markdown(rows: readonly Measured[]): string {
  const lines = rows.map((row) => {
    const others = row.alternatives.map(({ name, value }) => `${name}: ${number(value)}`).join("; ");
    return `| \`${row.id}\` | ${row.what} | ${number(row.value)} ${row.unit} | ${goalText(row)} | ${reached(row) ? "yes" : "**no**"} | ${others} |`;
  });
  return `# Benchmarks

Written by \`npm run bench -- --write\` on Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim()}. Every figure is the
median of rounds in one run that alternate with the alternatives, for \`chain\`, \`aws-throughput\` and \`seal\`
the median of several processes. Ratios between the columns carry
over to another machine, single numbers do not. \`npm run bench -- ID\` measures one row again.

| Row | What | Measured | Goal | Reached | For comparison |
|---|---|---|---|---|---|
${lines.join("\n")}
`;
}
