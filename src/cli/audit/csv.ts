import type { CallEntry, Entry } from "./entries.ts";
import { isoTime } from "./fields.ts";

type Cell = string | number | undefined;

/** A column's name, and what stands in it for a call. */
type Column = readonly [name: string, cell: (call: CallEntry) => Cell];

const joined = (texts: readonly (string | undefined)[]): string => texts.filter(Boolean).join(" ");

/** The columns, in order: new ones are added at the end. */
const columns: readonly Column[] = [
  ["seq", ({ line }) => line.seq],
  ["time", ({ at }) => (at === undefined ? "" : isoTime(at))],
  ["type", ({ line }) => String(line.record.type)],
  ["call", ({ call }) => call],
  ["result", ({ result }) => result],
  ["operation", ({ facts }) => facts?.operation],
  ["kind", ({ facts }) => facts?.kind],
  ["cloud", ({ facts }) => facts?.cloud],
  ["service", ({ facts }) => facts?.service],
  ["account", ({ facts }) => facts?.account],
  ["region", ({ facts }) => facts?.region],
  ["resource_type", ({ facts }) => facts?.resourceType],
  ["resources", ({ resources }) => joined(resources)],
  ["management_cluster", ({ facts }) => facts?.managementCluster],
  ["provider", ({ facts }) => facts?.provider],
  ["cluster_namespace", ({ facts }) => facts?.cluster?.namespace],
  ["cluster_name", ({ facts }) => facts?.cluster?.name],
  ["cluster_uid", ({ facts }) => facts?.cluster?.uid],
  ["machine_namespace", ({ facts }) => facts?.machine?.namespace],
  ["machine_name", ({ facts }) => facts?.machine?.name],
  ["machine_uid", ({ facts }) => facts?.machine?.uid],
  ["started", ({ facts }) => (facts?.startedAt === undefined ? "" : isoTime(facts.startedAt))],
  ["ms", ({ ms }) => ms],
  ["waited_ms", ({ waitedMs }) => waitedMs],
  ["attempts", ({ attempts }) => attempts.length],
  ["throttled", ({ attempts }) => attempts.filter(({ result }) => result === "throttled").length],
  ["request_ids", ({ attempts }) => joined(attempts.map(({ requestId }) => requestId))],
  ["code", ({ code }) => code],
  ["refused_by", ({ decisions }) => joined(decisions.map((d) => (d.verdict === "refuse" ? d.phase : undefined)))],
  ["token", ({ facts }) => facts?.token],
  ["operator", ({ facts }) => facts?.operator],
  ["reason", ({ facts }) => facts?.reason],
  ["ticket", ({ facts }) => facts?.ticket],
  ["event", () => ""],
  ["details", () => ""],
];

/** Spreadsheets take a cell that starts so for a formula. */
const formula = /^[=+\-@\t\r]/;

function cellText(value: Cell): string {
  if (typeof value === "number") return String(value);
  if (value === undefined || value === "") return "";
  const safe = formula.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) || safe !== safe.trim() ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const rowText = (cells: readonly Cell[]): string => `${cells.map(cellText).join(",")}\r\n`;

/** The first row, with the columns' names. */
export const csvHeader = rowText(columns.map(([name]) => name));

/** One row of RFC 4180: a call, or a notice with `event` and `details`. */
export function csvRow(entry: Entry): string {
  if (entry.kind === "call") return rowText(columns.map(([, cell]) => cell(entry)));
  const { line, at, event, details } = entry;
  const cells: Readonly<Record<string, Cell>> = {
    seq: line.seq,
    time: at === undefined ? "" : isoTime(at),
    type: "notice",
    event,
    details: JSON.stringify(details),
  };
  return rowText(columns.map(([name]) => cells[name]));
}
