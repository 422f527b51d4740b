import * as z from "zod";
import type { Classification } from "./adapter.ts";

const shape = {
  kind: z.enum(["read", "create", "update", "delete"]),
  resourceType: z.string().optional(),
  revokes: z.boolean().optional(),
  tags: z.string().optional(),
  targets: z.array(z.string()).readonly().optional(),
  record: z.array(z.string()).readonly().optional(),
};

/** Checks what an adapter's user says of one operation, whatever names it: a method, a route. */
export function operationSchema<S extends z.ZodRawShape>(more: S) {
  return z.strictObject({ ...shape, ...more }).superRefine((operation, context) => {
    const { kind, revokes } = operation as { readonly kind: string; readonly revokes?: boolean };
    if (revokes !== true || kind === "update" || kind === "delete") return;
    const message = `only an update or a delete takes something away, not a ${kind}`;
    context.addIssue({ code: "custom", path: ["revokes"], message });
  });
}

/** What is known of an operation that the adapter's user listed. */
export function listedAs({ kind, resourceType, revokes }: Omit<Classification, "known">): Classification {
  return {
    kind,
    known: true,
    ...(resourceType === undefined ? {} : { resourceType }),
    ...(revokes === true ? { revokes } : {}),
  };
}
