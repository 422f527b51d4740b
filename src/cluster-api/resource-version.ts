const decimal = /^[1-9]\d*$/;

/**
 * Whether one moment of a resource lies before another. Kubernetes' versions are decimal numbers that
 * may be compared within a resource; of anything else nothing is known, and so it is not older.
 *
 * @see KEP-5504, "Comparable resource version", read 2026-11
 */
export function isOlder(one: string, other: string): boolean {
  if (!decimal.test(one) || !decimal.test(other)) return false;
  return one.length === other.length ? one < other : one.length < other.length;
}
