import * as z from "zod";
import type { Clock, Random } from "../core/clock.ts";
import { systemRandom } from "../core/id.ts";

/** How a watch goes about its work. */
export interface WatchTuning {
  /** Objects per page of a list. @defaultValue 500 */
  readonly pageSize?: number;
  /** How often a list begins again at once when its pages are gone (410), before it backs off. @defaultValue 3 */
  readonly maxRestarts?: number;
  /** After how many milliseconds without event or bookmark a watch counts as broken. @defaultValue 300000 */
  readonly idleMs?: number;
  /** Pause after a first failure, in milliseconds. @defaultValue 1000 */
  readonly minBackoffMs?: number;
  /** Longest pause, unless the server asks for a longer one, in milliseconds. @defaultValue 30000 */
  readonly maxBackoffMs?: number;
  /** Sees what goes wrong; the watch goes on. @defaultValue nobody does */
  readonly onError?: (error: unknown) => void;
  /** Ends the watch, as `close` does. */
  readonly signal?: AbortSignal;
  /** @defaultValue the machine's clock */
  readonly clock?: Clock;
  /** @defaultValue the system's randomness */
  readonly random?: Random;
}

/** A caller's function. */
export const fn = z.custom<(...parameters: never) => unknown>(
  (value) => typeof value === "function",
  "expected a function",
);

/** What lists and watches. */
export const watchable = z.looseObject({ list: fn, watch: fn });

/** What keeps several of a kind apart on one store: part of a key. */
export const watchName = z
  .string()
  .regex(/^[\w.-]{1,64}$/, "expected up to 64 letters, digits, . _ -")
  .default("default");

/** {@link WatchTuning}, checked. */
export const tuningSchema = {
  pageSize: z.number().int().min(1).max(10_000).default(500),
  maxRestarts: z.number().int().min(0).max(100).default(3),
  idleMs: z.number().min(1000).default(300_000),
  minBackoffMs: z.number().min(1).default(1000),
  maxBackoffMs: z.number().min(1).default(30_000),
  onError: fn.optional(),
  signal: z.instanceof(AbortSignal).optional(),
  clock: z.looseObject({}).optional(),
  random: z.custom<Random>((value) => typeof value === "function", "expected a function").default(() => systemRandom),
};
