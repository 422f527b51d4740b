import { randomBytes } from "node:crypto";
import * as z from "zod";
import { type Clock, systemClock } from "../../src/core/clock.ts";
import { parseOptions } from "../../src/core/config.ts";
import type { StateStore } from "../../src/core/state-store.ts";
import { fileLender } from "./lender.ts";
import { openStore } from "./store.ts";

/** Options of {@link fileState}. */
export interface FileStateOptions {
  /** Where the state is kept, on a local disk. Made with mode 0700 if it does not exist. */
  readonly directory: string;
  /** How long an operation may take, in milliseconds. @defaultValue 5000 */
  readonly timeoutMs?: number;
  /**
   * Milliseconds for which lent tokens of shared rate limits may be spent; the same for all processes.
   * So long the tokens of a process that died are missing. @defaultValue 2000
   */
  readonly leaseMs?: number;
  /** Its `now` decides what has ended, for every process on the folder. @defaultValue the machine's clock */
  readonly clock?: Clock;
}

const schema = z.strictObject({
  directory: z
    .string()
    .min(1)
    .refine((path) => !path.includes("\0"), "must not hold a zero byte"),
  timeoutMs: z
    .number()
    .positive()
    .max(2 ** 31 - 1)
    .default(5_000),
  leaseMs: z.number().min(100).max(600_000).default(2_000),
  clock: z.looseObject({ now: z.function(), monotonic: z.function(), setTimeout: z.function() }).optional(),
});

/**
 * Keeps state in a folder, for every process on this machine that names it: what was written is on
 * the disk, survives crash and restart, and counters are exact however many processes count at once.
 * An operation that the disk or another process holds up is given up after `timeoutMs`; while the
 * disk is full, writes are refused, reads go on, and nothing that was written is lost.
 *
 * @param options - See {@link FileStateOptions}.
 * @returns A store that is open. Two on one folder, in one process, share it.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for a wrong option, a folder that everybody may
 *   write to, or without the package `lmdb`; per operation for a key of more than 1900 bytes.
 * @throws {@link GuardError} `ERR_STATE_UNAVAILABLE` (at once and per operation), naming the folder:
 *   not writable, full, damaged, removed while in use, or closed.
 * @example
 * import { fileState } from "provider-guard/file";
 * const state = fileState({ directory: "/var/lib/acme/state" });
 * await state.increment("machines/cluster-a", 1, { max: 10 });
 * await state.close();
 * @see The lmdb package, https://github.com/kriszyp/lmdb-js
 */
export function fileState(options: FileStateOptions): StateStore {
  const { directory, timeoutMs, leaseMs } = parseOptions(schema, options, "state");
  const clock = options.clock ?? systemClock;
  const store = openStore({ directory, timeoutMs, clock });
  const replica = randomBytes(12).toString("base64url");
  return { ...store.state, lender: fileLender({ store, directory, replica, leaseMs, timeoutMs, clock }) };
}
