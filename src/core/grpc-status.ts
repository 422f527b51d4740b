import type { ErrorClass } from "./errors.ts";

/** By gRPC's status code. */
const statuses: readonly (readonly [name: string, meaning: ErrorClass])[] = [
  ["OK", "unknown"],
  ["CANCELLED", "aborted"],
  ["UNKNOWN", "unknown"],
  ["INVALID_ARGUMENT", "invalid"],
  ["DEADLINE_EXCEEDED", "outage"],
  ["NOT_FOUND", "not-found"],
  ["ALREADY_EXISTS", "conflict"],
  ["PERMISSION_DENIED", "denied"],
  ["RESOURCE_EXHAUSTED", "throttled"],
  ["FAILED_PRECONDITION", "conflict"],
  ["ABORTED", "conflict"],
  ["OUT_OF_RANGE", "invalid"],
  ["UNIMPLEMENTED", "invalid"],
  ["INTERNAL", "outage"],
  ["UNAVAILABLE", "outage"],
  ["DATA_LOSS", "outage"],
  ["UNAUTHENTICATED", "unauthenticated"],
];

/**
 * Reads a gRPC client's error. A small number as `code` says nothing by itself, so it counts only
 * beside the details or metadata that such clients add.
 */
export function grpcStatus(error: Readonly<Record<string, unknown>>): (typeof statuses)[number] | undefined {
  const { code, details, metadata, statusDetails } = error;
  if (typeof code !== "number") return undefined;
  const looksLikeIt = typeof details === "string" || [details, metadata, statusDetails].some(isObject);
  return looksLikeIt ? statuses[code] : undefined;
}

const isObject = (value: unknown) => typeof value === "object" && value !== null;
