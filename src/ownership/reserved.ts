import type { Call } from "../core/call.ts";

/** The first reserved key among the tags that an input brings or takes away. */
export function reservedKey(call: Call): string | undefined {
  const { tags } = call.binding.adapter;
  const given = tags?.given?.(call);
  if (tags === undefined || given === undefined) return undefined;
  return Object.keys(given).find((key) => key.startsWith(tags.codec.prefix));
}
