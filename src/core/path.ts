const split = new Map<string, readonly string[]>(); // paths come from options: there are few

function segments(path: string): readonly string[] {
  let found = split.get(path);
  if (found === undefined) {
    found = path.split(".");
    split.set(path, found);
  }
  return found;
}

/** Reads `a.b.c` inside plain objects; `$` is the value itself. */
export function readPath(value: unknown, path: string): unknown {
  if (path === "$") return value;
  let current = value;
  for (const key of segments(path)) {
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, key)) return undefined;
    current = (current as Record<string, unknown>)[key];
  }
  return current;
}

function replaced(value: unknown, keys: readonly string[], depth: number, replacement: unknown): unknown {
  if (depth === keys.length) return replacement;
  const base = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  const key = keys[depth] as string;
  return { ...base, [key]: replaced(base[key], keys, depth + 1, replacement) };
}

/** Writes at `a.b.c`, copying every object on the way: the given value is left alone. */
export function withPath(value: unknown, path: string, replacement: unknown): unknown {
  return replaced(value, segments(path), 0, replacement);
}

/** The text tags in a value that may be anything. */
export function tagsIn(value: unknown): Record<string, string> {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

/** Tags in an input; what is no text, or stands in a list of names, takes a tag away: that is told by `""`. */
export function givenTagsIn(value: unknown): Record<string, string> {
  if (typeof value !== "object" || value === null) return {};
  if (Array.isArray(value)) return Object.fromEntries(value.map((name) => [typeof name === "string" ? name : "", ""]));
  return Object.fromEntries(Object.entries(value).map(([name, text]) => [name, typeof text === "string" ? text : ""]));
}

/** The ids in a value that holds one or many. */
export function idsIn(value: unknown): string[] {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.filter((id) => typeof id === "string" || typeof id === "number").map(String);
}
