import * as z from "zod";
import { parseOptions } from "./config.ts";
import { checkSubject, type Subject, type SubjectObjects } from "./owner.ts";
import { saying } from "./shared-ledger.ts";

/** Who does something by hand, and why; every record of what they do carries it. */
export interface ManualOperation {
  /** The person, as your directory knows them. At most 256 characters. */
  readonly operator: string;
  /** For the people who will read the audit log. At most 2,000 characters. */
  readonly reason: string;
  /** Where it was agreed on, e.g. the number of a change request. At most 256 characters. */
  readonly ticket?: string;
}

/** A manual operation with the cluster (and machine) it is about. */
export interface ManualOptions extends ManualOperation, Partial<SubjectObjects> {}

/** Names are one line wherever they are shown. */
const name = saying.by.regex(/^\P{Cc}*$/u, "expected no control characters");

const operationSchema = z.strictObject({
  operator: name,
  reason: saying.reason,
  ticket: name.optional(),
  cluster: z.unknown().optional(),
  machine: z.unknown().optional(),
});

/**
 * Checks who does what for whom.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` or `ERR_OWNER_INVALID`, naming the path.
 */
export function checkManual(value: unknown): { readonly manual: ManualOperation; readonly subject?: Subject } {
  const { operator, reason, ticket, cluster, machine } = parseOptions(operationSchema, value, "manual");
  const manual = Object.freeze({ operator, reason, ...(ticket === undefined ? {} : { ticket }) });
  if (cluster === undefined && machine === undefined) return { manual };
  return { manual, subject: checkSubject({ cluster, machine }, "manual") };
}
