import type { Tags } from "../../core/tags.ts";
import { CloudError } from "./cloud-error.ts";

const invalid = (reason: string) => new CloudError("Invalid", { reason });

/** Input of a request, which anybody may have sent. */
export type Input = Readonly<Record<string, unknown>>;

/** A required string. */
export function text(input: Input, field: string): string {
  const value = input[field];
  if (typeof value !== "string" || value === "" || value.length > 255) {
    throw invalid(`${field}: expected 1 to 255 characters`);
  }
  return value;
}

/** A string that may be left out. */
export function textOr(input: Input, field: string, fallback: string): string {
  return input[field] === undefined ? fallback : text(input, field);
}

/** A list of strings that may be left out. */
export function texts(input: Input, field: string): readonly string[] {
  const value = input[field] ?? [];
  if (!Array.isArray(value) || value.some((item) => typeof item !== "string")) {
    throw invalid(`${field}: expected a list of strings`);
  }
  return [...value] as string[];
}

/** A whole number within bounds that may be left out. */
export function count(input: Input, field: string, fallback: number, most: number): number {
  const value = input[field] ?? fallback;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1 || value > most) {
    throw invalid(`${field}: expected a whole number from 1 to ${most}`);
  }
  return value;
}

/** Tags, within the simulated cloud's rules: 50 of them, keys of 128 and values of 256 characters. */
export function tags(input: Input): Tags {
  const value = input.tags ?? {};
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid("tags: expected a record");
  const entries = Object.entries(value);
  if (entries.length > 50) throw invalid("tags: at most 50");
  for (const [key, content] of entries) {
    if (key === "" || key.length > 128) throw invalid("tags: keys have 1 to 128 characters");
    if (typeof content !== "string" || content.length > 256) throw invalid("tags: values have up to 256 characters");
  }
  return Object.fromEntries(entries) as Tags;
}
