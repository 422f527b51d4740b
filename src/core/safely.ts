/**
 * Makes a reader that cannot change how a call ends, whatever it is given: for the `accepts`,
 * `errors` and `answer` of an adapter.
 *
 * @param read - Reads a value; may throw.
 * @param otherwise - What was read where it throws.
 * @returns The reader that never throws.
 * @example
 * import { safely } from "provider-guard";
 * const statusOf = safely((answer: { status: number }) => answer.status, undefined);
 * statusOf(null); // undefined
 */
export function safely<V, R>(read: (value: V) => R, otherwise: R): (value: unknown) => R {
  return (value) => {
    try {
      return read(value as V);
    } catch {
      return otherwise;
    }
  };
}
