import { GuardError } from "../core/errors.ts";

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: "no space left on the device; free some, or move the journal to a larger volume",
  EDQUOT: "the disk quota is used up; raise it, or move the journal to another volume",
  EFBIG: "the file may not grow any further; raise the process's file size limit",
  EIO: "the device failed to read or write; check the disk",
  EROFS: "the file system is mounted read-only; remount it, or choose another directory",
  EACCES: "permission denied; let this process's user read and write there",
  EPERM: "operation not permitted; let this process's user read and write there",
  ENOTDIR: "not a directory; name a directory",
  EEXIST: "not a directory; name a directory",
  ENOENT: "no such file or directory",
  EMFILE: "too many open files; raise the process's limit",
};

/** How long a controller should wait before it tries again after the journal failed, in milliseconds. */
const retryAfterMs = 10_000;

/**
 * Makes the error for a journal that cannot be read or written.
 *
 * @param path - File or directory that failed.
 * @param cause - What the system said; its code picks the advice.
 */
export function unavailable(path: string, cause: unknown): GuardError {
  if (cause instanceof GuardError) return cause;
  const code = (cause as { code?: unknown } | null)?.code;
  const known = typeof code === "string" ? code : "unknown error";
  const reason = reasons[known] ?? "cannot be used";
  return new GuardError("ERR_AUDIT_UNAVAILABLE", `audit journal ${path}: ${reason} (${known})`, {
    retryable: true,
    requeueAfterMs: retryAfterMs,
    cause,
  });
}

/** Makes the error for a journal that fails for a reason of its own, which waiting may or may not cure. */
export function refused(path: string, reason: string, retryable: boolean, cause?: unknown): GuardError {
  return new GuardError("ERR_AUDIT_UNAVAILABLE", `audit journal ${path}: ${reason}`, {
    ...(retryable ? { retryable, requeueAfterMs: retryAfterMs } : {}),
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Runs a step on `path` and turns what the system throws into `ERR_AUDIT_UNAVAILABLE`. */
export async function guarded<T>(path: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw unavailable(path, error);
  }
}
