import * as z from "zod";
import { parseOptions } from "../../core/config.ts";
import { GuardError } from "../../core/errors.ts";
import { formatAddCheckpoint } from "./add-checkpoint.ts";
import { fromDecimal } from "./base64.ts";
import { openNote } from "./note.ts";
import { parseVerifierKey, signatureTypes } from "./verifier-key.ts";

/** A witness's answer: its lines for the checkpoint, or the size of the tree that it saw last. */
export type WitnessAnswer = { readonly lines: string } | { readonly seen: number };

/** Somebody else who remembers what a log has signed, and vouches that it never took anything back. */
export interface Witness {
  /** The witness's name in its signatures. */
  readonly name: string;
  /** How long one request may take, in milliseconds. */
  readonly timeoutMs: number;
  /**
   * Asks for a cosignature.
   *
   * @param seen - Size of the tree that the witness saw last.
   * @param path - Shows that the checkpoint's tree starts with that one.
   * @throws {@link GuardError} `ERR_CHECKPOINT_UNWITNESSED` when it refuses, or does not answer as it must.
   */
  addCheckpoint(seen: number, path: readonly Uint8Array[], note: string, signal: AbortSignal): Promise<WitnessAnswer>;
}

/** Options of {@link witness}. */
export interface WitnessOptions {
  /** The witness's submission prefix; `/add-checkpoint` is added. */
  readonly url: string;
  /** Its public key, `name+id+base64`, of signature type 4. */
  readonly publicKey: string;
  /**
   * How long a request may take, in milliseconds.
   * @defaultValue 5000
   */
  readonly timeoutMs?: number;
  /** @defaultValue the global `fetch` */
  readonly fetch?: typeof fetch;
}

const longestAnswer = 64 * 1024;

const meanings: Readonly<Record<number, string>> = {
  403: ": it does not know the key, or the signature is wrong",
  404: ": it does not know the origin",
  422: ": it saw another history of this journal",
};

const schema = z.strictObject({
  url: z.url({ protocol: /^https?$/ }).refine((text) => !/^\w+:\/\/[^/]*@/.test(text), "must hold no credentials"),
  publicKey: z.string(),
  timeoutMs: z
    .number()
    .min(1)
    .max(2 ** 31 - 1)
    .default(5_000),
  fetch: z.custom<typeof fetch>((value) => typeof value === "function", "expected a function").optional(),
});

/**
 * Names a witness that speaks C2SP's tlog-witness protocol. It is asked for each checkpoint, beside the
 * signing, which never waits for it; the newest checkpoint wins. Its cosignature says when it saw the tree,
 * and that it never saw another history of that journal. A witness that fails is tried again.
 *
 * @param options - See {@link WitnessOptions}.
 * @returns A witness, for {@link checkpoints}. Its operator must know the journal's origin and public key.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for a wrong option, naming its path.
 * @example
 * import { witness } from "provider-guard/audit";
 * const remora = witness({
 *   url: "https://witness.example.com/submit",
 *   publicKey: "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
 * });
 * @see C2SP tlog-witness, read 2026-11
 */
export function witness(options: WitnessOptions): Witness {
  const { url, publicKey, timeoutMs, fetch: send = fetch } = parseOptions(schema, options, "witness");
  const key = parseVerifierKey(publicKey, "witness.publicKey");
  if (key.type !== signatureTypes.cosignature) {
    throw new GuardError("ERR_CONFIG_INVALID", "witness.publicKey: expected a key of signature type 4, a witness's");
  }
  const endpoint = `${url.replace(/\/$/, "")}/add-checkpoint`;
  const refuse = (why: string, cause?: unknown) =>
    new GuardError("ERR_CHECKPOINT_UNWITNESSED", `witness ${key.name}: ${why}`, { retryable: true, cause });

  return {
    name: key.name,
    timeoutMs,
    async addCheckpoint(seen, path, note, signal) {
      const body = formatAddCheckpoint(seen, path, note);
      let status: number;
      let answer: string;
      try {
        const response = await send(endpoint, { method: "POST", body, signal, redirect: "error" });
        status = response.status;
        answer = await readAnswer(response);
      } catch (cause) {
        signal.throwIfAborted();
        throw refuse("cannot be reached, or answers too much", cause);
      }
      if (status === 409) {
        const size = answer.endsWith("\n") ? fromDecimal(answer.slice(0, -1)) : undefined;
        if (size === undefined) throw refuse("answered 409 without the size that it saw last");
        return { seen: size };
      }
      if (status !== 200) throw refuse(`answered ${status}${meanings[status] ?? ""}`);
      return { lines: cosignatureLines(note, answer) };
    },
  };

  function cosignatureLines(note: string, answer: string): string {
    const text = note.slice(0, note.lastIndexOf("\n\n") + 1);
    try {
      // Only the witness's own key is asked for: lines by unknown keys are left out.
      const { signatures } = openNote(`${text}\n${answer}`, [key]);
      return signatures.map(({ line }) => line).join("");
    } catch (cause) {
      throw refuse("sent no cosignature that verifies", cause);
    }
  }
}

async function readAnswer(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > longestAnswer) throw new RangeError("the answer is too long"); // which cancels the body
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
