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

  /** Whether a line, or what there is of it, may be kept. */
  function fits(length: number): boolean {
    if (length > maxLine && !skipping) {
      notes.malformed++;
      skipping = true;
    }
    return !skipping;
  }

  for await (const chunk of chunks) {
    signal?.throwIfAborted();
    const text = typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
    let start = 0;
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", start)) {
      if (fits(rest.length + end - start)) yield rest + text.slice(start, end);
      skipping = false;
      rest = "";
      start = end + 1;
    }
    rest = fits(rest.length + text.length - start) ? rest + text.slice(start) : "";
  }
  if (rest !== "") yield rest;
}
