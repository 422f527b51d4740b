import * as z from "zod";
import { parseOptions } from "../core/config.ts";
import { readErrorInfo } from "../core/error-info.ts";
import { type ErrorClass, isGuardError, notedErrorInfo } from "../core/errors.ts";
import { deniedRight } from "./denied-right.ts";

/** Whether what a condition's type says is so. */
export type ConditionStatus = "True" | "False" | "Unknown";

/** How bad a condition of the contract v1beta1 is; v1beta2 knows none. */
export type ConditionSeverity = "Error" | "Warning" | "Info";

/** A condition of an object's status, as the contracts v1beta1 and v1beta2 have it. */
export interface Condition {
  readonly type: string;
  readonly status: ConditionStatus;
  /** A word in CamelCase for programs. */
  readonly reason: string;
  /** A sentence for people. */
  readonly message: string;
  readonly severity?: ConditionSeverity;
  /** `metadata.generation` of the object that was looked at. */
  readonly observedGeneration?: number;
  /** When `status` changed last, as RFC 3339 or what a client made of it; {@link setCondition} sets it. */
  readonly lastTransitionTime?: string | Date;
}

/** Options of {@link conditionFrom}. */
export interface ConditionOptions {
  /** What the condition is about, e.g. `InstanceReady`. */
  readonly type: string;
  /** @defaultValue `Unknown` where the error tells nothing of the resource (outage, abort, a bug), else `False` */
  readonly status?: ConditionStatus;
  /** `metadata.generation` of the object that was reconciled. @defaultValue none */
  readonly observedGeneration?: number;
  /** Whether to say how bad it is, as the contract v1beta1 asks for where the status is `False`. @defaultValue false */
  readonly severity?: boolean;
}

const maxMessageLength = 1024;

const schema = z.strictObject({
  type: z
    .string()
    .max(256)
    .regex(/^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/, "expected CamelCase"),
  status: z.enum(["True", "False", "Unknown"]).optional(),
  observedGeneration: z.number().int().min(0).optional(),
  severity: z.boolean().default(false),
});

type Meaning = readonly [reason: string, message: string, status: ConditionStatus, severity: ConditionSeverity];

/** Of errors that are not the guard's: never their message, which may hold anything. */
const meanings: Readonly<Record<ErrorClass, Meaning>> = {
  aborted: ["Aborted", "The work was given up before it ended", "Unknown", "Info"],
  conflict: ["Conflict", "Something else changed the resource at the same time", "False", "Warning"],
  denied: ["AccessDenied", "The service denied access", "False", "Error"],
  invalid: ["RequestInvalid", "The service refused the request as invalid", "False", "Error"],
  "not-found": ["NotFound", "The service does not know the resource", "False", "Warning"],
  outage: ["ServiceUnavailable", "The service cannot be reached, or failed", "Unknown", "Warning"],
  throttled: ["Throttled", "The service answered that requests come too fast", "False", "Warning"],
  unauthenticated: ["Unauthenticated", "The service did not accept the credentials", "False", "Error"],
  unknown: ["InternalError", "An unexpected error: see the controller's log", "Unknown", "Warning"],
};

const codePattern = /^ERR(_[A-Z]{1,24}){1,6}$/;

const camelCase = (code: string) =>
  code
    .slice("ERR_".length)
    .split("_")
    .map((word) => `${word[0]}${word.slice(1).toLowerCase()}`)
    .join("");

/** One line, bounded, and without times that were measured: a status that changes at every try wakes its own controller. */
function messageOf(text: string): string {
  const line = text
    .replace(/\b\d+(\.\d+)? ms\b/g, "… ms")
    .replace(/[\p{Cc}\s]+/gu, " ")
    .trim();
  return line.length <= maxMessageLength
    ? line
    : `${line.slice(0, maxMessageLength - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
}

function read(error: unknown): Meaning {
  if (isGuardError(error) && codePattern.test(error.code)) {
    const severity = error.retryable ? "Warning" : "Error";
    return [camelCase(error.code), messageOf(error.message), "False", severity];
  }
  const { class: kind, code, status: http } = notedErrorInfo(error) ?? readErrorInfo(error);
  const [reason, message, status, severity] = meanings[kind] ?? meanings.unknown;
  const name = code !== undefined && /^[\w.:-]{1,64}$/.test(code) ? [code] : [];
  const right = kind === "denied" ? deniedRight(error) : undefined;
  const details = [...name, ...(http === undefined ? [] : [`HTTP ${http}`]), ...(right === undefined ? [] : [right])];
  return [reason, details.length === 0 ? message : `${message} (${details.join(", ")})`, status, severity];
}

/**
 * Makes a Cluster API condition of what went wrong, next to `requeueAfter(error)`, which says when to
 * look again. The reason is the guard's error code in CamelCase, or what the service's error means. The
 * message of a service's error is never copied, since it may hold a secret; the same cause gives the same
 * message, so that writing the status does not wake the controller for nothing. Never throws for an error.
 *
 * @param error - Whatever was caught.
 * @param options - See {@link ConditionOptions}.
 * @returns The condition, for {@link setCondition}.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 * @example
 * import { GuardError } from "provider-guard";
 * import { conditionFrom } from "provider-guard/cluster-api";
 * const error = new GuardError("ERR_CIRCUIT_OPEN", "circuit ec2 is open: retry later", { retryable: true });
 * conditionFrom(error, { type: "InstanceReady" }).reason; // "CircuitOpen"
 * @see docs/reference/conditions.md for all reasons
 */
export function conditionFrom(error: unknown, options: ConditionOptions): Condition {
  const { type, severity: wanted, observedGeneration, ...given } = parseOptions(schema, options, "conditionFrom");
  const [reason, message, usual, severity] = read(error);
  const status = given.status ?? usual;
  return {
    ...{ type, status, reason, message },
    ...(wanted && status === "False" ? { severity } : {}),
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
  };
}
