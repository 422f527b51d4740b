import type { Clock } from "../core/clock.ts";
import { guardParts } from "../core/guard-parts.ts";
import type { ObjectRef } from "../core/owner.ts";
import type { BootstrapMode } from "./contract.ts";
import type { SealingRecord } from "./vault-record.ts";

interface OfMachine {
  readonly machine: ObjectRef;
  readonly mode: BootstrapMode;
}

/** What happens in a vault. Nothing in it is secret. */
export type BootstrapEvent =
  /** Data was sealed; `items` are in the store. */
  | ({ readonly type: "sealed"; readonly items: number; readonly expiresAt: number } & OfMachine)
  /** Data goes to the machine unprotected; it stays readable to whatever runs there until it is cleaned up. */
  | ({ readonly type: "plain"; readonly message: string; readonly expiresAt: number } & OfMachine)
  /** Nothing is left, neither in the store nor in the metadata: both were asked. `items`: how many were still there. */
  | ({ readonly type: "cleaned"; readonly reason: string; readonly items: number } & OfMachine)
  /** Something is left, or it could not be told. `leftovers`: names of items, `metadata`, `token`. */
  | ({ readonly type: "not-clean"; readonly reason: string; readonly leftovers: readonly string[] } & OfMachine & {
        readonly error?: unknown;
      })
  /** An item that no record knew, past its time, was deleted by `sweep`. */
  | { readonly type: "removed"; readonly item: string; readonly machineUid?: string | undefined }
  /** How far `sweep` is: machines and unknown items. */
  | { readonly type: "progress"; readonly done: number; readonly total: number }
  /** A key of the state holds no record that can be read; it counts as not there. */
  | { readonly type: "unreadable"; readonly key: string };

/** Tells events to the hook, and what an auditor asks for to the guard's audit log. Never throws. */
export type Teller = (event: BootstrapEvent) => void;

const audited = new Set(["sealed", "plain", "cleaned", "not-clean", "removed"]);

/** What of an event goes into the audit log: no names of items, which are capabilities while they last. */
function detailsOf(event: BootstrapEvent): Record<string, string | number> {
  if (!("machine" in event)) return {};
  const { namespace, name, uid } = event.machine;
  const { mode } = event;
  const reason = "reason" in event ? { reason: event.reason } : {};
  const items = "items" in event ? { items: event.items } : {};
  const left = "leftovers" in event ? { leftovers: event.leftovers.length } : {};
  return { namespace, name, uid, mode, ...reason, ...items, ...left };
}

export function eventTeller(
  onEvent: ((event: BootstrapEvent) => void) | undefined,
  guard: object | undefined,
  clock: Clock,
): Teller {
  return (event) => {
    const journal = guard && guardParts.get(guard)?.journal;
    if (audited.has(event.type)) {
      const notice = `bootstrap-data-${event.type}`;
      journal?.enqueue({ type: "notice", at: clock.now(), event: notice, details: detailsOf(event) });
    }
    try {
      onEvent?.(Object.freeze(event));
    } catch {
      // whoever listens does not decide what is sealed or cleaned
    }
  };
}

/** Says that data was handed out. */
export function tellSealed(tell: Teller, machine: ObjectRef, { mode, items, expiresAt }: SealingRecord): void {
  const { namespace, name } = machine;
  const message = `bootstrap data of ${namespace}/${name} is in its user data unprotected until clean-up`;
  if (mode === "plain") tell({ type: "plain", machine, mode, message, expiresAt });
  else tell({ type: "sealed", machine, mode, items, expiresAt });
}
