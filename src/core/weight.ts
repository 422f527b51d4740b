import * as z from "zod";
import { readPath } from "./path.ts";

/**
 * What a call costs: a number; a dotted path into its input (into the first argument, where the
 * input is a list of arguments), where a number stands for itself and a list for its length; or a
 * function of its input.
 */
export type Weight = number | string | ((input: unknown) => number);

/** Checks a {@link Weight}. */
export const weightSchema = z.union([z.number().positive(), z.string().min(1), z.function()]);

/** What cannot be read costs 1, so that a strange input is not free. */
function units(value: unknown): number {
  const count = Array.isArray(value) ? value.length : value;
  return typeof count === "number" && Number.isFinite(count) ? Math.max(1, count) : 1;
}

/** Reads what a call with this input costs. Never throws; finite and > 0. */
export function weightOf(weight: Weight | undefined, input: unknown): number {
  if (weight === undefined) return 1;
  if (typeof weight === "number") return weight;
  if (typeof weight === "string") return units(readPath(Array.isArray(input) ? input[0] : input, weight));
  try {
    const value = weight(input);
    return Number.isFinite(value) && value > 0 ? value : 1;
  } catch {
    return 1;
  }
}
