import type { CredentialLease } from "../../src/core/credential.ts";
import type { Config } from "./client.ts";
import { fieldsOf } from "./tag-styles.ts";

type Provider = (() => Promise<unknown>) & { memoized?: boolean };

function providerOf(lease: CredentialLease): Provider {
  const provider: Provider = async () => (lease.peek() ?? (await lease.get())).value;
  // Otherwise the SDK keeps the first value until five minutes before it expires, or for ever.
  provider.memoized = true;
  return provider;
}

/** Gives a signer another source of credentials; S3's old one holds two signers. */
function redirect(signer: unknown, provider: Provider): void {
  for (const each of [signer, fieldsOf(signer).sigv4Signer, fieldsOf(signer).signerOptions]) {
    if ("credentialProvider" in fieldsOf(each)) (each as { credentialProvider: unknown }).credentialProvider = provider;
    else if ("credentials" in fieldsOf(each)) (each as { credentials: unknown }).credentials = provider;
  }
}

/** Clients from before the SDK's configuration took new credentials hand the first ones to the signer for good. */
function leadSigner(config: Config, provider: Provider): () => void {
  const { signer } = config;
  if (typeof signer !== "function") return () => {};
  const led = async (...args: unknown[]) => {
    const made: unknown = await signer(...args);
    redirect(made, provider);
    return made;
  };
  config.signer = led;
  return () => {
    if (config.signer === led) config.signer = signer;
  };
}

/**
 * Makes a client sign with whatever the lease holds at that moment.
 *
 * @returns What puts the client's own credentials back.
 */
export function leaseCredentials(config: Config, lease: CredentialLease): () => void {
  const before = config.credentials;
  const provider = providerOf(lease);
  const taken = Object.getOwnPropertyDescriptor(config, "credentials")?.set !== undefined;
  const giveBack = taken ? () => {} : leadSigner(config, provider);
  config.credentials = provider;
  const ours = config.credentials; // the SDK wraps what it is given
  return () => {
    if (config.credentials === ours) config.credentials = before;
    giveBack();
  };
}
