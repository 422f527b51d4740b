import type { Tags } from "../../src/core/tags.ts";
import type { TagPlace, TagStyle } from "./facts.ts";

type Fields = Readonly<Record<string, unknown>>;

/** A plain object's fields, or none. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}

function itemsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

const valueMember = { Key: "Value", key: "value", TagKey: "TagValue" } as const;

type PairStyle = keyof typeof valueMember;

/** Adds tags to a list of pairs; a key that is there already is left alone. */
export function addPairs(list: unknown, style: PairStyle, tags: Tags, extra: Fields = {}): unknown[] {
  const given = itemsOf(list);
  const taken = new Set(given.map((item) => fieldsOf(item)[style]));
  const valueName = valueMember[style];
  const pairs = [...given];
  for (const key of Object.keys(tags)) {
    if (!taken.has(key)) pairs.push({ [style]: key, [valueName]: tags[key], ...extra });
  }
  return pairs;
}

/** Adds tags to `TagSpecifications`, once for each resource type. */
export function addSpecifications(list: unknown, types: readonly string[], tags: Tags): unknown[] {
  const given = itemsOf(list);
  const typeOf = (item: unknown) => fieldsOf(item).ResourceType as string;
  const merged = given.map((item) =>
    types.includes(typeOf(item)) ? { ...fieldsOf(item), Tags: addPairs(fieldsOf(item).Tags, "Key", tags) } : item,
  );
  const Tags = addPairs([], "Key", tags);
  const present = given.map(typeOf);
  const added = types.filter((type) => !present.includes(type)).map((ResourceType) => ({ ResourceType, Tags }));
  return [...merged, ...added];
}

/** Adds tags to a query string; a key that is there already is left alone. */
export function addQuery(text: unknown, tags: Tags): string {
  const query = new URLSearchParams(typeof text === "string" ? text : "");
  for (const [key, value] of Object.entries(tags)) if (!query.has(key)) query.append(key, value);
  return query.toString().replaceAll("+", "%20"); // the header is percent-encoded, not a form
}

/** Puts tags where a member holds them, in its style; the given value is left alone. */
function addInStyle(value: unknown, style: TagStyle, tags: Tags, types: readonly string[]): unknown {
  switch (style) {
    case "specifications":
      return addSpecifications(value, types, tags);
    case "map":
      return { ...tags, ...fieldsOf(value) };
    case "query":
      return addQuery(value, tags);
    default:
      return addPairs(value, style, tags);
  }
}

/** Reads the tags that a member holds; which of two with the same key counts, the cloud alone knows. */
export function tagsIn(value: unknown, style: TagStyle): Tags {
  const tags: Record<string, string> = {};
  const put = (key: unknown, value: unknown) => {
    if (typeof key !== "string") return;
    const text = typeof value === "string" ? value : "";
    tags[key] = Object.hasOwn(tags, key) && tags[key] !== text ? "" : text;
  };
  if (style === "map") {
    for (const [key, text] of Object.entries(fieldsOf(value))) put(key, text);
  } else if (style === "query") {
    for (const [key, text] of new URLSearchParams(typeof value === "string" ? value : "")) put(key, text);
  } else if (style === "specifications") {
    for (const item of itemsOf(value)) {
      for (const tag of itemsOf(fieldsOf(item).Tags)) put(fieldsOf(tag).Key, fieldsOf(tag).Value);
    }
  } else {
    for (const item of itemsOf(value)) put(fieldsOf(item)[style], fieldsOf(item)[valueMember[style]]);
  }
  return tags;
}

/** Reads what stands at a path. */
export function at(input: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, name) => fieldsOf(value)[name], input);
}

/** Changes what stands at a path, in a copy: only what is on the way there is copied. */
export function changed(input: unknown, path: readonly string[], change: (value: unknown) => unknown): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return change(input);
  return { ...fieldsOf(input), [name]: changed(fieldsOf(input)[name], rest, change) };
}

/** Puts tags into an input. */
export function addTags(input: unknown, place: TagPlace, tags: Tags, types: readonly string[]): unknown {
  return changed(input, place.path, (value) => addInStyle(value, place.style, tags, types));
}
