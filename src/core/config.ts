import type { ZodType } from "zod";
import { GuardError } from "./errors.ts";

function pathOf(root: string, path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, key) => (typeof key === "number" ? `${text}[${key}]` : text === "" ? String(key) : `${text}.${String(key)}`),
    root,
  );
}

/**
 * Validates a caller's options before anything uses them.
 *
 * @param schema - What is allowed; make objects strict so that unknown keys are refused.
 * @param value - The caller's object. It is never changed.
 * @param root - What the object is called in the message, e.g. `rateLimit`.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path of the first mistake.
 */
export function parseOptions<T>(schema: ZodType<T>, value: unknown, root: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const at = pathOf(root, issue?.path ?? []);
  const more = result.error.issues.length > 1 ? ` (and ${result.error.issues.length - 1} more)` : "";
  throw new GuardError("ERR_CONFIG_INVALID", `${at === "" ? "options" : at}: ${issue?.message ?? "invalid"}${more}`);
}
