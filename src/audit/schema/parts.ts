import * as z from "zod";
import type { Decision } from "../../core/call.ts";
import type { AttemptRecord, CallResult, OpenIntent } from "../../core/journal.ts";
import type { ManualOperation } from "../../core/manual.ts";
import type { ObjectRef, Owner, Principal } from "../../core/owner.ts";
import { attemptPhases, operationPhases } from "../../core/phases.ts";
import type { CallKind, Target } from "../../core/target.ts";

/** A schema for each field of `T`: one that was added to `T` and forgotten here does not compile. */
export type Fields<T> = { readonly [K in keyof Required<T>]: z.ZodType };

/** Objects may have more fields than these: later versions add some. */
export const fields =
  <T>() =>
  <S extends Fields<T>>(shape: S) =>
    z.looseObject(shape);

const text = z.string().min(1);
/** What a machine's clock says; it may have been set back meanwhile, so that durations may be negative. */
export const milliseconds = z.number();
export const at = z.number().min(0).describe("Unix milliseconds");
export const id = text.describe("Sortable unique identifier");
export const lineHash = z
  .string()
  .regex(/^[\w-]{43}$/)
  .describe("SHA-256 in base64url");

export const target = fields<Target>()({
  cloud: text,
  service: text,
  account: z.string().describe("`default` where it is not known"),
  region: z.string().describe("`default` where it is not known"),
});

const principalFields = {
  managementCluster: text.describe("UID of the management cluster's kube-system namespace"),
  provider: text,
};
export const principal = fields<Principal>()(principalFields);

const ref = fields<ObjectRef>()({ namespace: text, name: text, uid: text });
export const owner = fields<Owner>()({
  ...principalFields,
  cluster: ref.optional(),
  machine: ref.optional(),
}).describe("On whose behalf");

export const manual = fields<ManualOperation>()({
  operator: text,
  reason: text,
  ticket: text.optional(),
}).describe("The person who did it by hand");

export const kind = z.enum(["read", "create", "update", "delete"] satisfies CallKind[]);
export const result = z.enum(["ok", "failed", "unknown", "not-sent"] satisfies CallResult[]);

export const decision = fields<Decision>()({
  phase: z.enum([...operationPhases, ...attemptPhases]),
  by: text.describe("The interceptor that decided"),
  verdict: z.enum(["refuse", "would-refuse", "wait", "would-wait", "warn", "change", "resume", "retry"]),
  code: text.optional(),
  ms: milliseconds.optional(),
  note: z.string().optional(),
}).describe("What one phase did to the call");

export const attempt = fields<AttemptRecord>()({
  n: z.int().min(1),
  requestId: z.string().optional(),
  status: z.number().optional(),
  result: text.describe("`ok`, an error class, `lost` or `not-sent`"),
  code: z.string().optional(),
  ms: milliseconds.describe("Milliseconds on the wire"),
  waitedMs: milliseconds.optional().describe("Milliseconds waited for the rate limit"),
}).describe("One request on the wire");

export const openIntent = fields<OpenIntent>()({
  call: id,
  at,
  operation: text,
  service: text,
  owner,
  token: text.optional(),
  fingerprint: text.optional(),
});
