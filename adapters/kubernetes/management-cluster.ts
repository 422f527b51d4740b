import { abortable } from "../../src/core/abort.ts";
import { GuardError } from "../../src/core/errors.ts";
import { callOptions, statusOf } from "./api-call.ts";

/** What client-node's `CoreV1Api` is used for; a guarded one fits as well. */
export interface NamespaceReader {
  readNamespace(
    request: { readonly name: string },
    options?: object,
  ): Promise<{ readonly metadata?: { readonly uid?: string } }>;
}

/**
 * Reads what identifies a management cluster for as long as it exists: the UID of its namespace
 * `kube-system`. Pass it as `owner.managementCluster`. Errors of the client pass through, but for a 403.
 *
 * @param core - client-node's `CoreV1Api`.
 * @param options - `signal` ends the request.
 * @returns The UID.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`: this process may not read that namespace, or the answer has no UID.
 * @throws `signal.reason` when the signal aborts.
 * @example
 * import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";
 * import { createGuard } from "provider-guard";
 * import { managementClusterOf } from "provider-guard/kubernetes";
 * const config = new KubeConfig();
 * config.loadFromDefault();
 * const managementCluster = await managementClusterOf(config.makeApiClient(CoreV1Api));
 * await createGuard({ owner: { managementCluster, provider: "infrastructure-acme" }, audit: false });
 */
export async function managementClusterOf(
  core: NamespaceReader,
  options: { readonly signal?: AbortSignal } = {},
): Promise<string> {
  const { signal } = options;
  signal?.throwIfAborted();
  const { metadata } = await read(core, signal);
  if (typeof metadata?.uid === "string" && metadata.uid !== "") return metadata.uid;
  throw new GuardError("ERR_CONFIG_INVALID", "the namespace kube-system came without a UID: is this an API server?");
}

async function read(core: NamespaceReader, signal: AbortSignal | undefined) {
  try {
    return await abortable(core.readNamespace({ name: "kube-system" }, callOptions({ signal })), signal);
  } catch (cause) {
    if (signal?.aborted || statusOf(cause) !== 403) throw cause;
    const rule = 'apiGroups [""], resources ["namespaces"], resourceNames ["kube-system"], verbs ["get"]';
    const message = `the management cluster cannot be identified: reading the namespace kube-system is forbidden; allow ${rule} in a ClusterRole`;
    throw new GuardError("ERR_CONFIG_INVALID", message, { cause });
  }
}
