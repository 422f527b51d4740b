import type { OperationFacts, TagStyle } from "./facts.ts";
import { operations } from "./table.generated.ts";

const parsed = new Map<string, ReadonlyMap<string, OperationFacts>>();

/** One line: `Operation path.to.tags:style token sensitive,members`, with `-` for nothing. */
function parse(lines: string): ReadonlyMap<string, OperationFacts> {
  const facts = new Map<string, OperationFacts>();
  for (const line of lines.split("\n")) {
    const [operation = "", tags = "-", token = "-", sensitive = "-"] = line.split(" ");
    const [path = "", style] = tags.split(":");
    facts.set(operation, {
      tags: tags === "-" ? undefined : { path: path.split("."), style: style as TagStyle },
      token: token === "-" ? undefined : token,
      sensitive: sensitive === "-" ? [] : sensitive.split(","),
      plain: undefined,
    });
  }
  return facts;
}

/** Looks an operation up in the generated table; a service is parsed when it is first asked for. */
export function readTable(service: string, operation: string): OperationFacts | undefined {
  const lines = Object.hasOwn(operations, service) ? operations[service] : undefined;
  if (lines === undefined) return undefined;
  let facts = parsed.get(service);
  if (facts === undefined) {
    facts = parse(lines);
    parsed.set(service, facts);
  }
  return facts.get(operation);
}

/** Whether the generated table was made from this service's client. */
export function isCovered(service: string): boolean {
  return Object.hasOwn(operations, service);
}
