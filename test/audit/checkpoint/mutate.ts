/** Flips a bit, cuts, doubles, removes or inserts bytes. */
export function mutate(bytes: Buffer, random: () => number): Buffer {
  const at = Math.floor(random() * bytes.length);
  const to = Math.min(bytes.length, at + 1 + Math.floor(random() * 8));
  const [before, part, after] = [bytes.subarray(0, at), bytes.subarray(at, to), bytes.subarray(to)];
  switch (Math.floor(random() * 5)) {
    case 0: {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] as number) ^ (1 << Math.floor(random() * 8));
      return flipped;
    }
    case 1:
      return before;
    case 2:
      return Buffer.concat([before, part, part, after]);
    case 3:
      return Buffer.concat([before, after]);
    default:
      return Buffer.concat([before, Buffer.of(Math.floor(random() * 256)), part, after]);
  }
}
