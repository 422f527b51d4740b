import type { Clock } from "../core/clock.ts";
import { GuardError } from "../core/errors.ts";
import type { StateStore } from "../core/state-store.ts";

/** The right of one process to change marks and to delete. */
export interface RunLease {
  /**
   * Says that this process surely holds it; renews it where it is due.
   * @throws {@link GuardError} `ERR_COLLECTOR_LOST`.
   */
  check(signal?: AbortSignal): Promise<void>;
  release(): Promise<void>;
}

/**
 * Takes the right to run a collector, by an entry of the state store that expires.
 *
 * @param holder - This process.
 * @param ttlMs - Milliseconds after which the entry of a dead process is gone.
 * @throws {@link GuardError} `ERR_COLLECTOR_BUSY` (retryable): somebody else holds it.
 */
export async function runLease(
  { state, clock, key, holder }: { state: StateStore; clock: Clock; key: string; holder: string },
  ttlMs: number,
  signal: AbortSignal,
): Promise<RunLease> {
  const sure = ttlMs / 2; // the rest is for a store whose clock runs faster, and for what is on its way
  let heldFrom = clock.monotonic();
  if (!(await state.compareAndSet(key, undefined, holder, { ttlMs, signal }))) {
    const message = "garbage: another run of this collector is under way, or died just now";
    throw new GuardError("ERR_COLLECTOR_BUSY", message, { retryable: true, requeueAfterMs: ttlMs });
  }
  const mine = async () => {
    const entry = await state.get(key);
    return entry?.value === holder ? entry.version : undefined;
  };
  const lost = () =>
    new GuardError("ERR_COLLECTOR_LOST", "garbage: another run has taken over; nothing further was changed", {
      retryable: true,
      requeueAfterMs: ttlMs,
    });
  let renewing: Promise<void> | undefined;

  async function renew(signal?: AbortSignal): Promise<void> {
    const from = clock.monotonic();
    const version = await mine();
    const options = { ttlMs, ...(signal && { signal }) };
    if (version === undefined || !(await state.compareAndSet(key, version, holder, options))) throw lost();
    heldFrom = from;
  }

  return {
    async check(signal) {
      if (clock.monotonic() - heldFrom >= sure / 2) {
        renewing ??= renew(signal).finally(() => {
          renewing = undefined;
        });
        await renewing;
      }
      if (clock.monotonic() - heldFrom >= sure) throw lost(); // the renewal itself took too long
    },
    async release() {
      if ((await mine()) !== undefined) await state.delete(key);
    },
  };
}
