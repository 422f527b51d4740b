/** Everything that is looked for. */
export const secretKinds = [
  "access-token",
  "high-entropy",
  "kubeadm-token",
  "kubeconfig",
  "kubernetes-secret",
  "named-secret",
  "password",
  "private-key",
  "secret-file",
  "unreadable",
] as const;

/**
 * What was found.
 * - `access-token`: a token of a known form (GitHub, Slack, AWS key pairs, JWT, …).
 * - `high-entropy`: a string that looks random, and is none of the known harmless ones.
 * - `kubeadm-token`: a bootstrap token, `[a-z0-9]{6}.[a-z0-9]{16}`.
 * - `kubeconfig`: a kubeconfig with a client's key, token or password.
 * - `kubernetes-secret`: a manifest of kind Secret with data.
 * - `named-secret`: a literal value under a name such as `token`, `secret` or `apiKey`.
 * - `password`: a password, or its hash.
 * - `private-key`: a private key in PEM, DER, or the format of OpenSSH, PuTTY or age.
 * - `secret-file`: a file to be written whose path says that it is secret, such as `/etc/kubernetes/pki/ca.key`.
 * - `unreadable`: data that could not be searched: broken or unknown compression, too large, nested too deep.
 */
export type SecretKind = (typeof secretKinds)[number];

/** Something in user data that looks like a secret. It says where it is, and nothing of what it is. */
export interface Finding {
  readonly kind: SecretKind;
  /** The way to it, outermost first, e.g. `base64, gzip, part 2, write_files[3].content, line 14`; may be empty. */
  readonly where: string;
}
