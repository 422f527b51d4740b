import * as z from "zod";

/** Options of {@link circuitBreaker}. */
export interface CircuitBreakerOptions {
  /**
   * The circuit opens when more than this share of the window's attempts failed, in percent:
   * 0 (one failure is enough) to below 100. Only outages and lost connections are failures.
   * @defaultValue 50
   */
  readonly failureThresholdPercent?: number;
  /** Successes and failures that the window must hold before the circuit can open. @defaultValue 10 */
  readonly minimumAttempts?: number;
  /** Length of the window in milliseconds, moved on in tenths; at least 1,000. @defaultValue 30_000 */
  readonly windowMs?: number;
  /** Milliseconds that a circuit stays open the first time; shortened by up to a fifth at random. @defaultValue 5_000 */
  readonly openMs?: number;
  /** Longest pause in milliseconds: the pause doubles with each failed trial until here. @defaultValue 300_000 */
  readonly maxOpenMs?: number;
  /** Trials that may be under way at once; the first to succeed closes, the first to fail opens. @defaultValue 1 */
  readonly trials?: number;
  /**
   * Milliseconds after which a trial no longer holds others up. Its request goes on and its
   * caller gets the real answer: a create is never reported as timed out while it may succeed.
   * @defaultValue 60_000
   */
  readonly trialTimeoutMs?: number;
  /** Accounts × regions × services that are remembered; the least recently used is forgotten. @defaultValue 10_000 */
  readonly maxKeys?: number;
  /**
   * Whether replicas on the same state store tell each other: circuits opened or closed by hand are so
   * in all of them, and one that opens by itself is a hint to the others. It makes no difference where
   * the store is this process's own.
   * @defaultValue true
   */
  readonly share?: boolean;
}

/** Options after validation, every default filled in. */
export type BreakerSettings = Required<CircuitBreakerOptions>;

const milliseconds = z.number().min(1);

/** What `circuitBreaker` accepts. */
export const breakerSchema = z
  .strictObject({
    // Opossum compares with "greater than": at 100 nothing would ever open.
    failureThresholdPercent: z.number().min(0).lt(100).default(50),
    minimumAttempts: z.int().min(1).default(10),
    windowMs: z.number().min(1_000).default(30_000),
    openMs: milliseconds.default(5_000),
    maxOpenMs: milliseconds.default(300_000),
    trials: z.int().min(1).default(1),
    trialTimeoutMs: milliseconds.default(60_000),
    maxKeys: z.int().min(1).max(1_000_000).default(10_000),
    share: z.boolean().default(true),
  })
  .refine((options) => options.maxOpenMs >= options.openMs, {
    path: ["maxOpenMs"],
    message: "must not be below openMs",
  });
