import * as z from "zod";
import { GuardError } from "../core/errors.ts";
import { compareSpan, deliveredBy } from "./compare-span.ts";
import type { TrailReport } from "./findings.ts";
import { journalIndex } from "./journal-index.ts";
import { type ComparisonOptions, parseComparison } from "./reconcile-options.ts";

/** Options of {@link reconcileTrail}. */
export interface ReconcileTrailOptions extends ComparisonOptions {
  /** Unix milliseconds. */
  readonly from: number;
  /** Unix milliseconds. @defaultValue the latest moment of which everything must have been delivered */
  readonly to?: number;
  readonly signal?: AbortSignal;
}

const span = { from: z.number(), to: z.number().optional(), signal: z.instanceof(AbortSignal).optional() };

/**
 * Compares a cloud's own trail with the journals: what in it did the controllers do, and who did the
 * rest; and which of their calls does the trail not show? Memory holds the journal's calls of the
 * span; events pass through one by one. What cannot be read, or is not delivered yet, makes the result
 * `unknown`, never in sync.
 *
 * @param options - See {@link ReconcileTrailOptions}.
 * @returns What was found, and what nobody knows; {@link trailExitCode} makes an exit code of it.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 * @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE` when a journal cannot be read.
 * @throws `options.signal.reason` when aborted; what a callback throws.
 * @example
 * import { cloudTrailLookup, reconcileTrail, type CloudTrailClient } from "provider-guard/manual-operations";
 * declare const client: CloudTrailClient; // new CloudTrail({ region: "eu-west-1" })
 * const report = await reconcileTrail({
 *   journal: { directory: ["/var/log/acme-audit"] },
 *   trail: cloudTrailLookup({ client, region: "eu-west-1" }),
 *   principals: ["arn:aws:iam::123456789012:role/acme-controller"],
 *   from: Date.parse("2026-11-23T00:00:00Z"),
 * });
 * for (const finding of report.findings) console.warn(finding.class, finding.operation, finding.principal?.id);
 */
export async function reconcileTrail(options: ReconcileTrailOptions): Promise<TrailReport> {
  const checked = parseComparison(options, span, "reconcileTrail");
  const { from, to = deliveredBy(options, checked), signal } = checked;
  if (to <= from) throw new GuardError("ERR_CONFIG_INVALID", "reconcileTrail.to: expected a time after `from`");
  const index = journalIndex({ ...checked, bounded: true });
  return (await compareSpan({ options, checked, index, span: { from, to }, signal })).report;
}
