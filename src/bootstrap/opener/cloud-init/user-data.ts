import { gzipSync } from "node:zlib";
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
  const parts = [part("text/part-handler", handlerScript), part("text/x-provider-guard-opener", opener)];
  if (inline !== undefined) parts.push(part("application/x-provider-guard-data", inline));
  const head = `MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="${boundary}"\n\n`;
  const text = Buffer.from(`${head}${parts.join("")}--${boundary}--\n`);
  const packed = gzipSync(text, { level: 9 });
  return new Uint8Array(packed.length < text.length ? packed : text);
}

/** Base64 only where it must be: text compresses better as it is. */
function part(type: string, content: string | Uint8Array): string {
  const asItIs = typeof content === "string" && /^[\n\x20-\x7e]*$/.test(content) && !content.includes(`--${boundary}`);
  const encoding = asItIs ? "7bit" : "base64";
  const body = asItIs ? content : Buffer.from(content).toString("base64");
  return `--${boundary}\nContent-Type: ${type}\nContent-Transfer-Encoding: ${encoding}\n\n${body}\n`;
}
