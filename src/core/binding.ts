import type { Adapter, Binding, OperationProfile } from "./adapter.ts";
import type { CredentialLease } from "./credential.ts";

/** Operations remembered per client; a URL that was mistaken for an operation must not fill the memory. */
const maxProfiles = 4096;

/** Joins an adapter with what the user said when wrapping, and remembers what is constant per operation. */
export function createBinding(adapter: Adapter, client: object, credentials: CredentialLease | undefined): Binding {
  const profiles = new Map<string, OperationProfile>();
  const latest = new Map<string, OperationProfile>(); // by operation: most clients know one service and place

  function make(service: string, operation: string, account: string, region: string): OperationProfile {
    const target = Object.freeze({ cloud: adapter.cloud, service, account, region }); // written into many records
    return { ...adapter.classify(operation, service), service, operation, target };
  }

  return {
    adapter,
    client,
    credentials,
    profile(service, operation, account, region) {
      const last = latest.get(operation);
      if (last?.target.region === region && last.target.account === account && last.service === service) return last;
      const key = `${service}\n${operation}\n${account}\n${region}`;
      let profile = profiles.get(key);
      if (profile === undefined) {
        if (profiles.size >= maxProfiles) {
          profiles.clear();
          latest.clear();
        }
        profile = make(service, operation, account, region);
        profiles.set(key, profile);
      }
      latest.set(operation, profile);
      return profile;
    },
  };
}
