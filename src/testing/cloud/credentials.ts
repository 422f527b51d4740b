import type { Clock } from "../../core/clock.ts";
import type { Credential } from "../../core/credential.ts";
import type { SeededRandom } from "../seeded-random.ts";

/** The simulated cloud's credential service. */
export interface CredentialIssuer {
  issue(account: string, ttlMs: number): Credential<string>;
  revoke(value: string): void;
  /** Whose valid credential this is. */
  accountOf(value: string): string | undefined;
  readonly issued: number;
}

/** Makes an issuer. Expiry counts on the monotonic clock: the cloud's own clock does not jump with the controller's. */
export function credentialIssuer(random: SeededRandom, clock: Clock): CredentialIssuer {
  const valid = new Map<string, { readonly account: string; readonly until: number }>();
  let issued = 0;
  return {
    issue(account, ttlMs) {
      const secret = Array.from({ length: 4 }, () => Math.floor(random() * 2 ** 32).toString(36)).join("");
      const value = `simulated-credential-${issued++}-${secret}`;
      valid.set(value, { account, until: clock.monotonic() + ttlMs });
      return { value, expiresAt: clock.now() + ttlMs };
    },
    revoke(value) {
      valid.delete(value);
    },
    accountOf(value) {
      const entry = valid.get(value);
      return entry !== undefined && clock.monotonic() < entry.until ? entry.account : undefined;
    },
    get issued() {
      return issued;
    },
  };
}
