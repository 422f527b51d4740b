import type { KubernetesObject } from "../core/kubernetes-object.ts";
import type { ObjectRef } from "../core/owner.ts";
import type { CleanUpResult } from "./clean-up.ts";
import type { Abortable, BootstrapFormat, BootstrapMode } from "./contract.ts";
import type { BootstrapImage } from "./image.ts";
import type { SweepResult } from "./sweep.ts";
import type { CleanUpReason } from "./vault-record.ts";
import type { BootstrapStatus } from "./vault-status.ts";

/** What {@link BootstrapVault.seal} seals. */
export interface SealOptions extends Abortable {
  readonly cluster: ObjectRef | KubernetesObject;
  readonly machine: ObjectRef | KubernetesObject;
  /** The bootstrap data as the bootstrap provider made it: `value` of its Secret. 1 byte to 1 MiB. */
  readonly data: Uint8Array | string;
  /** `format` of that Secret, where it is `cloud-config` or `ignition`. */
  readonly format: BootstrapFormat;
  /** What is known of the image. @defaultValue it is taken to have all that the format's opener needs */
  readonly image?: BootstrapImage;
  /** How long the machine may take to open it, in milliseconds. @defaultValue the vault's `ttlMs` */
  readonly ttlMs?: number;
  /** Refuses every other mode. @defaultValue the first one that is possible: pointer, inline, plain */
  readonly mode?: BootstrapMode;
}

/** What {@link BootstrapVault.seal} made. */
export interface SealedBootstrap {
  /** What the machine gets as user data; raw, to be encoded as the cloud wants it. */
  readonly userData: Uint8Array;
  /** Names this sealing for `cleanup`. No secret, but keep it from those who need not know. */
  readonly handle: string;
  readonly mode: BootstrapMode;
  /** When it cannot be opened any more, in Unix milliseconds. */
  readonly expiresAt: number;
}

/** Options of {@link BootstrapVault.cleanup}. */
export interface CleanupOptions extends Abortable {
  /** `node` and `deleted` end the machine's bootstrap for good: nothing is sealed for it any more. */
  readonly reason: CleanUpReason;
}

/** Keeps bootstrap data out of user data, and sees to it that nothing of it stays. */
export interface BootstrapVault extends AsyncDisposable {
  /**
   * Seals a machine's bootstrap data. For the same machine, data and format it gives the same user data and handle
   * again, in any replica on the same state, while they last: a create call may be repeated with them. Other data
   * replaces what was sealed before, and that is cleaned up.
   *
   * All items are in the store when it resolves, and none when it rejects: what could not be deleted then is
   * written down, and is left to `sweep`.
   *
   * @throws {@link GuardError} `ERR_CONFIG_INVALID`, `ERR_OWNER_INVALID`, naming the path; `ERR_BOOTSTRAP_IMPOSSIBLE`:
   *   no mode is possible, or not the one asked for, with the reason for each, or the machine's bootstrap is over;
   *   `ERR_BOOTSTRAP_STORE_UNAVAILABLE` and `ERR_STATE_UNAVAILABLE` (retryable); `ERR_GUARD_CLOSED`.
   * @throws what store, wrap and signer reject with; `signal.reason`.
   */
  seal(options: SealOptions): Promise<SealedBootstrap>;
  /**
   * Takes away what is left of a machine's bootstrap data: items in the store, plain user data, the kubeadm token.
   * Then looks whether it is gone, and writes that down. It does not need the Secret that the data came from.
   * Idempotent, and goes on where a process before it died. A machine that nothing was sealed for is clean.
   *
   * @param target - The machine, or the handle of one sealing.
   * @throws {@link GuardError} `ERR_BOOTSTRAP_NOT_CLEAN` (retryable): something is left, or it cannot be told;
   *   everything else was taken away nevertheless. `ERR_STATE_UNAVAILABLE` (retryable); `ERR_CONFIG_INVALID`,
   *   `ERR_OWNER_INVALID`, naming the path; `ERR_GUARD_CLOSED`. Rejects with `signal.reason`.
   */
  cleanup(target: ObjectRef | KubernetesObject | string, options: CleanupOptions): Promise<CleanUpResult>;
  /**
   * Cleans up after every machine whose data has expired, every sealing that was never finished, every clean-up that
   * was not, and items of this management cluster that no record knows, once they have expired. Call it
   * every few minutes, in one replica or in all.
   *
   * @returns What it did. What failed is in it, too: the rest was swept nevertheless.
   * @throws {@link GuardError} `ERR_GUARD_CLOSED`; rejects with `signal.reason`.
   */
  sweep(options?: Abortable): Promise<SweepResult>;
  /**
   * How far a machine's bootstrap data is. Asks the store whether the machine has opened it.
   *
   * @throws {@link GuardError} `ERR_OWNER_INVALID`, naming the path; `ERR_STATE_UNAVAILABLE`,
   *   `ERR_BOOTSTRAP_STORE_UNAVAILABLE` (retryable); `ERR_GUARD_CLOSED`. Rejects with `signal.reason`.
   */
  status(machine: ObjectRef | KubernetesObject, options?: Abortable): Promise<BootstrapStatus>;
  /** Ends what is under way with `ERR_GUARD_CLOSED`, and waits until it has rolled back. State and store stay open. */
  close(): Promise<void>;
}
