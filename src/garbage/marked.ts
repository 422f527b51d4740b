const bits = 23;

/** Remembers in constant memory which ids may have a mark, so that the many without one cost no request. */
export function marked(): { add(id: string): void; mayHave(id: string): boolean } {
  const field = new Uint8Array(2 ** (bits - 3));
  const place = (id: string): number => {
    let hash = 0x811c9dc5; // FNV-1a
    for (let at = 0; at < id.length; at++) hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193);
    return (hash ^ (hash >>> bits)) & (2 ** bits - 1);
  };
  return {
    add(id) {
      const bit = place(id);
      field[bit >> 3] = (field[bit >> 3] as number) | (1 << (bit & 7));
    },
    mayHave(id) {
      const bit = place(id);
      return ((field[bit >> 3] as number) & (1 << (bit & 7))) !== 0;
    },
  };
}
