import * as z from "zod";
import { parseOptions } from "../core/config.ts";
import type { StateStore } from "../core/state-store.ts";
import type { OwnerTags } from "../core/tags.ts";

/** Where the collector's clocks live. */
export interface GarbageMarks {
  /** A store that survives a restart, e.g. `fileState` or `redisState`. */
  readonly state: StateStore;
  /** Tag that shows each mark in the cloud, too. */
  readonly tagKey?: string;
}

/** How far the clock of one resource has come. */
export interface Count {
  /** Complete passes that saw it without an owner, one after the other. */
  readonly passes: number;
  /** Milliseconds that passed between such passes; the wall clock alone is not believed. */
  readonly elapsedMs: number;
}

/** What is remembered of a resource without an owner. */
export interface Mark extends Count {
  /** Unix milliseconds of the first observation, for people. */
  readonly since: number;
  /** The pass that saw it last; what it says counts once that pass is complete. */
  readonly pass: number;
  /** As it was before that pass. */
  readonly before: Count;
  /** Seen since, but not judged: the time until the next observation does not count. */
  readonly hazy?: true;
  readonly owner: OwnerTags;
  readonly name?: string;
  /** Whether the mark's tag was written. */
  readonly tagged?: true;
  /** Unix milliseconds at which the notice was given. */
  readonly noticedAt?: number;
  /** Sweeps that could not delete it because something depends on it. */
  readonly stuck?: number;
}

const stateSchema = z.looseObject({ get: z.function(), put: z.function(), scan: z.function() });

/**
 * Keeps the collector's marks in a state store: the embedded file for one replica, Redis for several.
 *
 * @param options - `state`: the store. One that lives in memory alone loses every grace with the process.
 * @returns The marks.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 * @example
 * import { fileState } from "provider-guard/file";
 * import { stateMarks } from "provider-guard/garbage";
 * const marks = stateMarks({ state: await fileState({ directory: "/var/lib/acme/garbage" }) });
 */
export function stateMarks(options: { readonly state: StateStore }): GarbageMarks {
  const schema = z.strictObject({ state: stateSchema });
  parseOptions(schema, options, "stateMarks");
  return { state: options.state };
}

/**
 * Shows each mark as a tag in the cloud, too: people read there since when a resource has no owner, and
 * clear the mark by taking the tag away, after which its grace begins anew. Grace and passes are counted in the store.
 *
 * @param options - `state`: the store. `key`: the tag, `provider-guard-unlinked-since` unless said; any value but a time protects.
 * @returns The marks.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 * @example
 * import { redisState } from "provider-guard/redis";
 * import { tagMarks } from "provider-guard/garbage";
 * import { Redis } from "ioredis";
 * const marks = tagMarks({ state: redisState({ client: new Redis() }) });
 */
export function tagMarks(options: { readonly state: StateStore; readonly key?: string }): GarbageMarks {
  const schema = z.strictObject({
    state: stateSchema,
    key: z.string().min(1).max(128).default("provider-guard-unlinked-since"),
  });
  const { key } = parseOptions(schema, options, "tagMarks");
  return { state: options.state, tagKey: key };
}

const none: Count = { passes: 0, elapsedMs: 0 };

/** The count that complete passes have confirmed. @param complete - The last complete pass. */
export const confirmed = (mark: Mark, complete: number): Count =>
  mark.pass === complete ? mark : mark.pass > complete ? mark.before : none;

/** What one pass adds to the clocks. */
export interface Credit {
  readonly pass: number;
  /** The last complete pass before. */
  readonly complete: number;
  /** Milliseconds between the two. */
  readonly creditMs: number;
}

/** The mark after an observation without an owner. @param now - Unix milliseconds. */
export function counted(
  old: Mark | undefined,
  { pass, complete, creditMs }: Credit,
  now: number,
  seen: Pick<Mark, "owner" | "name">,
): Mark {
  const before = old === undefined ? none : confirmed(old, complete);
  const elapsedMs = before.passes === 0 || old?.hazy ? before.elapsedMs : before.elapsedMs + creditMs;
  const { hazy: _, ...kept } = old ?? { since: now };
  return { ...kept, ...seen, pass, before, passes: before.passes + 1, elapsedMs };
}

/** The mark after an observation that could not be judged: kept as it was. */
export function stalled(old: Mark, { pass, complete }: Credit): Mark {
  const before = confirmed(old, complete);
  return { ...old, pass, before, passes: before.passes, elapsedMs: before.elapsedMs, hazy: true };
}
