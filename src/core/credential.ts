/** A short-lived credential and when it ends. */
export interface Credential<T = unknown> {
  /** The secret itself, in the form its client wants it. Never logged, never recorded. */
  readonly value: T;
  /** Unix milliseconds after which the cloud refuses it. */
  readonly expiresAt: number;
}

/** A credential that renews itself; see `credentialLease`. */
export interface CredentialLease<T = unknown> {
  /**
   * Hands out a credential that is valid now.
   * @throws {@link GuardError} `ERR_CREDENTIAL_UNAVAILABLE` when none is held and none could be fetched.
   */
  get(signal?: AbortSignal): Promise<Credential<T>>;
  /** The credential in hand if it is valid and needs no renewal now, without a promise. */
  peek(): Credential<T> | undefined;
  /** Says that the cloud refused this credential: it is not handed out again. */
  invalidate(refused: Credential<T>): void;
  /**
   * Adds a listener for what happens to the lease; optional, for the guard's metrics.
   * @returns Takes it out again.
   */
  observe?(listener: (event: { readonly type: "renewed" | "failed" | "refused" }) => void): () => void;
  /** Cancels timers and pending fetches. */
  close(): void;
}
