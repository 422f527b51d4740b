import * as z from "zod";

/** What an adapter's user says of one operation, whatever names it: a method, a route. */
export const operationShape = {
  kind: z.enum(["read", "create", "update", "delete"]),
  resourceType: z.string().optional(),
  tags: z.string().optional(),
  targets: z.array(z.string()).readonly().optional(),
  record: z.array(z.string()).readonly().optional(),
};
