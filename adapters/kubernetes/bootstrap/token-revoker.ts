import * as z from "zod";
import type { Abortable } from "../../../src/bootstrap/contract.ts";
import { parseOptions } from "../../../src/core/config.ts";
import { GuardError } from "../../../src/core/errors.ts";
import type { SecretDeleteApi, SecretObject } from "./secret-api.ts";
import { secretCalls } from "./secret-calls.ts";

/** Options of {@link bootstrapTokenRevoker}. */
export interface BootstrapTokenRevokerOptions {
  /** client-node's `CoreV1Api` for the workload cluster, not the management cluster; not guarded. */
  readonly core: SecretDeleteApi;
  /** How long one request may take, in milliseconds. @defaultValue 5000 */
  readonly timeoutMs?: number;
}

/** Takes join tokens back. */
export interface BootstrapTokenRevoker {
  /**
   * @param tokenId - The token's public half: the six characters before the dot.
   * @returns Whether there was such a token.
   */
  revoke(tokenId: string, options?: Abortable): Promise<boolean>;
}

const schema = z.strictObject({
  core: z.custom<SecretDeleteApi>(
    (value) => typeof Object(value).deleteNamespacedSecret === "function",
    "expected client-node's CoreV1Api",
  ),
  timeoutMs: z
    .number()
    .positive()
    .max(2 ** 31 - 1)
    .default(5_000),
});

/** @see https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/ read on 2026-11-23 */
const type = "bootstrap.kubernetes.io/token";

/**
 * Revokes kubeadm's join tokens of one workload cluster before their time: it deletes `bootstrap-token-<id>` in
 * `kube-system`, if that is a Secret of the type of such tokens. An API server remembers who a token was for ten
 * seconds, and may take it for so long. What is not there, or is no token, is left alone: it can be repeated. It
 * needs get and delete on secrets there.
 *
 * @param options - See {@link BootstrapTokenRevokerOptions}.
 * @returns What revokes.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path of the option; per call: `tokenId` is no token's id.
 * @throws {@link GuardError} `ERR_BOOTSTRAP_STORE_UNAVAILABLE` (per call): the API server cannot be reached
 *   (retryable), or refuses (not).
 * @example
 * import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";
 * import type { BootstrapVaultOptions } from "provider-guard/bootstrap";
 * import { bootstrapTokenRevoker } from "provider-guard/kubernetes";
 * const revokeToken: BootstrapVaultOptions["revokeToken"] = async (tokenId, { cluster }, options) => {
 *   const workload = new KubeConfig();
 *   // From the cluster's kubeconfig Secret.
 *   workload.loadFromFile(`/run/kubeconfigs/${cluster.namespace}-${cluster.name}`);
 *   await bootstrapTokenRevoker({ core: workload.makeApiClient(CoreV1Api) }).revoke(tokenId, options);
 * };
 */
export function bootstrapTokenRevoker(options: BootstrapTokenRevokerOptions): BootstrapTokenRevoker {
  const { core, timeoutMs } = parseOptions(schema, options, "bootstrapTokenRevoker");
  const calls = secretCalls("bootstrapTokenRevoker", "get and delete", timeoutMs);
  const isToken = (secret: SecretObject) => secret.type === type;

  return {
    async revoke(tokenId, { signal } = {}) {
      if (!/^[a-z0-9]{6}$/.test(tokenId)) {
        // A whole token must not get into a message.
        throw new GuardError("ERR_CONFIG_INVALID", "bootstrapTokenRevoker: expected the six characters before the dot");
      }
      return calls.delete(core, { namespace: "kube-system", name: `bootstrap-token-${tokenId}` }, isToken, signal);
    },
  };
}
