import * as z from "zod";
import type { StateStore } from "../core/state-store.ts";
import { parseJson } from "./fields.ts";
import type { JournalPlaces } from "./journal-index.ts";

/** How far a trail has been judged, and where the journals must be read from to go on. */
export interface Progress {
  /** Unix milliseconds. */
  readonly judgedTo: number;
  readonly places?: JournalPlaces | undefined;
}

const count = z.int().min(0);
const place = z.object({
  segment: z.int().positive(),
  offset: count,
  seq: count,
  hash: z.string().regex(/^[\w-]{43}$/),
  lineBytes: count,
});
const schema = z.object({ judgedTo: z.number().positive(), places: z.record(z.string(), place) });

/**
 * Reads what was kept.
 * @returns `undefined` where nothing was, or nothing that can be read.
 * @throws {@link GuardError} `ERR_STATE_UNAVAILABLE`.
 */
export async function keptProgress(state: StateStore, key: string, signal: AbortSignal): Promise<Progress | undefined> {
  const text = (await state.get(key, { signal }))?.value;
  return text === undefined ? undefined : schema.safeParse(parseJson(text)).data;
}

/** @throws {@link GuardError} `ERR_STATE_UNAVAILABLE`. */
export async function keepProgress(
  state: StateStore,
  key: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  await state.put(key, JSON.stringify(progress), { signal });
}
