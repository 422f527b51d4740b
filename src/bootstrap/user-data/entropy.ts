/** Characters from which on a string can be judged. */
const minRandomLength = 24;
/** Bits for a character, of Shannon's entropy of the string's own characters. */
const minBits = 3.8;
/** The share of neighbours of different classes (upper case, lower case, digit) that random text reaches. */
const minChanges = 0.3;
/** The share of `-`, `_` and `/` that names and paths exceed. */
const maxSeparators = 0.1;

const classOf = (code: number) =>
  code >= 97 && code <= 122 ? 0 : code >= 65 && code <= 90 ? 1 : code >= 48 && code <= 57 ? 2 : 3;

/** Shannon's entropy, in bits for a character. */
function bitsPerCharacter(text: string): number {
  const counts = new Map<number, number>();
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}

function changes(text: string): number {
  let changed = 0;
  for (let i = 1; i < text.length; i++) {
    if (classOf(text.charCodeAt(i)) !== classOf(text.charCodeAt(i - 1))) changed++;
  }
  return changed / (text.length - 1);
}

/** A digest in a path or a name. */
const hexWord = /(?<=^|[-_/])[0-9a-f]{16,}(?=[-_/]|$)/g;
const harmless = /^(?:[0-9a-f]+|[0-9A-F]+|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[\d.,_-]+)$/i;

/**
 * Whether a run of letters, digits and `+/=_-` looks random. Hexadecimal digits, numbers and UUIDs never do: as
 * digests and ids they are everywhere. Nor do words with separators: names and paths.
 */
export function looksRandom(run: string): boolean {
  const text = run.replace(/=+$/, "").replace(hexWord, "");
  if (text.length < minRandomLength || harmless.test(text)) return false;
  const letters = text.replace(/[-_/+]/g, "");
  if (text.replace(/[^-_/]/g, "").length > text.length * maxSeparators) return false;
  if (!/\d/.test(letters) || !/[A-Za-z]/.test(letters)) return false;
  return bitsPerCharacter(text) >= minBits && changes(letters) >= minChanges;
}
