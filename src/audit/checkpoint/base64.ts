/** Standard base64, padded, as C2SP writes it. */
export const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

/** The bytes of canonical base64; `undefined` for anything that an encoder would have written otherwise. */
export function fromBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}

/** A hash in base64. */
export function hashFromBase64(text: string): Buffer | undefined {
  const bytes = text.length === 44 ? fromBase64(text) : undefined;
  return bytes?.length === 32 ? bytes : undefined;
}

const decimal = /^(?:0|[1-9]\d{0,15})$/;

/** A count without sign or leading zeros, small enough to be exact. */
export function fromDecimal(text: string): number | undefined {
  return decimal.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined;
}
