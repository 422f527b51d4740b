import type { CallKind } from "../../src/core/target.ts";

const verbs: readonly (readonly [CallKind, RegExp])[] = [
  ["read", /^(get|list|describe|find|head|search|query|read|count|exists|fetch|lookup|watch)(?![a-z])/],
  ["delete", /^(delete|remove|terminate|destroy|release|purge)(?![a-z])/],
  ["create", /^(create|add|allocate|provision|run|launch|import|insert|register)(?![a-z])/],
];

/** Guesses from a method's name what it does; whatever is not clearly a read counts as mutating. */
export function guessKind(method: string): CallKind {
  return verbs.find(([, pattern]) => pattern.test(method))?.[0] ?? "update";
}
