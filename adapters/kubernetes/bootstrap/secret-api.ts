/** A Secret as client-node reads and writes it. */
export interface SecretObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly type?: string;
  readonly immutable?: boolean;
  readonly metadata?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly creationTimestamp?: string | Date;
  };
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
}

/** What client-node's `CoreV1Api` is used for to read and to delete Secrets. */
export interface SecretDeleteApi {
  readNamespacedSecret(
    request: { readonly namespace: string; readonly name: string },
    options?: object,
  ): Promise<SecretObject>;
  deleteNamespacedSecret(
    request: {
      readonly namespace: string;
      readonly name: string;
      readonly body?: { readonly preconditions?: { readonly uid?: string } };
    },
    options?: object,
  ): Promise<unknown>;
}

/** What client-node's `CoreV1Api` is used for to keep items in Secrets. */
export interface SecretApi extends SecretDeleteApi {
  createNamespacedSecret(
    request: { readonly namespace: string; readonly body: SecretObject },
    options?: object,
  ): Promise<SecretObject>;
  listNamespacedSecret(
    request: {
      readonly namespace: string;
      readonly labelSelector?: string;
      readonly limit?: number;
      readonly _continue?: string;
    },
    options?: object,
  ): Promise<{ readonly items: readonly SecretObject[]; readonly metadata?: { readonly _continue?: string } }>;
}
