import { hash } from "node:crypto";
import type { Call, Target } from "../core/call.ts";
import type { Owner } from "../core/owner.ts";

const deepest = 64;

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
  const parts: string[] = [];
  for (const key of Object.keys(entries).sort()) {
    const item = entries[key];
    if (item !== undefined) parts.push(`${JSON.stringify(key)}:${text(item, depth + 1)}`);
  }
  return `{${parts.join(",")}}`;
}

/**
 * Writes any input as text that is the same for equal inputs, whatever the order of their keys.
 * A stream has no such text: only its outside counts.
 */
export function canonical(value: unknown): string {
  return text(value, 0);
}

const owners = new WeakMap<Owner, string>(); // one object for all calls of a reconcile
const targets = new WeakMap<Target, string>(); // one object for all calls of an operation

function remembered<T extends object>(known: WeakMap<T, string>, value: T): string {
  let found = known.get(value);
  if (found === undefined) {
    found = canonical(value);
    known.set(value, found);
  }
  return found;
}

/** What a create asks for and on whose behalf: equal for the call that resumes it after a crash. */
export function fingerprintText({ owner, target, operation, input }: Call): string {
  return `[${remembered(owners, owner)},${remembered(targets, target)},${operation},${canonical(input)}]`;
}
