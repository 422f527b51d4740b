import { fieldsOf } from "../../src/core/kubernetes-status.ts";

/** What a delete may be bound to. */
export interface Preconditions {
  readonly uid?: string;
  readonly resourceVersion?: string;
}

/**
 * Binds a delete to one object, unless the caller has bound it themselves.
 *
 * @param body - Delete options, if there are any.
 * @returns The body as it was where there is nothing to add.
 */
export function withPreconditions(body: unknown, preconditions: Preconditions): unknown {
  if (Object.keys(preconditions).length === 0 || fieldsOf(body).preconditions !== undefined) return body;
  return { ...(body ?? { apiVersion: "v1", kind: "DeleteOptions" }), preconditions };
}

/** What an object in a caller's hands lets a delete be bound to. */
export function preconditionsOf(object: unknown, withVersion: boolean): Preconditions {
  const { uid, resourceVersion } = fieldsOf(fieldsOf(object).metadata);
  return {
    ...(typeof uid === "string" && uid !== "" ? { uid } : {}),
    ...(withVersion && typeof resourceVersion === "string" && resourceVersion !== "" ? { resourceVersion } : {}),
  };
}
