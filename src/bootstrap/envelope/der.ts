/** DER in pieces, so that what is nested is copied once, at the end. */
export type Der = readonly Uint8Array[];

const none: Uint8Array = new Uint8Array();

/** Universal and context-specific tags (X.690). */
export const tags = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  sequence: 0x30,
  set: 0x31,
  /** `[number]` around one primitive. */
  implicit: (number: number) => 0x80 | number,
  /** `[number]` around something constructed. */
  explicit: (number: number) => 0xa0 | number,
} as const;

function header(tag: number, length: number): Uint8Array {
  if (length < 0x80) return Buffer.from([tag, length]);
  const lengthBytes = (39 - Math.clz32(length)) >> 3; // no more than it takes
  const bytes = Buffer.from([tag, 0x80 | lengthBytes, 0, 0, 0, 0]);
  bytes.writeUIntBE(length, 2, lengthBytes);
  return bytes.subarray(0, 2 + lengthBytes);
}

/** One element around its content. */
export function element(tag: number, ...content: readonly Der[]): Der {
  const pieces = [none];
  let length = 0;
  for (const der of content) {
    for (const piece of der) {
      pieces.push(piece);
      length += piece.length;
    }
  }
  pieces[0] = header(tag, length);
  return pieces;
}

/** What never changes, in one piece. */
const fixed = (der: Der): Der => [Buffer.concat(der)];

export const sequence = (...content: readonly Der[]): Der => element(tags.sequence, ...content);

export const octetString = (bytes: Uint8Array): Der => element(tags.octetString, [bytes]);

/** Whole bytes: no bit is unused. */
export const bitString = (bytes: Uint8Array): Der => element(tags.bitString, [Uint8Array.of(0), bytes]);

/** A number below 128. */
export const integer = (value: number): Der => fixed(element(tags.integer, [Uint8Array.of(value)]));

/** An object identifier in its dotted form. */
export function objectIdentifier(dotted: string): Der {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const base128 = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) base128.unshift(0x80 | (left & 0x7f));
    return base128;
  });
  return fixed(element(tags.objectIdentifier, [Uint8Array.from(bytes)]));
}

/** An AlgorithmIdentifier whose parameters never change. */
export const algorithm = (dotted: string, ...parameters: readonly Der[]): Der =>
  fixed(sequence(objectIdentifier(dotted), ...parameters));
