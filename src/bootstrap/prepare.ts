import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzip as gzipCallback } from "node:zlib";
import { abortable } from "../core/abort.ts";
import { isGuardError } from "../core/errors.ts";
import { roomFor } from "./cloud-limits.ts";
import type { Binding, BootstrapStore, KeyWrap } from "./contract.ts";
import { openerOf } from "./image.ts";
import { type ModeFacts, refuseParts, refuseSize } from "./mode-choice.ts";
import { cloudInitUserData } from "./opener/cloud-init/user-data.ts";
import { composeOpener, stageOpener } from "./opener/compose.ts";
import { ignitionUserData } from "./opener/ignition.ts";
import { scriptUserData } from "./opener/script-user-data.ts";
import { sealData } from "./seal-data.ts";
import type { BootstrapSigner } from "./signer.ts";

/** User data, and what has to be in the store before it is handed out. */
export interface Prepared {
  readonly userData: Uint8Array;
  readonly items: readonly Uint8Array[];
}

/** What sealing needs. */
export interface Preparation {
  readonly data: Uint8Array;
  readonly binding: Binding;
  readonly facts: ModeFacts;
  readonly store: BootstrapStore | undefined;
  readonly wrap: KeyWrap | undefined;
  readonly signer: BootstrapSigner;
  readonly signal: AbortSignal | undefined;
}

const gzip = promisify(gzipCallback);
const minItemBytes = 256;

/** What the contract of `sealData` says of the ones it is given. */
type Sealing = Preparation & { readonly wrap: KeyWrap };

async function seal(sealing: Sealing, store: BootstrapStore | undefined): Promise<Prepared | string> {
  const { data, binding, facts, wrap, signer, signal } = sealing;
  const part = store && (await abortable(store.opener(binding, signal === undefined ? {} : { signal }), signal));
  if (store !== undefined && part === undefined) return `a machine cannot reach the store ${store.name} by itself`;
  const wrapPart = wrap.opener(binding);
  const refusal = refuseParts([part, wrapPart], facts);
  if (refusal !== undefined) return refusal;
  const limits = store ?? { maxItemBytes: Math.max(minItemBytes, roomFor(facts.cloud)), maxItems: 1 };
  const { maxItemBytes, maxItems } = limits;
  const given = { data, binding, wrap, signer, maxItemBytes, maxItems, ...(signal && { signal }) };
  const sealed = await sealData(given);
  const cloudInit = openerOf(binding.format, facts.image) === "cloud-init";
  const write = cloudInit ? cloudInitUserData : scriptUserData;
  const options = { sealed, wrap: wrapPart, cloudInit };
  if (part === undefined) {
    return { userData: write(composeOpener({ ...options, store: part }), sealed.chunks[0]), items: [] };
  }
  const { opener, program } = stageOpener({ ...options, store: part }, maxItemBytes);
  const items = [...sealed.chunks, ...program];
  if (items.length > maxItems) return `${items.length} items are too many: a sealing has ${maxItems} at most`;
  return { userData: write(opener), items };
}

/** Ignition decrypts nothing: the store holds the config under its own encryption, and hands it to Ignition alone. */
async function forIgnition({ data, binding, signal }: Preparation, store: BootstrapStore): Promise<Prepared | string> {
  const source = store.ignition?.(binding);
  if (source === undefined) return `Ignition cannot read from the store ${store.name}`;
  const compressed = /^https?:/.test(source.source); // Ignition unzips nothing that comes from S3
  const item = compressed ? await abortable(gzip(data), signal) : Uint8Array.from(data);
  if (item.length > store.maxItemBytes) {
    return `${item.length} bytes are too many for an item of the store ${store.name}: ${store.maxItemBytes}`;
  }
  const sha512 = createHash("sha512").update(data).digest("hex");
  return { userData: ignitionUserData({ source, sha512, compressed }), items: [item] };
}

async function make(preparation: Preparation): Promise<Prepared | string> {
  const { data, binding, store, wrap } = preparation;
  if (binding.mode === "plain") return { userData: Uint8Array.from(data), items: [] };
  const target = binding.mode === "pointer" ? store : undefined;
  if (binding.format === "ignition") return forIgnition(preparation, target as BootstrapStore);
  try {
    return await seal({ ...preparation, wrap: wrap as KeyWrap }, target);
  } catch (error) {
    if (isGuardError(error) && error.code === "ERR_BOOTSTRAP_IMPOSSIBLE") return error.message;
    throw error;
  }
}

/**
 * Makes what the machine gets in one mode, and puts nothing anywhere.
 * @returns The reason, where this data cannot go to this machine in this mode.
 * @throws What the wrap, the signer or the store reject with; `signal.reason`.
 */
export async function prepare(preparation: Preparation): Promise<Prepared | string> {
  const made = await make(preparation);
  if (typeof made === "string") return made;
  return refuseSize(made.userData.length, preparation.facts.cloud) ?? made;
}
