import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { constants, gunzipSync } from "node:zlib";

/** All files below a folder that hold a text: as it is, in base64, compressed, or several of these in one another. */
export async function findText(folder: string, text: string): Promise<string[]> {
  const found: string[] = [];
  const forms = formsOf(Buffer.from(text));
  for (const path of await filesBelow(folder))
    if (holds(await readFile(join(folder, path)), forms, 3)) found.push(path);
  return found.sort();
}

/** Paths of regular files, relative. */
async function filesBelow(folder: string): Promise<string[]> {
  const paths = await readdir(folder, { recursive: true });
  const kinds = await Promise.all(paths.map(async (path) => (await lstat(join(folder, path))).isFile()));
  return paths.filter((_, i) => kinds[i]);
}

/** What of the text is the same whatever stands before and behind, in plain and at the three alignments of base64. */
export function formsOf(text: Buffer): Buffer[] {
  const aligned = [0, 1, 2].map((before) => {
    const base64 = Buffer.concat([Buffer.alloc(before), text]).toString("base64");
    return Buffer.from(base64.slice(before === 0 ? 0 : 4, -4));
  });
  return [text, ...aligned];
}

function holds(bytes: Buffer, forms: readonly Buffer[], depth: number): boolean {
  if (forms.some((form) => bytes.includes(form))) return true;
  // Base64 is broken into lines where it stands in a mail, an indented YAML block or Python's pickle.
  const joined = Buffer.from(bytes.toString("latin1").replace(/(?:\\n|\s)+/g, ""), "latin1");
  if (forms.slice(1).some((form) => joined.includes(form))) return true;
  return depth > 0 && unpacked(bytes, joined).some((inner) => holds(inner, forms, depth - 1));
}

/** Whatever looks like gzip anywhere, also in base64; a truncated one as far as it goes. */
function unpacked(bytes: Buffer, joined: Buffer): Buffer[] {
  const packed: Buffer[] = [];
  for (
    let at = bytes.indexOf("\x1f\x8b\x08", 0, "latin1");
    at >= 0;
    at = bytes.indexOf("\x1f\x8b\x08", at + 1, "latin1")
  )
    packed.push(bytes.subarray(at));
  for (const [base64] of joined.toString("latin1").matchAll(/H4sI[\w+/=]{16,}/g))
    packed.push(Buffer.from(base64, "base64"));
  return packed.flatMap((one) => {
    try {
      return [gunzipSync(one, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 32 << 20 })];
    } catch {
      return [];
    }
  });
}
