import { isGuardError } from "../../core/errors.ts";

/** Turns what does not verify into a result. */
export function problemOf<T extends { readonly ok: boolean }>(verify: () => T): T | { ok: false; problem: string } {
  try {
    return verify();
  } catch (error) {
    if (isGuardError(error) && error.code === "ERR_CHECKPOINT_INVALID") return { ok: false, problem: error.message };
    throw error;
  }
}
