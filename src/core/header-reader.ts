/** Reads one header by its name in lower case; `undefined` where it is missing. */
export type HeaderReader = (name: string) => string | undefined;

/** Longer values are no readings of ours. */
const longest = 1024;

const reading = (value: unknown) => {
  const text = Array.isArray(value) ? value.join(",") : value;
  return typeof text === "string" && text.length <= longest ? text : undefined;
};

/** Reads headers however a client keeps them: `Headers` and what is shaped like it, a Map, or a plain object. */
export function headerReader(headers: unknown): HeaderReader {
  if (typeof headers !== "object" || headers === null) return () => undefined;
  const { get } = headers as Partial<Headers>;
  if (typeof get === "function") return (name) => reading(get.call(headers as Headers, name));
  const byName = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value as unknown]));
  return (name) => reading(byName.get(name));
}
