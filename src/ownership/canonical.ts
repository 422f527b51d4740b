import { hash } from "node:crypto";
import type { Call } from "../core/call.ts";
import type { Owner } from "../core/owner.ts";
import type { Target } from "../core/target.ts";

const deepest = 64;

/** Most keys come in order, and sorting them takes longer and leaves more behind than all the rest. */
function sorted(keys: string[]): string[] {
  return keys.every((key, index) => index === 0 || (keys[index - 1] as string) <= key) ? keys : keys.sort();
}

function text(value: unknown, depth: number): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "number":
    case "boolean":
      return String(value);
    case "bigint":
      return `${value}n`;
    case "undefined":
    case "function":
    case "symbol":
      return "?";
  }
  if (value === null) return "null";
  if (depth > deepest) return "[deep]"; // also where a circle ends
  if (Array.isArray(value)) return `[${value.map((item) => text(item, depth + 1)).join(",")}]`;
  if (value instanceof Date) return `date:${value.getTime()}`;
  if (ArrayBuffer.isView(value)) {
    return `bytes:${hash("sha256", new Uint8Array(value.buffer, value.byteOffset, value.byteLength), "base64url")}`;
  }
  const entries = value as Record<string, unknown>;
  let fields = "";
  for (const key of sorted(Object.keys(entries))) {
    const item = entries[key];
    if (item !== undefined) fields += `${fields && ","}${JSON.stringify(key)}:${text(item, depth + 1)}`;
  }
  return `{${fields}}`;
}

/**
 * Writes any input as text that is the same for equal inputs, whatever the order of their keys.
 * A stream has no such text: only its outside counts.
 */
export function canonical(value: unknown): string {
  return text(value, 0);
}

const digests = new WeakMap<Owner | Target, string>(); // the same objects for many calls

function digestOf(value: Owner | Target): string {
  let found = digests.get(value);
  if (found === undefined) {
    found = hash("sha256", canonical(value), "base64url");
    digests.set(value, found);
  }
  return found;
}

/** What a create asks for and on whose behalf: equal for the call that resumes it after a crash. */
export function fingerprintText({ owner, target, operation, input }: Call): string {
  return `${digestOf(owner)} ${digestOf(target)} ${operation} ${canonical(input)}`;
}
