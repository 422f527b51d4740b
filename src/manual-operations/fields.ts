type Fields = Readonly<Record<string, unknown>>;

/** Longest text taken over from a trail: whoever makes a request chooses some of them. */
const maxText = 512;

/** The fields of something that should be an object; none if it is not. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

/** A text that is there and not empty, cut to a length that memory and reports can bear. */
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value.slice(0, maxText) : undefined;
}

/** The first texts of a list, empty ones left out. */
export function textsOf(values: readonly unknown[], max = 32): readonly string[] {
  const texts = new Set<string>();
  for (const value of values) {
    const text = textOf(value);
    if (text !== undefined) texts.add(text);
    if (texts.size === max) break;
  }
  return [...texts];
}

// A record of another century is none: its time would speak for everything in between.
const [earliest, latest] = [Date.UTC(2000, 0), Date.UTC(2100, 0)];

/** Unix milliseconds of a date, an ISO 8601 text, or seconds as CloudTrail's JSON has them. */
export function timeOf(value: unknown): number | undefined {
  const time =
    value instanceof Date
      ? value.getTime()
      : typeof value === "string"
        ? Date.parse(value)
        : typeof value === "number"
          ? value * 1000
          : Number.NaN;
  return time >= earliest && time < latest ? time : undefined;
}

/** The value of a JSON text, or `undefined`. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
