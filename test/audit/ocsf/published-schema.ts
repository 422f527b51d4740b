import { readFileSync } from "node:fs";

interface TypeFacts {
  readonly required: readonly string[];
  readonly atLeastOne?: readonly string[];
  readonly attributes: Readonly<Record<string, string>>;
  readonly enums?: Readonly<Record<string, readonly number[]>>;
}

const fixture = JSON.parse(readFileSync(new URL("ocsf-1.8.0.json", import.meta.url), "utf8"));
const types: Readonly<Record<string, TypeFacts>> = fixture.types;

const isWhole = (value: unknown) => Number.isSafeInteger(value);
const primitives: Readonly<Record<string, (value: unknown) => boolean>> = {
  string_t: (value) => typeof value === "string" && value !== "",
  integer_t: isWhole,
  long_t: isWhole,
  boolean_t: (value) => typeof value === "boolean",
  json_t: (value) => value !== undefined,
  object: (value) => typeof value === "object" && value !== null && !Array.isArray(value),
};

/** What is wrong with an event, by the facts of the published schema; nothing if it fits. */
export function problemsOf(event: unknown, type = "api_activity", path = type): string[] {
  const facts = types[type];
  if (facts === undefined) return [`${path}: no facts about ${type} in the fixture`];
  if (!primitives.object?.(event)) return [`${path}: no object`];
  const object = event as Record<string, unknown>;
  const problems = facts.required
    .filter((name) => object[name] === undefined)
    .map((name) => `${path}.${name}: missing`);
  if (facts.atLeastOne?.every((name) => object[name] === undefined)) {
    problems.push(`${path}: none of ${facts.atLeastOne.join(", ")}`);
  }
  for (const [name, value] of Object.entries(object)) {
    const at = `${path}.${name}`;
    const declared = facts.attributes[name];
    if (declared === undefined) {
      problems.push(`${at}: no such attribute, or a deprecated one`);
      continue;
    }
    const allowed = facts.enums?.[name];
    if (allowed !== undefined && !allowed.includes(value as number))
      problems.push(`${at}: ${value} is not in the enum`);
    const isList = declared.endsWith("[]");
    if (declared !== "json_t" && isList !== Array.isArray(value)) {
      problems.push(`${at}: expected ${declared}`);
      continue;
    }
    const item = declared.replace("[]", "");
    for (const each of isList ? (value as unknown[]) : [value]) {
      const check = primitives[item];
      if (check === undefined) problems.push(...problemsOf(each, item, at));
      else if (!check(each)) problems.push(`${at}: expected ${declared}`);
    }
  }
  return problems;
}
