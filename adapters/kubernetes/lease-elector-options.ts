import * as z from "zod";
import type { Clock, Random } from "../../src/core/clock.ts";
import { parseOptions } from "../../src/core/config.ts";
import { GuardError } from "../../src/core/errors.ts";
import type { LeaseApi } from "./lease-elector-record.ts";

/** What an elector tells. */
export type ElectionEvent =
  /** This process leads from now on. */
  | { readonly type: "elected"; readonly token: number }
  /** It does not any more. */
  | { readonly type: "lost"; readonly token: number; readonly reason: string }
  /** Somebody else was seen to lead; `undefined`: nobody does. */
  | { readonly type: "leader"; readonly identity: string | undefined }
  /** The API server could not be asked, or refused; it is tried again. */
  | { readonly type: "error"; readonly error: unknown };

/** Options of {@link leaseElector}. */
export interface LeaseElectorOptions {
  /** client-node's `CoordinationV1Api`; not through a guard that is fenced by this very elector, which would refuse it. */
  readonly leases: LeaseApi;
  readonly namespace: string;
  /** Name of the Lease, the same for all replicas. */
  readonly name: string;
  /** Who this is, e.g. the pod's name. A random suffix keeps apart two that say the same. */
  readonly identity: string;
  /** Milliseconds after its last renewal for which others leave a lease alone; whole seconds. @defaultValue 15000 */
  readonly leaseDurationMs?: number;
  /** Milliseconds after sending its last successful renewal for which the leader believes in it. @defaultValue 10000 */
  readonly renewDeadlineMs?: number;
  /** Milliseconds between two tries. @defaultValue 2000 */
  readonly retryPeriodMs?: number;
  /** Hears what happens. What it throws is ignored. */
  readonly onEvent?: (event: ElectionEvent) => void;
  /** @defaultValue the machine's clock */
  readonly clock?: Clock;
  /** @defaultValue cryptographically strong randomness */
  readonly random?: Random;
}

const name = z.string().regex(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/, "expected a name of Kubernetes");

const schema = z.strictObject({
  leases: z.custom<LeaseApi>(
    (value) => typeof Object(value).replaceNamespacedLease === "function",
    "expected client-node's CoordinationV1Api",
  ),
  namespace: name,
  name,
  identity: z.string().min(1).max(200),
  leaseDurationMs: z.number().min(1_000).max(3_600_000).multipleOf(1_000).default(15_000),
  renewDeadlineMs: z.number().positive().default(10_000),
  retryPeriodMs: z.number().positive().default(2_000),
  onEvent: z.custom<(event: ElectionEvent) => void>((value) => typeof value === "function").optional(),
  clock: z.custom<Clock>().optional(),
  random: z.custom<Random>().optional(),
});

/**
 * Checks an elector's options.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 */
export function electorOptions(options: LeaseElectorOptions) {
  const settings = parseOptions(schema, options, "leaseElector");
  const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = settings;
  const fail = (what: string): never => {
    throw new GuardError("ERR_CONFIG_INVALID", `leaseElector.${what}`);
  };
  if (renewDeadlineMs >= leaseDurationMs) fail("renewDeadlineMs: must be less than leaseDurationMs");
  if (2 * retryPeriodMs > renewDeadlineMs) fail("retryPeriodMs: must be at most half of renewDeadlineMs");
  return settings;
}
