import type { Attachment } from "./adapter.ts";

/** One wrapped client, found by the original and by its stand-in. */
export interface Wrapped {
  /** The guard that wrapped it. */
  readonly guard: object;
  readonly original: object;
  readonly attachment: Attachment<object>;
}

const key = Symbol.for("provider-guard.wrapped");
const shared = globalThis as { [key]?: WeakMap<object, Wrapped> };

/** Every wrapped client of this process, also of another copy of this library: two guards never hook one client. */
export const wrappedClients: WeakMap<object, Wrapped> = shared[key] ?? new WeakMap();
shared[key] = wrappedClients;
