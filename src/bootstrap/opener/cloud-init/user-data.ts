import { constants, crc32, deflateRawSync } from "node:zlib";
import { handlerScript } from "./scripts.generated.ts";

const boundary = "provider-guard-part";

/**
 * The user data for machines with cloud-init 21.4 or later: MIME multipart of a part handler and of what it needs.
 * The handler has the opener decrypt the real user data, of whatever kind cloud-init knows, feeds it to cloud-init
 * within the same boot, and has it removed once all of its scripts have succeeded. It is compressed where that makes
 * it smaller; cloud-init takes both.
 *
 * @param opener - From `composeOpener`.
 * @param inline - The one chunk, where the opener has no store.
 */
export function cloudInitUserData(opener: string, inline?: Uint8Array): Uint8Array {
  const head = `MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="${boundary}"\n\n`;
  const parts = [part("text/part-handler", handlerScript), part("text/x-provider-guard-opener", opener)];
  if (inline !== undefined) parts.push(part("application/x-provider-guard-data", inline));
  const pieces = [`${head}${parts[0]}${parts[1]}`, `${parts[2] ?? ""}--${boundary}--\n`].map((piece) =>
    Buffer.from(piece),
  );
  const [text, packed] = [Buffer.concat(pieces), gzip(pieces)];
  return new Uint8Array(packed.length < text.length ? packed : text);
}

/** One member of RFC 1952. Each piece has codes of its own: text and base64 in one cost 5 % more. */
function gzip(pieces: readonly Buffer[]): Buffer {
  const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3]);
  const deflated = pieces.map((piece, i) => {
    const last = i === pieces.length - 1;
    return deflateRawSync(piece, { level: 9, finishFlush: last ? constants.Z_FINISH : constants.Z_SYNC_FLUSH });
  });
  const whole = Buffer.concat(pieces);
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(whole), 0);
  trailer.writeUInt32LE(whole.length, 4);
  return Buffer.concat([header, ...deflated, trailer]);
}

/** Base64 only where it must be: text compresses better as it is. */
function part(type: string, content: string | Uint8Array): string {
  const asItIs = typeof content === "string" && /^[\n\x20-\x7e]*$/.test(content) && !content.includes(`--${boundary}`);
  const encoding = asItIs ? "7bit" : "base64";
  const body = asItIs ? content : Buffer.from(content).toString("base64");
  return `--${boundary}\nContent-Type: ${type}\nContent-Transfer-Encoding: ${encoding}\n\n${body}\n`;
}
