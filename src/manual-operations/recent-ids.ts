const generation = 50_000;

/** Remembers at least the latest fifty thousand ids, and at most twice as many. */
export function recentIds() {
  let young = new Set<string>();
  let old = new Set<string>();
  function add(id: string): void {
    young.add(id);
    if (young.size < generation) return;
    old = young;
    young = new Set();
  }

  const has = (id: string): boolean => young.has(id) || old.has(id);

  return {
    has,
    add,
    /** Whether it was seen lately; from now on it was. */
    again(id: string): boolean {
      const seen = has(id);
      if (!seen) add(id);
      return seen;
    },
    get size() {
      return young.size + old.size;
    },
  };
}
