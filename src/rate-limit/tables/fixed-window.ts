/**
 * The token bucket for a cloud that counts in fixed windows: whenever a window begins, no more than
 * its quota is admitted in it, since burst + rate × length stays below. A sixth of the quota can be
 * spent at once.
 *
 * @param quota - Requests that the cloud admits in a window.
 * @param windowSeconds - Length of a window in seconds.
 */
export function fixedWindow(quota: number, windowSeconds: number): { burst: number; ratePerSecond: number } {
  const burst = Math.floor(quota / 6);
  return { burst, ratePerSecond: Math.floor(((quota - burst) * 10_000) / windowSeconds) / 10_000 };
}
