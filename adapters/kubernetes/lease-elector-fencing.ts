import { type Call, isMutating } from "../../src/core/call.ts";
import { isGuardError } from "../../src/core/errors.ts";
import type { Interceptor } from "../../src/core/interceptor.ts";
import { refuse } from "../../src/core/refusal.ts";
import type { LeaseElector } from "./lease-elector.ts";

const name = "fencing";

/**
 * Refuses mutating calls while this process does not surely lead: when they are made, and once more when
 * a request is about to leave, since it may have waited for minutes or be an SDK's retry. Reads pass. It
 * refuses in any `mode`, and what takes away access, too: another replica does that now.
 *
 * @param elector - The elector, or whatever else can say that it leads.
 * @returns An interceptor for `createGuard({ interceptors: [...] })`. Its calls end with `ERR_LEADER_LOST`.
 * @example
 * import { createGuard } from "provider-guard";
 * import { fencing, type LeaseElector } from "provider-guard/kubernetes";
 * declare const elector: LeaseElector;
 * await createGuard({
 *   owner: { managementCluster: "6f9c2a51-7d0e-4a3b-9f0a-2c1d5e8b7a90", provider: "infrastructure-acme" },
 *   audit: false,
 *   interceptors: [fencing(elector)],
 * });
 */
export function fencing(elector: Pick<LeaseElector, "check" | "token">): Interceptor {
  function requireLeadership(call: Call): void {
    if (!isMutating(call)) return;
    try {
      elector.check();
    } catch (error) {
      throw isGuardError(error) ? refuse(call, "freeze", name, error) : error;
    }
  }
  return {
    name,
    ring: "operation",
    after: "freeze",
    intercept(call, next) {
      requireLeadership(call);
      return next();
    },
    beforeSend: ({ call }) => requireLeadership(call),
    explain(call) {
      if (!isMutating(call)) return { verdict: "pass", reason: "a read" };
      const { token } = elector;
      if (token === undefined) return { verdict: "refuse", reason: "this process does not surely lead" };
      return { verdict: "pass", reason: `leads with token ${token}` };
    },
  };
}
