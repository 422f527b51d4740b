/**
 * Works on all items, so many at a time, whatever becomes of the others.
 * @returns What failed, in no promised order.
 */
export async function eachBounded<T>(
  items: Iterable<T>,
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<unknown[]> {
  const failures: unknown[] = [];
  const queue = items[Symbol.iterator]();
  async function worker(): Promise<void> {
    for (let next = queue.next(); !next.done; next = queue.next()) {
      try {
        await work(next.value);
      } catch (error) {
        failures.push(error);
      }
    }
  }
  await Promise.all(Array.from({ length: limit }, worker));
  return failures;
}
