/** Reads one header by its name in lower case; `undefined` where it is missing. */
export type HeaderReader = (name: string) => string | undefined;

/** Longer values are no readings of ours. */
const longest = 1024;

function reading(value: unknown): string | undefined {
  const text = Array.isArray(value) ? value.join(",") : value;
  return typeof text === "string" && text.length <= longest ? text : undefined;
}

/** Reads headers however a client keeps them: `Headers` and what is shaped like it, a Map, or a plain object. */
export function headerReader(headers: unknown): HeaderReader {
  if (typeof headers !== "object" || headers === null) return () => undefined;
  const { forEach, get } = headers as Partial<Headers>;
  const byName = new Map<string, unknown>();
  const put = (value: unknown, name: string) => void byName.set(String(name).toLowerCase(), value);
  if (typeof forEach === "function")
    forEach.call(headers as Headers, put); // once: a `get` for each costs ten times as much
  else if (typeof get === "function") return (name) => reading(get.call(headers as Headers, name));
  else for (const [name, value] of Object.entries(headers)) put(value, name);
  return (name) => reading(byName.get(name));
}
