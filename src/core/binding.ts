import type { Adapter, Binding, OperationProfile } from "./adapter.ts";
import type { CredentialLease } from "./credential.ts";

/** Operations remembered per client; a URL that was mistaken for an operation must not fill the memory. */
const maxProfiles = 4096;

/** Joins an adapter with what the user said when wrapping, and remembers what is constant per operation. */
export function createBinding(adapter: Adapter, client: object, credentials: CredentialLease | undefined): Binding {
  const profiles = new Map<string, OperationProfile>();
  return {
    adapter,
    client,
    credentials,
    profile(service, operation, account, region) {
      const key = `${service}\n${operation}\n${account}\n${region}`;
      const known = profiles.get(key);
      if (known !== undefined) return known;
      if (profiles.size >= maxProfiles) profiles.clear();
      const profile: OperationProfile = {
        ...adapter.classify(operation, service),
        service,
        operation,
        target: { cloud: adapter.cloud, service, account, region },
      };
      profiles.set(key, profile);
      return profile;
    },
  };
}
