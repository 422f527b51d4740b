import type { OperationFacts, TagPlace } from "./facts.ts";
import { isPlainName } from "./plain-names.ts";
import { tokenMember } from "./tokens.ts";

/*
 * The SDK's runtime schemas are plain arrays. Its maintainers call them an implementation detail,
 * so nothing here trusts them: whatever does not look as expected counts as "no schema".
 *
 *   [0, ns, name, traits, schema]                   a simple type with traits of its own
 *   [1, ns, name, traits, value]                    list
 *   [2, ns, name, traits, key, value]               map
 *   [3 | -3 | 4, ns, name, traits, names, members]  structure, error, union
 *   [9, ns, name, traits, input, output]            operation
 *
 * A member is a schema or [schema, traits]; a schema may hide behind functions. A number is a
 * simple type, plus 64 for a list of it and 128 for a map of it.
 */

const idempotencyTokenBit = 4;
const sensitiveBit = 8;
const deepest = 8;
const mostNodes = 20_000;

interface Member {
  readonly name: string;
  readonly schema: unknown;
  readonly idempotencyToken: boolean;
  readonly sensitive: boolean;
}

function plain(reference: unknown): unknown {
  let value = reference;
  for (let i = 0; typeof value === "function" && i < 8; i++) value = value();
  return value;
}

function has(traits: unknown, bit: number, name: string): boolean {
  if (typeof traits === "number") return (traits & bit) !== 0;
  return typeof traits === "object" && traits !== null && Boolean((traits as Record<string, unknown>)[name]);
}

function member(name: string, reference: unknown): Member {
  let schema = plain(reference);
  let idempotencyToken = false;
  let sensitive = false;
  for (let i = 0; Array.isArray(schema) && i < 8; i++) {
    const wrapped = schema.length === 2 || schema[0] === 0;
    const traits = schema.length === 2 ? schema[1] : schema[3];
    idempotencyToken ||= has(traits, idempotencyTokenBit, "idempotencyToken");
    sensitive ||= has(traits, sensitiveBit, "sensitive");
    if (!wrapped) break;
    schema = plain(schema.length === 2 ? schema[0] : schema[4]);
  }
  return { name, schema, idempotencyToken, sensitive };
}

function members(schema: unknown): readonly Member[] {
  if (!Array.isArray(schema) || ![3, -3, 4].includes(schema[0])) return [];
  const [, , , , names, references] = schema;
  if (!Array.isArray(names) || !Array.isArray(references)) return [];
  return names.map((name, index) => member(String(name), references[index]));
}

function elementOf(schema: unknown): Member | undefined {
  return Array.isArray(schema) && schema[0] === 1 ? member("member", schema[4]) : undefined;
}

function isStringMap(schema: unknown): boolean {
  return schema === 128 || (Array.isArray(schema) && schema[0] === 2 && member("value", schema[5]).schema === 0);
}

function placeOf(found: Member, path: readonly string[]): TagPlace | undefined {
  const { name, schema } = found;
  if (name === "Tagging" && schema === 0) return { path, style: "query" };
  if (!/^(tags|tagspecifications)$/i.test(name)) return undefined;
  if (isStringMap(schema)) return { path, style: "map" };
  const keys = new Set(members(elementOf(schema)?.schema).map((part) => part.name));
  if (keys.has("ResourceType") && keys.has("Tags")) return { path, style: "specifications" };
  if (keys.has("TagKey") && keys.has("TagValue")) return { path, style: "TagKey" };
  if (keys.has("Key") && keys.has("Value")) return { path, style: "Key" };
  if (keys.has("key") && keys.has("value")) return { path, style: "key" };
  return undefined;
}

/** Where a create's tags go that do not stand at the top of its input. */
const nestedPlaces: Readonly<Record<string, string>> = {
  "S3.CreateBucket": "CreateBucketConfiguration",
  "EC2.RequestSpotFleet": "SpotFleetRequestConfig",
};

function tagPlace(service: string, operation: string, top: readonly Member[]): TagPlace | undefined {
  const places = top.flatMap((found) => placeOf(found, [found.name]) ?? []);
  // RDS has both: its `TagSpecifications` are for what hangs on the resource.
  const place = places.find(({ style }) => style !== "specifications") ?? places[0];
  if (place !== undefined) return place;
  const outer = nestedPlaces[`${service}.${operation}`];
  const inner = members(top.find(({ name }) => name === outer)?.schema);
  return inner.flatMap((found) => placeOf(found, [outer as string, found.name]) ?? [])[0];
}

/** Names of the members at any depth: those with the sensitive trait, and those that may be recorded. */
function namesIn(input: unknown): { sensitive: string[]; plain: string[] } {
  const sensitive = new Set<string>();
  const harmless = new Set<string>();
  const doubtful = new Set<string>();
  const seen = new Set<unknown>();
  let nodes = 0;

  function walk(schema: unknown, depth: number): void {
    if (depth > deepest || ++nodes > mostNodes || !Array.isArray(schema) || seen.has(schema)) return;
    seen.add(schema);
    const parts = members(schema);
    for (const part of parts) {
      if (part.sensitive) sensitive.add(part.name);
      else if (isPlainName(part.name, String(schema[2]))) harmless.add(part.name);
      else doubtful.add(part.name);
      descend(part, part.name, depth);
    }
    if (schema[0] === 1) descend(member("member", schema[4]), undefined, depth);
    if (schema[0] === 2) descend(member("value", schema[5]), undefined, depth);
  }

  function descend(part: Member, name: string | undefined, depth: number): void {
    const element = Array.isArray(part.schema) && part.schema[0] !== 3 ? contentOf(part.schema) : undefined;
    if (element?.sensitive && name !== undefined) sensitive.add(name); // a list of secrets
    walk(part.schema, depth + 1);
  }

  walk(input, 0);
  // The same name may be harmless in a tag and a secret in an environment variable: then it is not recorded.
  const recorded = [...harmless].filter((name) => !sensitive.has(name) && !doubtful.has(name));
  return { sensitive: [...sensitive].sort(), plain: recorded.sort() };
}

function contentOf(schema: readonly unknown[]): Member | undefined {
  if (schema[0] === 1) return member("member", schema[4]);
  return schema[0] === 2 ? member("value", schema[5]) : undefined;
}

/**
 * Reads what the guard wants to know of one operation from the SDK's runtime schema.
 *
 * @param schema - `__smithy_context.operationSchema`.
 * @returns `undefined` where there is no schema in the form that is known.
 */
export function readSchema(service: string, operation: string, schema: unknown): OperationFacts | undefined {
  try {
    if (!Array.isArray(schema) || schema[0] !== 9) return undefined;
    const input = plain(schema[4]);
    if (input !== "unit" && (!Array.isArray(input) || input[0] !== 3)) return undefined;
    const top = members(input);
    const { sensitive, plain: harmless } = namesIn(input);
    return {
      tags: tagPlace(service, operation, top),
      token: tokenMember(
        service,
        top.filter(({ idempotencyToken }) => idempotencyToken).map(({ name }) => name),
        top.map(({ name }) => name),
      ),
      sensitive,
      plain: harmless,
    };
  } catch {
    return undefined; // another form of schema than ours
  }
}
