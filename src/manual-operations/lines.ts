import type { ReadingNotes } from "./trail.ts";

/** Bytes or text of a file or an HTTP answer, as they come. */
export type Chunks = AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>;

const maxLine = 1024 * 1024;

/**
 * Splits what comes into lines, in memory bounded by the longest line; one that is too long is counted
 * as malformed and left out.
 *
 * @throws `signal.reason` between two chunks.
 */
export async function* linesOf(
  chunks: Chunks,
  notes: ReadingNotes,
  signal: AbortSignal | undefined,
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  let skipping = false;
  for await (const chunk of chunks) {
    signal?.throwIfAborted();
    const text = typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
    let start = 0;
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", start)) {
      if (!skipping) yield rest + text.slice(start, end);
      skipping = false;
      rest = "";
      start = end + 1;
    }
    if (!skipping) rest += text.slice(start);
    if (rest.length > maxLine) {
      notes.malformed++;
      skipping = true;
      rest = "";
    }
  }
  if (!skipping && rest !== "") yield rest;
}
