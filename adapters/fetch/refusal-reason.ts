import { tooFastReason } from "../../src/core/google-reason.ts";

const maxBytes = 64 * 1024;
const maxMs = 1000;
const reasons = new WeakMap<object, string>();

/** Reads a body to its end; `undefined` where it is too long, ends too late or nobody waits for it. */
async function readText(body: ReadableStream<Uint8Array>, signal?: AbortSignal): Promise<string | undefined> {
  const reader = body.getReader();
  const ends = [AbortSignal.timeout(maxMs), ...(signal === undefined ? [] : [signal])];
  const stop = () => void reader.cancel().catch(() => undefined); // ends a read that waits
  for (const end of ends) end.addEventListener("abort", stop, { once: true });
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (ends.some((end) => end.aborted)) return undefined;
      if (done) return text + decoder.decode();
      bytes += value.byteLength;
      if (bytes > maxBytes) return undefined;
      text += decoder.decode(value, { stream: true });
    }
  } finally {
    for (const end of ends) end.removeEventListener("abort", stop);
    stop();
  }
}

/**
 * Looks into a 403 for the reason why: Google's APIs answer so to calls that come too fast. A copy
 * is read, of at most 64 KB and for at most a second, and the caller's body stays as it was. What
 * cannot be read stays a denial.
 */
export async function noteRefusalReason(response: Response, signal?: AbortSignal): Promise<void> {
  try {
    if (response.status !== 403 || !/\bjson\b/i.test(response.headers.get("content-type") ?? "")) return;
    if (Number(response.headers.get("content-length")) > maxBytes) return;
    const { body } = response.clone();
    const text = body === null ? undefined : await readText(body, signal);
    if (text === undefined) return;
    const reason = tooFastReason((JSON.parse(text) as { error?: unknown } | null)?.error);
    if (reason !== undefined) reasons.set(response, reason);
  } catch {
    // no JSON, broken off, or a response of somebody's own making
  }
}

/** The reason that was found in a response, if it came too fast. */
export const refusalReason = (response: object): string | undefined => reasons.get(response);
