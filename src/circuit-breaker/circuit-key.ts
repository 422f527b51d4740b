import * as z from "zod";
import { parseOptions } from "../core/config.ts";
import type { Target } from "../core/target.ts";

/**
 * Names the circuit that calls to a target go through.
 *
 * @param target - Where a call goes to.
 * @returns Cloud, account, region and service, separated by `|`.
 */
export function circuitKey({ cloud, account, region, service }: Target): string {
  return `${cloud}|${account}|${region}|${service}`;
}

const part = z
  .string()
  .min(1)
  .max(512)
  .regex(/^[^|]*$/);

/** The key of a circuit, as text. */
export const keySchema = z
  .string()
  .max(2_048)
  .regex(/^[^|]+(\|[^|]+){3}$/, "expected cloud|account|region|service");

const schema = z.union([keySchema, z.strictObject({ cloud: part, account: part, region: part, service: part })], {
  error: "expected cloud|account|region|service, or an object of these",
});

/**
 * Reads what somebody calls a circuit.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`.
 */
export function parseCircuit(circuit: string | Target, root: string): string {
  const parsed = parseOptions(schema, circuit, root);
  return typeof parsed === "string" ? parsed : circuitKey(parsed);
}
