import { isGuardError } from "../core/errors.ts";

const plainName = /^[A-Za-z_][\w.]{0,63}$/;
const oauthRefusals = new Set(["invalid_grant", "invalid_client", "unauthorized_client", "access_denied"]);

function read(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}

/**
 * Names an error for people without its message, which may quote what was sent; only the
 * guard's own messages are known to hold no secret.
 *
 * @returns Its code or name, where that is a plain identifier.
 */
export function reasonOf(error: unknown): string {
  if (isGuardError(error)) return error.message;
  for (const key of ["code", "name"]) {
    const text = read(error, key);
    if (typeof text === "string" && plainName.test(text)) return text;
  }
  return "Error";
}

/** Tells whether a source said no for good, by its HTTP status or OAuth error code. */
export function isRefusal(error: unknown): boolean {
  const statuses = [
    read(error, "status"),
    read(error, "statusCode"),
    read(read(error, "$metadata"), "httpStatusCode"),
    read(read(error, "response"), "status"),
  ];
  if (statuses.some((status) => status === 401 || status === 403)) return true;
  return [read(error, "code"), read(error, "error")].some((code) => oauthRefusals.has(String(code)));
}
