import { getSystemErrorName } from "node:util";
import { GuardError } from "../../src/core/errors.ts";

/** By what the system says. */
const reasons: Readonly<Record<string, string>> = {
  ENOSPC: "no space left on the device; free some, or move the folder to a larger volume",
  EDQUOT: "the disk quota is used up; raise it, or move the folder to another volume",
  EIO: "a read or write failed, or was cut short by a full disk; make room, or check the disk",
  EROFS: "the file system is mounted read-only; remount it, or choose another folder",
  EACCES: "permission denied; let this process's user read and write there",
  EPERM: "operation not permitted; let this process's user read and write there",
  ENOTDIR: "not a directory; name a directory",
  EEXIST: "not a directory; name a directory",
  EISDIR: "a directory stands where a file should; remove it",
  EMFILE: "too many open files; raise the process's limit",
};

/** LMDB's numbers for pages that are not what they should be. */
const damaged: readonly unknown[] = [-30796, -30797];

/** Makes the error for a store that fails for a reason of its own, which waiting may or may not cure. */
export function refused(directory: string, reason: string, retryable: boolean, cause?: unknown): GuardError {
  return new GuardError("ERR_STATE_UNAVAILABLE", `state store ${directory}: ${reason}`, { retryable, cause });
}

/**
 * Makes the error for a store that the system or LMDB failed.
 *
 * @param cause - What was said; its code picks the advice.
 */
export function unavailable(directory: string, cause: unknown): GuardError {
  if (cause instanceof GuardError) return cause;
  const code = (cause as { readonly code?: unknown } | null)?.code;
  if (damaged.includes(code) || cause instanceof SyntaxError) {
    return refused(directory, "is damaged; restore the folder, or remove it to start with nothing", false, cause);
  }
  // LMDB passes the system's numbers on.
  const name = typeof code === "number" && code > 0 ? getSystemErrorName(-code) : String(code ?? "unknown error");
  return refused(directory, `${reasons[name] ?? "cannot be used; look at the cause"} (${name})`, true, cause);
}
