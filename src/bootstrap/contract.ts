import type { KeyObject } from "node:crypto";
import type { ObjectRef } from "../core/owner.ts";

/** What the data is for: cloud-init's user data of any kind, an Ignition config, or an executable script. */
export type BootstrapFormat = "cloud-config" | "ignition" | "script";

/**
 * How the data reaches the machine.
 * - `pointer`: ciphertext in a store, its wrapped key in the user data.
 * - `inline`: ciphertext and wrapped key in the user data.
 * - `plain`: unprotected in the user data, and overwritten afterwards.
 */
export type BootstrapMode = "pointer" | "inline" | "plain";

/** The machine that data is sealed for, and its cluster. */
export interface BootstrapMachine {
  /** UID of the management cluster's `kube-system` namespace. */
  readonly managementCluster: string;
  readonly cluster: ObjectRef;
  readonly machine: ObjectRef;
}

/** What sealed data is bound to: it stands in the signed manifest, and goes to the key's owner as context. */
export interface Binding {
  readonly machine: BootstrapMachine;
  /** Names this sealing: 32 hexadecimal digits of randomness. It is the name of its items, and not to be guessed. */
  readonly id: string;
  readonly format: BootstrapFormat;
  readonly mode: BootstrapMode;
  /** Unix milliseconds, whole seconds. */
  readonly sealedAt: number;
  /** Unix milliseconds, whole seconds. */
  readonly expiresAt: number;
}

/**
 * A piece of the program that opens the data on the machine: POSIX sh functions that use nothing but what
 * stock images ship. In mode `pointer` the user data hold `script` and `settings` of the store; all else of both parts
 * lies in the store. Nothing in it may be secret unless the contract of the function says so.
 */
export interface OpenerPart {
  /** The functions' text. */
  readonly script: string;
  /** What of a store's functions is not needed to fetch: it keeps the user data small. @defaultValue `""` */
  readonly later?: string;
  /** Functions of the library that it calls: those of `http`, or of `aws` with instance credentials and signatures. */
  readonly needs?: readonly OpenerLibrary[];
  /** Shell variables that are set before, by name; values are quoted. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** What `needs` of an {@link OpenerPart} may name. */
export type OpenerLibrary = "http" | "aws";

/** An item that a store holds. */
export interface StoredItem {
  /** `<id of the sealing>/<index>`. */
  readonly name: string;
  /** Unix milliseconds, if the store knows. */
  readonly createdAt?: number;
  /** Unix milliseconds, as it was put; the store itself removes it then if it can. */
  readonly expiresAt?: number;
  /** UID of the machine. */
  readonly machineUid?: string;
}

/** What an opener said of itself. */
export interface OpenerReport {
  readonly state: "opening" | "opened" | "failed" | "refused";
  /** Of a fixed list, in lower case and hyphens. */
  readonly reason: string;
  /** Unix milliseconds. */
  readonly at: number;
}

/** Options of what takes time. */
export interface Abortable {
  readonly signal?: AbortSignal;
}

/**
 * Where ciphertext lies until the machine has read it. All methods are idempotent, and reject with
 * `ERR_BOOTSTRAP_STORE_UNAVAILABLE` (retryable) where the store cannot be reached, or with the SDK's own error.
 */
export interface BootstrapStore {
  /** Short name for messages, records and policies, e.g. `secrets-manager`. */
  readonly name: string;
  /** Bytes of the largest item. */
  readonly maxItemBytes: number;
  /** Items of one sealing at most. */
  readonly maxItems: number;
  /** Whether the store removes items by itself once they have expired. */
  readonly expires: boolean;
  /** Whether items are handed to Ignition by URL: what the store then holds is not ciphertext of ours. */
  readonly ignition?: (binding: Binding) => IgnitionSource;
  /** Puts one item; the same item again is no error, another one of its name is. */
  put(name: string, bytes: Uint8Array, binding: Binding, options?: Abortable): Promise<void>;
  /** @returns Whether there was something to delete. Afterwards it is not to be had, not even from a recycle bin. */
  delete(name: string, options?: Abortable): Promise<boolean>;
  /** Whether the item is there. */
  has(name: string, options?: Abortable): Promise<boolean>;
  /** Items of this management cluster, by their tags, wherever they come from; of one sealing if `id` is given. */
  list(options: Abortable & { readonly managementCluster: string; readonly id?: string }): AsyncIterable<StoredItem>;
  /** What the machine's opener said last, where it can say anything; `undefined` where it said nothing. */
  report?(id: string, options?: Abortable): Promise<OpenerReport | undefined>;
  /**
   * What the machine reads with. Defines `pg_fetch INDEX FILE`: writes item INDEX into FILE; returns 0, 1 where
   * a later try may succeed, or 2 where none will; and `pg_forget INDEX`: deletes it, one that is gone included.
   * It may define `pg_report STATE REASON`, which is called once where the opener gives up for this boot.
   * `undefined` where a machine cannot reach this store by itself.
   */
  opener(binding: Binding, options?: Abortable): Promise<OpenerPart | undefined>;
}

/** A store whose items the controller itself can read: what `httpStore` hands them out of. */
export interface ReadableBootstrapStore extends BootstrapStore {
  /** @returns The item; `undefined` where it is not there. */
  get(name: string, options?: Abortable): Promise<Uint8Array | undefined>;
}

/** Where Ignition finds its config. */
export interface IgnitionSource {
  readonly source: string;
  readonly httpHeaders?: readonly { readonly name: string; readonly value: string }[];
  /** Certificates (PEM) that its server may show besides those that the image trusts. */
  readonly certificateAuthority?: string;
}

/**
 * Protects the key that the data is sealed to. Either the key pair lasts and is known to the image
 * (`recipient`), or a fresh one is made for each machine and its private key is wrapped (`wrap`).
 */
export interface KeyWrap {
  /** Short name for messages, records and policies, e.g. `aws-kms`. */
  readonly name: string;
  /** Public key (P-256, or RSA of at least 2048 bits) of a pair whose private half the image holds. */
  readonly recipient?: KeyObject;
  /**
   * Wraps a machine's private key so that only this machine's identity can unwrap it.
   *
   * @param key - PKCS #8 in DER, about 140 bytes. Secret: it is overwritten once this has settled.
   * @returns Text for the user data, 1 to 2048 printable ASCII characters without spaces.
   */
  wrap?(key: Uint8Array, binding: Binding, options?: Abortable): Promise<string>;
  /**
   * What the machine unwraps with. Defines `pg_unwrap FILE`: writes the private key (PEM, or PKCS #8 in DER) into
   * FILE, from `$pg_wrapped`; returns as `pg_fetch` does.
   */
  opener(binding: Binding): OpenerPart;
}
