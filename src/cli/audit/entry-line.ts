import { printable } from "../terminal.ts";
import type { CallEntry, Entry, RefView } from "./entries.ts";
import { isoTime } from "./fields.ts";

/** Namespace and name, or the UID where there is no name. */
export const refText = (ref: RefView | undefined): string =>
  ref === undefined
    ? "-"
    : ref.name === ""
      ? ref.uid
      : ref.namespace === ""
        ? ref.name
        : `${ref.namespace}/${ref.name}`;

/** Cluster and machine on whose behalf a call was made. */
function ownerText({ facts }: CallEntry): string {
  const cluster = refText(facts?.cluster);
  return facts?.machine === undefined ? cluster : `${cluster} ${facts.machine.name || facts.machine.uid}`;
}

/** A duration, as short as it is still useful. */
export function msText(ms: number): string {
  if (ms < 10) return `${Math.round(ms * 10) / 10}ms`;
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  return ms < 600_000 ? `${Math.round(ms / 100) / 10}s` : `${Math.round(ms / 60_000)}min`;
}

/** The first resources, and how many more there are. */
export function resourcesText(resources: readonly string[], most = 3): string {
  const more = resources.length - most;
  return resources.slice(0, most).join(",") + (more > 0 ? `+${more}` : "");
}

function callText(entry: CallEntry): string {
  const { facts, result, resources, ms, waitedMs, attempts, code, call } = entry;
  const words = [
    isoTime(entry.at),
    result.padEnd(8),
    facts === undefined ? "?" : facts.operation,
    ownerText(entry),
    ...(resources.length > 0 ? [resourcesText(resources)] : facts?.resourceType ? [facts.resourceType] : []),
    ...(ms === undefined ? [] : [msText(ms)]),
    ...(waitedMs > 0 ? [`waited ${msText(waitedMs)}`] : []),
    ...(attempts.length > 1 ? [`${attempts.length} attempts`] : []),
    ...(code === undefined || code === result ? [] : [code]),
    ...(facts?.operator ? [`by hand: ${facts.operator}`] : []),
    call,
  ];
  return words.join("  ");
}

/** One line for people: time, result, operation, for whom, how long, why not; at the end what `show` takes. */
export function entryLine(entry: Entry): string {
  if (entry.kind === "call") return printable(callText(entry));
  const details = Object.entries(entry.details).map(([name, value]) => `${name}=${valueText(value)}`);
  return printable([isoTime(entry.at), "notice  ", entry.event, ...details].join("  "));
}

const valueText = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));
