/** The facts as a person reads them. */
import { type Counts, sumOf, textOf } from "./census.ts";
import type { Check } from "./checks.ts";
import type { Facts } from "./facts.ts";

function phaseTable({ phases }: Facts): string[] {
  const row = (name: string, seconds: string, machines: string, instances: string) =>
    `${name.padEnd(50)}${seconds.padStart(7)}  ${machines.padEnd(34)}${instances}`.trimEnd();
  return [
    row("phase", "seconds", "Machines at its end", "instances"),
    ...phases.map(({ name, seconds, machines, instances }) =>
      row(name, seconds.toFixed(1), textOf(machines), textOf(instances)),
    ),
  ];
}

function rows(facts: Facts): [label: string, value: string | number][] {
  const { crash, adopted, instances, audit, throttled, errors, left, joined, electedAfterSeconds } = facts;
  const ids = Object.values(instances);
  return [
    ["Machines that came to have a Node", joined.length],
    ["instances made", ids.flat().length],
    ["Machines with more than one", ids.filter(({ length }) => length > 1).length],
    ["instances that no object named after the kill", crash.unrecorded.length],
    ["adopted by the next process", adopted.length],
    ["intents without outcome after the kill", crash.openIntents],
    ["wait for the dead process's Lease", `${electedAfterSeconds.toFixed(1)} s`],
    ["throttled answers", throttled],
    ["requests that waited for the rate limit", audit.waitedForLimit],
    ["calls refused by the guard", textOf(audit.refusals)],
    ["errors that the provider logged, by reason", textOf(errors)],
    ["left on the cloud", `${left.instances} instances, ${left.securityGroups} security groups`],
    ["left on the API server", textOf(left.objects)],
    ["audit verify", `${audit.status}, ${audit.records} records, ${audit.unfinished} unfinished`],
  ];
}

function callTable({ calls }: Facts): string[] {
  const answers = (results: Counts) =>
    Object.entries(results)
      .map(([result, count]) => `${result} (${count})`)
      .join(", ");
  return [
    `${"calls of the provider, as the proxy saw them".padEnd(48)}answered`,
    ...Object.entries(calls).map(
      ([operation, results]) => `  ${operation.padEnd(40)}${String(sumOf(results)).padStart(4)}    ${answers(results)}`,
    ),
  ];
}

export function summary(facts: Facts, checks: readonly Check[]): string {
  const lines = [
    ...phaseTable(facts),
    "",
    ...rows(facts).map(([label, value]) => `${label.padEnd(48)}${value}`),
    "",
    ...callTable(facts),
    "",
    ...checks.map(({ name, held }) => `${held ? "ok    " : "FAILED"}  ${name}`),
  ];
  return `${lines.join("\n")}\n`;
}
