const decimal = /^[1-9]\d*$/;

/**
 * Compares two moments of one resource: Kubernetes' versions are decimal numbers that only rise.
 *
 * @returns Below, above or 0; `undefined` where one is no such number, so that nothing is known.
 * @see KEP-5504, "Comparable resource version", read 2026-11
 */
export function compareVersions(one: string, other: string): number | undefined {
  if (!decimal.test(one) || !decimal.test(other)) return undefined;
  if (one.length !== other.length) return one.length - other.length;
  return one === other ? 0 : one < other ? -1 : 1;
}
