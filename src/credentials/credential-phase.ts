import type { Binding } from "../core/adapter.ts";
import type { Attempt } from "../core/call.ts";
import type { Credential, CredentialLease } from "../core/credential.ts";
import type { AttemptInterceptor, Explanation } from "../core/interceptor.ts";
import type { Runtime } from "../core/runtime.ts";
import { onSettled } from "../core/settled.ts";

/** The interceptor of the `credential` phase. */
export interface CredentialPhase extends AttemptInterceptor {
  readonly phase: "credential";
  /** Counts the renewals of the client's lease from now on. */
  wrapping(binding: Pick<Binding, "credentials">): void;
  close(): void;
}

/**
 * Sees to it that a request leaves with a credential that is valid, and that one which the cloud
 * refused is not used again. The first attempt of a call that fails to authenticate is worth
 * repeating with a fresh credential; a second one is not.
 *
 * @param runtime - The guard's telemetry counts renewals.
 * @returns An interceptor for the `credential` phase of the attempt ring.
 * @throws {@link GuardError} `ERR_CREDENTIAL_UNAVAILABLE` (per attempt): see {@link credentialLease}; nothing was sent.
 * @example
 * import { EC2Client } from "@aws-sdk/client-ec2";
 * import { credentialLease, type Guard } from "provider-guard";
 * import { aws } from "provider-guard/aws";
 * function clientOf(guard: Guard, fetch: () => Promise<{ value: object; expiresAt: Date }>) {
 *   return guard.wrap(new EC2Client({}), aws(), { credentials: credentialLease({ fetch }) });
 * }
 */
export function credentialPhase(runtime: Runtime): CredentialPhase {
  const watched = new WeakSet<CredentialLease>();
  const removals: (() => void)[] = [];

  function react(attempt: Attempt, lease: CredentialLease, used: Credential): void {
    if (attempt.answer?.class !== "unauthenticated") return;
    lease.invalidate(used);
    // Once a call: where a fresh credential is refused too, the credential is not what is wrong.
    if (!attempt.call.attempts.some((earlier) => earlier.again)) attempt.again = true;
  }

  function withCredential(attempt: Attempt, lease: CredentialLease, used: Credential, next: () => Promise<unknown>) {
    return onSettled(next(), () => react(attempt, lease, used)); // the guard then knows whether to send again
  }

  async function afterRenewal(
    attempt: Attempt,
    lease: CredentialLease,
    next: () => Promise<unknown>,
  ): Promise<unknown> {
    return withCredential(attempt, lease, await lease.get(attempt.call.signal), next);
  }

  return {
    name: "credential",
    ring: "attempt",
    phase: "credential",
    intercept(attempt, next) {
      const lease = attempt.call.binding.credentials;
      if (lease === undefined) return next();
      const held = lease.peek();
      return held === undefined ? afterRenewal(attempt, lease, next) : withCredential(attempt, lease, held, next);
    },
    explain(call): Explanation {
      return call.binding.credentials === undefined
        ? { verdict: "off", reason: "no credential lease was given to guard.wrap: the client uses its own credentials" }
        : { verdict: "pass", reason: "the credential lease is renewed when it is due" };
    },
    wrapping({ credentials }) {
      if (credentials?.observe === undefined || watched.has(credentials)) return;
      watched.add(credentials);
      const remove = credentials.observe(({ type }) => {
        if (type !== "refused") runtime.telemetry.credentialRenewed(type === "renewed" ? "ok" : "failed");
      });
      removals.push(remove);
    },
    close() {
      for (const remove of removals.splice(0)) remove();
    },
  };
}
