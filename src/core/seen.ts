import type { SeenResource } from "./adapter.ts";
import type { Call } from "./call.ts";

const none: readonly SeenResource[] = [];

/** Resources in a call's answer, read once for all phases that ask. Throws what the adapter throws. */
export function seenIn(call: Call, answer: unknown): readonly SeenResource[] {
  const { tags } = call.binding.adapter;
  if (tags?.seen === undefined) return none;
  let { seen } = call;
  if (seen === undefined || seen.answer !== answer) {
    seen = { answer, resources: [...tags.seen(call, answer)] };
    call.seen = seen;
  }
  return seen.resources;
}
