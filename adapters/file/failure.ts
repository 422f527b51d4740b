import { GuardError } from "../../src/core/errors.ts";

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: "no space left on the device; free some, or move the folder to a larger volume",
  EDQUOT: "the disk quota is used up; raise it, or move the folder to another volume",
  EROFS: "the file system is mounted read-only; remount it, or choose another folder",
  EACCES: "permission denied; let this process's user read and write there",
  EPERM: "operation not permitted; let this process's user read and write there",
  ENOTDIR: "not a directory; name a directory",
  EEXIST: "not a directory; name a directory",
  EISDIR: "a directory stands where a file should; remove it",
  EMFILE: "too many open files; raise the process's limit",
  // What LMDB says when a write was cut short.
  "5": "a write failed, perhaps because the disk is full; make room, or check the disk",
};

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
  const code = String((cause as { code?: unknown } | null)?.code ?? "unknown error");
  return refused(directory, `${reasons[code] ?? "cannot be used; look at the cause"} (${code})`, true, cause);
}
