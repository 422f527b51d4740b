import { GuardError } from "../core/errors.ts";
import { type BootstrapCloud, roomFor } from "./cloud-limits.ts";
import type { BootstrapFormat, BootstrapMode, OpenerPart } from "./contract.ts";
import { type BootstrapImage, refusesFormat, refusesOpening } from "./image.ts";

/** Preferred first: data that is opened once before data that stays, and either before plain data. */
export const modes: readonly BootstrapMode[] = ["pointer", "inline", "plain"];

/** What a mode depends on, before anything is sealed. */
export interface ModeFacts {
  readonly cloud: BootstrapCloud;
  readonly format: BootstrapFormat;
  readonly image?: BootstrapImage | undefined;
  readonly store?: { readonly name: string; readonly ignition?: unknown } | undefined;
  readonly wrap?: object | undefined;
  readonly allowPlain: boolean;
  readonly metadata?: object | undefined;
}

/** Why each mode that cannot be is impossible. */
export type Refusals = { [mode in BootstrapMode]?: string };

function refusePointer({ format, image, store, wrap }: ModeFacts): string | undefined {
  if (store === undefined) return "no store is given";
  if (format === "ignition") {
    if (store.ignition === undefined) return `Ignition cannot read from the store ${store.name}`;
    return refusesFormat(format, image);
  }
  if (wrap === undefined) return "no wrap is given";
  return refusesFormat(format, image) ?? refusesOpening(format, image);
}

function refuseInline({ format, image, wrap }: ModeFacts): string | undefined {
  if (format === "ignition") return "Ignition decrypts nothing";
  if (wrap === undefined) return "no wrap is given";
  return refusesFormat(format, image) ?? refusesOpening(format, image);
}

function refusePlain({ cloud, format, image, allowPlain, metadata }: ModeFacts): string | undefined {
  if (!cloud.overwritable) return `user data of a running machine cannot be overwritten on ${cloud.name}`;
  if (metadata === undefined) return "nothing is given that overwrites user data (metadata)";
  if (!allowPlain) return "it is not allowed (allowPlain)";
  return refusesFormat(format, image);
}

const rules = { pointer: refusePointer, inline: refuseInline, plain: refusePlain };

/** Says of a mode, before anything is sealed, why it cannot be; `undefined` if nothing is in the way. */
export const refuseMode = (mode: BootstrapMode, facts: ModeFacts): string | undefined => rules[mode](facts);

const toolsOf = { http: ["curl"], aws: ["curl", "od", "sed"] } as const;

/** Why the image cannot run these parts of an opener. */
export function refuseParts(
  parts: readonly (OpenerPart | undefined)[],
  { format, image }: ModeFacts,
): string | undefined {
  const tools = parts.flatMap((part) => part?.needs ?? []).flatMap((library) => toolsOf[library]);
  return refusesOpening(format, image, tools);
}

/** Why user data of this length does not fit. */
export function refuseSize(bytes: number, cloud: BootstrapCloud): string | undefined {
  const room = roomFor(cloud);
  if (bytes <= room) return undefined;
  const counted = cloud.base64 ? ` (${cloud.maxUserDataBytes} in base64)` : "";
  return `user data would have ${bytes} bytes; ${cloud.name} takes ${room}${counted}`;
}

/**
 * The error that says of each mode why it cannot be.
 * @param asked - The mode that was asked for, if one was: others may be possible.
 */
export function impossible(subject: string, refusals: Refusals, asked?: BootstrapMode): GuardError {
  const reasons = modes.map((mode) => `${mode}: ${refusals[mode] ?? "possible, and not asked for"}`).join("; ");
  const what = asked === undefined ? "in no mode" : `not in mode ${asked}`;
  return new GuardError("ERR_BOOTSTRAP_IMPOSSIBLE", `bootstrap data of ${subject} can be sealed ${what}: ${reasons}`);
}
