import type { Binding, OpenerPart } from "./contract.ts";

/** Data that was sealed, with all that the opener needs besides a way to the chunks and to the key. */
export interface SealedData {
  readonly binding: Binding;
  /** See docs/design/bootstrap-data.md. */
  readonly manifest: string;
  /** Of the manifest, by Ed25519, in base64. */
  readonly signature: string;
  /** The public key that it verifies with: SubjectPublicKeyInfo in PEM. */
  readonly signer: string;
  /** What the key wrap made of the private key; empty where the key pair lasts. */
  readonly wrapped: string;
  readonly chunks: readonly Uint8Array[];
}

/** What an opener is made of. */
export interface OpenerOptions {
  readonly sealed: SealedData;
  readonly wrap: OpenerPart;
  /** `undefined`: the one chunk comes with the user data. */
  readonly store: OpenerPart | undefined;
  /** Whether cloud-init calls it. @defaultValue false */
  readonly cloudInit?: boolean;
}
