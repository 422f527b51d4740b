import { constants, crc32, deflateRawSync } from "node:zlib";
import { withInline } from "../script-user-data.ts";
import { stubScript } from "./scripts.generated.ts";

/**
 * The user data for machines with cloud-init 21.4 or later: a part handler in Python around the opener, compressed.
 * It has the opener decrypt the real user data, of whatever kind cloud-init knows, feeds it to cloud-init within the
 * same boot, and has it removed once all of its scripts have succeeded.
 *
 * @param opener - From `composeOpener` or `stageOpener`, with `cloudInit`.
 * @param inline - The one chunk, where the opener has no store.
 */
export function cloudInitUserData(opener: string, inline?: Uint8Array): Uint8Array {
  const program = inline === undefined ? opener : withInline(opener, inline);
  const text = `#part-handler\n${stubScript}program=${bytesLiteral(program)}\n`;
  // Each piece has codes of its own: text and base64 in one cost 5 % more.
  return new Uint8Array(gzip(text.split(/(?<=<<'EOF'\n)|(?=\nEOF\n)/).map((piece) => Buffer.from(piece))));
}

/** Bytes as Python writes them: as they are where that can be, which compresses better. */
function bytesLiteral(text: string): string {
  if (/^[\n\x20-\x7e]*[^"\\]$/.test(text) && !text.includes('"""')) return `rb"""${text}"""`;
  const escaped = [...Buffer.from(text)].map((byte) => {
    const character = String.fromCharCode(byte);
    return /[\x20-\x7e]/.test(character) && !/["\\]/.test(character)
      ? character
      : `\\x${byte.toString(16).padStart(2, "0")}`;
  });
  return `b"${escaped.join("")}"`;
}

/** One member of RFC 1952. */
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
