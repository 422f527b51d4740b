// What docblocks.test.ts must find wrong, and what it must not.
export interface Bare {
  readonly size: number;
}

/** Tells how big something is. */
export interface Documented {
  readonly size: number;
}

/**
 * @param size - In bytes.
 */
export function make(size: number, other: number): Bare {
  return { size: size + other };
}

/**
 * Doubles a number.
 *
 * @param value - Any finite number.
 * @returns Twice the value.
 */
export const double = (value: number): number => value * 2;
