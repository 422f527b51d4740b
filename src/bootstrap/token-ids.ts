import { gunzipSync } from "node:zlib";
import { percentDecoded } from "./user-data/data-urls.ts";

const tokenPattern = /(?<![a-zA-Z0-9])([a-z0-9]{6})\.[a-z0-9]{16}(?![a-zA-Z0-9])/g;
const base64Pattern = /[A-Za-z0-9+/]{40,}={0,2}/g;
const maxDepth = 3;
const maxBytes = 8 * 1024 ** 2;
const maxIds = 8;

function unzipped(bytes: Uint8Array): Uint8Array {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return gunzipSync(bytes, { maxOutputLength: maxBytes });
  } catch {
    return bytes; // not ours to judge
  }
}

function collect(bytes: Uint8Array, ids: Set<string>, depth: number): void {
  const text = Buffer.from(unzipped(bytes)).toString("latin1");
  // Ignition's `data:` URLs escape most characters.
  for (const form of new Set([text, percentDecoded(text)])) {
    for (const [, id] of form.matchAll(tokenPattern)) if (ids.size < maxIds) ids.add(id as string);
  }
  if (depth === maxDepth) return;
  for (const [run] of text.matchAll(base64Pattern)) collect(Buffer.from(run, "base64"), ids, depth + 1);
}

/**
 * Finds the kubeadm tokens in bootstrap data, also in what cloud-init and Ignition decode: gzip, base64, `data:` URLs.
 *
 * @param data - The data, of any format.
 * @returns The public part of each, the six characters that name it; the first eight.
 */
export function kubeadmTokenIds(data: Uint8Array): string[] {
  const ids = new Set<string>();
  collect(data, ids, 0);
  return [...ids];
}
