import type { BootstrapMachine, OpenerReport } from "../../contract.ts";

/** Why a token that is right was refused: somebody else may have the machine's user data. */
export type MisuseReason =
  /** With another claim than the first one's. */
  | "other-claim"
  /** From another address than the first one's (Ignition). */
  | "other-source"
  /** `allowSource` said no. */
  | "source-refused"
  /** After its deletion or expiry, or after Ignition's window. */
  | "late";

/** What an {@link HttpStore} tells. No event holds a token, a claim, or data. */
export type HttpStoreEvent =
  /** A machine came for the first time: its token is bound from now on. */
  | { readonly type: "claimed"; readonly machine: BootstrapMachine; readonly id: string; readonly source: string }
  /** An alarm: see {@link MisuseReason}. `count` is how often, over all replicas. */
  | {
      readonly type: "misused";
      readonly reason: MisuseReason;
      readonly machine: BootstrapMachine;
      readonly id: string;
      readonly source: string;
      readonly count: number;
    }
  /** The machine has opened its data, and had it deleted. */
  | { readonly type: "forgotten"; readonly machine: BootstrapMachine; readonly id: string }
  | {
      readonly type: "reported";
      readonly machine: BootstrapMachine;
      readonly id: string;
      readonly report: OpenerReport;
    }
  /** A source has failed so often that it is not heard for the rest of a minute. */
  | { readonly type: "blocked"; readonly source: string }
  /** A request could not be served: the state store or the backing store failed, or `allowSource` threw. */
  | { readonly type: "error"; readonly error: unknown };
