const generation = 50_000;

/** Remembers at least the latest fifty thousand ids, and at most twice as many. */
export function recentIds() {
  let young = new Set<string>();
  let old = new Set<string>();
  return {
    /** Whether it was seen lately; from now on it was. */
    has(id: string): boolean {
      if (young.has(id) || old.has(id)) return true;
      young.add(id);
      if (young.size === generation) {
        old = young;
        young = new Set();
      }
      return false;
    },
    get size() {
      return young.size + old.size;
    },
  };
}
