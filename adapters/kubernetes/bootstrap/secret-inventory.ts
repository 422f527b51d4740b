import * as z from "zod";
import { parseOptions } from "../../../src/core/config.ts";
import type { Principal } from "../../../src/core/owner.ts";
import type { GarbageInventory, GarbageItem } from "../../../src/garbage/inventory.ts";
import { plainTags } from "../../../src/ownership/plain-tags.ts";
import { statusOf } from "../api-call.ts";
import type { SecretApi, SecretObject } from "./secret-api.ts";
import { itemIn, selectorOf } from "./secret-item.ts";

/** Options of {@link bootstrapSecretInventory}. */
export interface BootstrapSecretInventoryOptions {
  /** client-node's `CoreV1Api` for the management cluster. */
  readonly core: SecretApi;
  /** The namespace of `secretStore`. */
  readonly namespace: string;
  /** The guard's own owner. */
  readonly owner: Principal;
}

const schema = z.strictObject({
  core: z.custom<SecretApi>(
    (value) => typeof Object(value).listNamespacedSecret === "function",
    "expected client-node's CoreV1Api",
  ),
  namespace: z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, "expected a namespace"),
  owner: z.strictObject({ managementCluster: z.string().min(1), provider: z.string().min(1) }),
});

const type = "bootstrap-secret";

/**
 * What `secretStore` has left of bootstrap data whose Machine is gone, for `garbageCollector`. Only its own
 * Secrets of this management cluster are listed; each is deleted by name and UID.
 *
 * @param options - See {@link BootstrapSecretInventoryOptions}.
 * @returns The inventory.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 * @example
 * import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";
 * import { bootstrapSecretInventory } from "provider-guard/kubernetes";
 * const config = new KubeConfig();
 * config.loadFromDefault();
 * const inventory = bootstrapSecretInventory({
 *   core: config.makeApiClient(CoreV1Api),
 *   namespace: "acme-system",
 *   owner: { managementCluster: "6f9c2a51-7d0e-4a3b-9f0a-2c1d5e8b7a90", provider: "infrastructure-acme" },
 * });
 */
export function bootstrapSecretInventory(options: BootstrapSecretInventoryOptions): GarbageInventory {
  const { core, namespace, owner } = parseOptions(schema, options, "bootstrapSecretInventory");

  /** Its id is name and UID: a Secret that was made anew is another one. */
  function itemOf(secret: SecretObject): GarbageItem | undefined {
    const found = itemIn(secret);
    const { name, uid, labels = {} } = secret.metadata ?? {};
    if (found === undefined || uid === undefined || found.managementCluster !== owner.managementCluster)
      return undefined;
    const tags = {
      ...labels,
      "provider-guard/management-cluster": found.managementCluster,
      "provider-guard/provider": owner.provider,
      ...(found.machineUid !== undefined && { "provider-guard/machine-uid": found.machineUid }),
    };
    const createdAt = found.createdAt === undefined ? {} : { createdAt: found.createdAt };
    return { id: `${name}/${uid}`, type, name: `${namespace}/${name}`, tags, ...createdAt };
  }

  const placeOf = (id: string) => {
    const [name = "", uid = ""] = id.split("/");
    return { name, uid };
  };

  return {
    scope: `kubernetes/${owner.managementCluster}/${namespace}`,
    codec: plainTags,
    types: [{ name: type, holdsData: false }],
    async *list(_type, { signal, from }) {
      const selection = { namespace, labelSelector: selectorOf(owner.managementCluster, undefined), limit: 250 };
      for (let next = from; ; ) {
        const request = { ...selection, ...(next !== undefined && { _continue: next }) };
        signal.throwIfAborted();
        const { items, metadata } = await core.listNamespacedSecret(request);
        next = metadata?._continue || undefined;
        yield { items: items.map(itemOf).filter((item) => item !== undefined), ...(next !== undefined && { next }) };
        if (next === undefined) return;
      }
    },
    async read({ id }) {
      const { name, uid } = placeOf(id);
      try {
        const secret = await core.readNamespacedSecret({ namespace, name });
        return secret.metadata?.uid === uid ? itemOf(secret) : undefined;
      } catch (error) {
        if (statusOf(error) === 404) return undefined;
        throw error;
      }
    },
    async delete({ id }) {
      const { name, uid } = placeOf(id);
      try {
        await core.deleteNamespacedSecret({ namespace, name, body: { preconditions: { uid } } });
        return "deleted";
      } catch (error) {
        if (statusOf(error) === 404 || statusOf(error) === 409) return "gone"; // 409: another one has its name by now
        throw error;
      }
    },
  };
}
