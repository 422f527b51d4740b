import type { Answer } from "../core/call.ts";
import type { ErrorClass, ErrorInfo } from "../core/errors.ts";
import type { LimitRule } from "../core/limit-rule.ts";
import type { Tags } from "../core/tags.ts";
import type { CallKind } from "../core/target.ts";
import type { SimulatedCloudClient } from "./cloud/client.ts";
import { CloudError, type CloudErrorCode } from "./cloud/cloud-error.ts";
import { cloudOperations, type OperationFacts } from "./cloud/operation.ts";

/** One operation, in the shape that `provider-guard/object` takes. */
export interface OperationDescription {
  readonly kind: CallKind;
  readonly resourceType?: string;
  /** Dotted path of the tags in the first argument. */
  readonly tags?: string;
  /** Dotted path of the idempotency token in the first argument. */
  readonly token?: string;
  /** Dotted paths of the ids of the resources that are changed. */
  readonly targets?: string[];
  /** Keys of the input that may be recorded. */
  readonly record?: string[];
}

/** The simulated cloud, in the shape that `provider-guard/object` takes. */
export interface CloudDescription {
  readonly cloud: string;
  readonly service: string;
  readonly operations: Record<string, OperationDescription>;
  readonly seen: (operation: string, result: unknown) => Iterable<{ readonly id: string; readonly tags: Tags }>;
  readonly read: (id: string, client: object) => Promise<Tags | undefined>;
  readonly errors: (error: unknown) => ErrorInfo;
  readonly answer: (result: unknown) => Answer;
  readonly limits: LimitRule[];
}

const classes: Readonly<Record<CloudErrorCode, ErrorClass>> = {
  ConnectionReset: "outage",
  Denied: "denied",
  DependencyViolation: "conflict",
  IdempotencyMismatch: "conflict",
  IncorrectState: "conflict",
  InternalError: "outage",
  Invalid: "invalid",
  NotFound: "not-found",
  RequestTimeout: "outage",
  Throttled: "throttled",
  Unauthenticated: "unauthenticated",
  Unavailable: "outage",
};

function errors(error: unknown): ErrorInfo {
  try {
    if (!(error instanceof CloudError)) {
      return { class: (error as { name?: unknown } | null | undefined)?.name === "AbortError" ? "aborted" : "unknown" };
    }
    const { code, retryAfterMs, requestId, status } = error;
    return {
      class: classes[code],
      code,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
      ...(requestId !== undefined && { requestId }),
      ...(status !== undefined && { status }),
    };
  } catch {
    return { class: "unknown" }; // a hostile getter or proxy threw
  }
}

interface Found {
  readonly requestId?: unknown;
  readonly resource?: { readonly id: string; readonly tags: Tags };
  readonly resources?: readonly { readonly id: string; readonly tags: Tags }[];
}

function describe(facts: OperationFacts): OperationDescription {
  const { targets, record, ...rest } = facts;
  return { ...rest, ...(targets && { targets: [...targets] }), record: [...record] };
}

const source = "the simulated cloud's own defaults, with room for requests that bunch up on the way";

/**
 * Describes the simulated cloud to the `object` adapter: what its operations do, where its inputs
 * hold tags, token and ids, how its errors read, and how fast it may be asked. Spread it and set
 * `account` and `region` where several clients of one guard go to different ones.
 *
 * @example
 * import { createGuard } from "provider-guard";
 * import { object } from "provider-guard/object";
 * import { simulatedClock, simulatedCloud, simulatedCloudOperations } from "provider-guard/testing";
 * const clock = simulatedClock();
 * const cloud = simulatedCloud({ seed: 1, clock });
 * const guard = await createGuard({ owner: { managementCluster: "6f9c", provider: "infrastructure-sim" }, audit: false, clock });
 * const client = guard.wrap(cloud.client({ account: "account-1" }), object(simulatedCloudOperations));
 */
export const simulatedCloudOperations: CloudDescription = {
  cloud: "simulated",
  service: "cloud",
  operations: Object.fromEntries(Object.entries(cloudOperations).map(([name, facts]) => [name, describe(facts)])),
  seen(_operation, result) {
    const { resource, resources } = (result ?? {}) as Found;
    return resource === undefined ? (resources ?? []) : [resource];
  },
  async read(id, client) {
    try {
      return (await (client as SimulatedCloudClient).describeResource({ id })).resource.tags;
    } catch (error) {
      if (error instanceof CloudError && error.code === "NotFound") return undefined;
      throw error;
    }
  },
  errors,
  answer(result) {
    try {
      const requestId = (result as Found | null | undefined)?.requestId;
      return { class: "ok", status: 200, ...(typeof requestId === "string" && { requestId }) };
    } catch {
      return { class: "ok" };
    }
  },
  limits: [
    { name: "simulated-read", kinds: ["read"], ratePerSecond: 20, burst: 90, source },
    { name: "simulated-mutating", kinds: ["create", "update", "delete"], ratePerSecond: 5, burst: 16, source },
  ],
};
