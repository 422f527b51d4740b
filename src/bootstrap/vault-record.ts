import * as z from "zod";
import { identifier } from "../core/owner.ts";
import type { BootstrapMachine } from "./contract.ts";

/** What ended a machine's bootstrap: see `BootstrapVault.cleanup`. */
export type CleanUpReason = "node" | "failed" | "deadline" | "deleted";

/** Why a sealing ended. `replaced`: other data was sealed. `abandoned`: it was never finished, and so nobody has it. */
export type EndReason = CleanUpReason | "replaced" | "abandoned";

const word = z.string().regex(identifier);
const ref = z.object({ namespace: word, name: word, uid: word });
const time = z.int().min(0);

const sealingSchema = z.object({
  id: z.string().regex(/^[0-9a-f]{32}$/),
  stage: z.enum(["sealing", "sealed", "cleaning", "cleaned"]),
  mode: z.enum(["pointer", "inline", "plain"]),
  format: z.enum(["cloud-config", "ignition", "script"]),
  /** How many items it has in the store; their names follow from the id. */
  items: z.int().min(0).max(100_000),
  /** Name of that store. */
  store: z.string().optional(),
  sealedAt: time,
  expiresAt: time,
  salt: z.string(),
  check: z.string(),
  tokenIds: z.array(z.string().regex(/^[a-z0-9]{6}$/)).max(8),
  reason: z.enum(["node", "failed", "deadline", "deleted", "replaced", "abandoned"]).optional(),
  leftovers: z.array(z.string()).optional(),
  cleanedAt: time.optional(),
});

const recordSchema = z.object({
  version: z.literal(1),
  machine: z.object({ managementCluster: word, cluster: ref, machine: ref }),
  /** Oldest first. */
  sealings: z.array(sealingSchema),
  /** Its bootstrap is over: nothing is sealed for it any more. */
  over: z.enum(["node", "deleted"]).optional(),
});

/** One sealing, as the state keeps it. Nothing in it is secret. */
export type SealingRecord = Readonly<z.infer<typeof sealingSchema>>;

/** All sealings of one machine that are not forgotten yet. */
export interface MachineRecord {
  readonly machine: BootstrapMachine;
  readonly sealings: readonly SealingRecord[];
  readonly over?: "node" | "deleted" | undefined;
}

/** @returns `undefined` for what is no record, or one of a version that is not known here. */
export function parseRecord(text: string): MachineRecord | undefined {
  try {
    const { version: _, ...record } = recordSchema.parse(JSON.parse(text));
    return record;
  } catch {
    return undefined;
  }
}

export const formatRecord = (record: MachineRecord): string => JSON.stringify({ version: 1, ...record });

/** Whether nothing is left to be done for it. */
export const isClean = ({ sealings }: MachineRecord): boolean => sealings.every(({ stage }) => stage === "cleaned");

/** The record with one sealing changed; `undefined` takes it out. */
export function withSealing(
  record: MachineRecord,
  id: string,
  change: (sealing: SealingRecord) => SealingRecord | undefined,
): MachineRecord {
  const sealings = record.sealings.flatMap((one) => (one.id === id ? (change(one) ?? []) : one));
  return { ...record, sealings };
}
