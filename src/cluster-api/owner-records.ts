import * as z from "zod";
import { GuardError } from "../core/errors.ts";
import type { StateStore, Versioned } from "../core/state-store.ts";
import { tallySchema } from "./shrink-guard.ts";

const recordSchema = z.object({
  managementCluster: z.string(),
  /** What was there when the window began. */
  baseline: tallySchema.optional(),
  last: tallySchema.optional(),
  /** What was refused since. */
  refused: tallySchema.optional(),
});

/** What is kept of the lists that were read. */
export type OwnerRecord = z.infer<typeof recordSchema>;

/** A complete list, or what it would be compared with, is not to be believed. */
export const suspect = (message: string): GuardError =>
  new GuardError("ERR_OWNERS_SUSPECT", message, { requeueAfterMs: 300_000 });

/** Where the record is kept, shared by whoever reads the owners of a management cluster. */
export interface OwnerRecords {
  /** Changes the record, again where somebody else changed it meanwhile. */
  update<R>(signal: AbortSignal | undefined, change: (record: OwnerRecord) => [OwnerRecord, R]): Promise<R>;
}

export interface OwnerRecordsOptions {
  readonly state: Pick<StateStore, "get" | "compareAndSet">;
  readonly key: string;
  readonly managementCluster: string;
}

/**
 * Keeps the record of one management cluster's owners.
 * @throws {@link GuardError} (per update) `ERR_OWNERS_SUSPECT`: what is there is another's, or rubbish.
 */
export function ownerRecords({ state, key, managementCluster }: OwnerRecordsOptions): OwnerRecords {
  function parse(entry: Versioned | undefined): OwnerRecord {
    if (entry === undefined) return { managementCluster };
    let value: unknown;
    try {
      value = JSON.parse(entry.value);
    } catch {
      // refused with the next line
    }
    const parsed = recordSchema.safeParse(value);
    if (!parsed.success) throw suspect(`state: ${key} holds something else: delete it to begin anew`);
    if (parsed.data.managementCluster === managementCluster) return parsed.data;
    throw suspect(`state: ${key} is of the management cluster ${parsed.data.managementCluster}: use another name`);
  }

  return {
    async update(signal, change) {
      const options = signal === undefined ? {} : { signal };
      for (;;) {
        const entry = await state.get(key, options);
        const [record, result] = change(parse(entry));
        if (await state.compareAndSet(key, entry?.version, JSON.stringify(record), options)) return result;
      }
    },
  };
}
