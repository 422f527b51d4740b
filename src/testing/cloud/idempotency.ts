import type { Clock } from "../../core/clock.ts";
import type { AnyStored } from "./resource-store.ts";

/** What the server remembers of creates that carried a token. */
export interface TokenMemory {
  /**
   * @returns What this token made with this input, be it deleted since; `"mismatch"` if it made
   *   something with another input; `undefined` if it made nothing.
   */
  find(scope: string, token: string, input: object): AnyStored | "mismatch" | undefined;
  keep(scope: string, token: string, input: object, resource: AnyStored): void;
}

/** JSON with sorted keys: the same for equal inputs, whatever order they were written in. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

/** Remembers tokens for `keepMs`. */
export function tokenMemory(keepMs: number, clock: Clock): TokenMemory {
  const known = new Map<string, { readonly input: string; readonly resource: AnyStored; readonly until: number }>();
  return {
    find(scope, token, input) {
      const entry = known.get(`${scope}/${token}`);
      if (entry === undefined || entry.until <= clock.monotonic()) return undefined;
      return entry.input === canonical(input) ? entry.resource : "mismatch";
    },
    keep(scope, token, input, resource) {
      known.set(`${scope}/${token}`, { input: canonical(input), resource, until: clock.monotonic() + keepMs });
    },
  };
}
