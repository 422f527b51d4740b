/** Reading records whose fields may hold anything, because somebody may have changed the file. */
export type Fields = Readonly<Record<string, unknown>>;

export const textIn = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

export const numberIn = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isFinite(value) ? value : undefined;

export const fieldsIn = (value: unknown): Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};

export const listIn = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value.map(fieldsIn) : []);

export const textsIn = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];

/** Latest time that a `Date` can hold, in Unix milliseconds. */
const latest = 8.64e15;

export function timeIn(value: unknown): number | undefined {
  const at = numberIn(value);
  return at === undefined || Math.abs(at) > latest ? undefined : at;
}

/** A point in time as people and machines read it. */
export const isoTime = (at: number | undefined): string => (at === undefined ? "-" : new Date(at).toISOString());

/** A count with commas between thousands; `toLocaleString` takes 30 ms to start. */
const grouped = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ",");

/** A number with what it counts. */
export const counted = (count: number, one: string): string => `${grouped(count)} ${count === 1 ? one : `${one}s`}`;
