import { randomBytes } from "node:crypto";
import type { Clock } from "../core/clock.ts";
import type { Bounded } from "./bounded.ts";
import type { BootstrapFormat, BootstrapMachine, BootstrapMode, BootstrapStore, KeyWrap } from "./contract.ts";
import { markData } from "./kept-user-data.ts";
import { impossible, type ModeFacts, modes, type Refusals, refuseMode } from "./mode-choice.ts";
import { type Prepared, prepare } from "./prepare.ts";
import type { BootstrapSigner } from "./signer.ts";
import { kubeadmTokenIds } from "./token-ids.ts";
import type { SealingRecord } from "./vault-record.ts";

/** What is to be sealed; checked. */
export interface SealRequest {
  readonly machine: BootstrapMachine;
  readonly data: Uint8Array;
  readonly format: BootstrapFormat;
  readonly mode: BootstrapMode | undefined;
  readonly ttlMs: number;
  readonly facts: ModeFacts;
}

/** User data that is made and handed to nobody yet, with the record that it is to have. */
export interface Draft extends Prepared {
  readonly sealing: SealingRecord;
}

/** What making user data takes. */
export interface DraftParts {
  readonly bounded: Bounded;
  readonly clock: Clock;
  readonly store: BootstrapStore | undefined;
  readonly wrap: KeyWrap | undefined;
  readonly signer: BootstrapSigner;
}

const second = 1000;

/** What a machine is called in messages. */
export const nameOf = ({ machine }: BootstrapMachine) => `${machine.namespace}/${machine.name}`;

/** Makes user data in the first mode that is possible, and puts nothing anywhere. */
export function drafter({ bounded, clock, store, wrap, signer }: DraftParts) {
  return async (request: SealRequest, signal: AbortSignal | undefined): Promise<Draft> => {
    const { machine, data, format, mode: asked, ttlMs, facts } = request;
    const refusals: Refusals = {};
    for (const mode of modes) {
      const refusal = refuseMode(mode, facts);
      if (refusal !== undefined) refusals[mode] = refusal;
    }
    for (const mode of asked === undefined ? modes : [asked]) {
      if (refusals[mode] !== undefined) continue;
      const sealedAt = Math.floor(clock.now() / second) * second;
      const times = { sealedAt, expiresAt: sealedAt + Math.ceil(ttlMs / second) * second };
      const binding = { machine, id: randomBytes(16).toString("hex"), format, mode, ...times };
      const preparation = { data, binding, facts, store, wrap, signer };
      const made = await bounded(
        `sealing for ${nameOf(machine)}`,
        (options) => prepare({ ...preparation, ...options }),
        signal,
      );
      if (typeof made === "string") {
        refusals[mode] = made;
        continue;
      }
      const items = made.items.length;
      const about = { id: binding.id, mode, format, items, ...times, tokenIds: kubeadmTokenIds(data) };
      const held = items > 0 && store !== undefined ? { store: store.name } : {};
      return { ...made, sealing: { ...about, ...held, stage: "sealing", ...markData(data, format) } };
    }
    throw impossible(nameOf(machine), refusals, asked);
  };
}
