import * as z from "zod";
import type { ReadableBootstrapStore } from "../../../src/bootstrap/contract.ts";
import { parseOptions } from "../../../src/core/config.ts";
import { GuardError } from "../../../src/core/errors.ts";
import { statusOf } from "../api-call.ts";
import type { SecretApi, SecretObject } from "./secret-api.ts";
import { secretCalls } from "./secret-calls.ts";
import { bytesIn, itemIn, secretName, secretOf, selectorOf } from "./secret-item.ts";

/** Options of {@link secretStore}. */
export interface SecretStoreOptions {
  /** client-node's `CoreV1Api` for the management cluster, not guarded: its Secrets belong to the provider. */
  readonly core: SecretApi;
  /** The provider's own namespace. */
  readonly namespace: string;
  /** How long one request may take, in milliseconds. @defaultValue 5000 */
  readonly timeoutMs?: number;
}

const schema = z.strictObject({
  core: z.custom<SecretApi>(
    (value) => typeof Object(value).createNamespacedSecret === "function",
    "expected client-node's CoreV1Api",
  ),
  namespace: z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, "expected a namespace"),
  timeoutMs: z
    .number()
    .positive()
    .max(2 ** 31 - 1)
    .default(5_000),
});

const maxItemBytes = 512 * 1024;
const pageSize = 250;

/**
 * Keeps items in Secrets of the provider's own namespace, one each, immutable. No machine reaches them: it is what
 * `httpStore` hands out of, in place of a volume that all replicas share. Expired items stay until `sweep` of the
 * vault deletes them. It needs the rights create, get, list and delete on secrets in that namespace, and touches no
 * Secret that is not its own; whoever may read Secrets there reads ciphertext.
 *
 * @param options - See {@link SecretStoreOptions}.
 * @returns A store that the controller can read, too.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path of the option; per operation for a name that is
 *   none of an item, an item that is too large, or another one under a name that is taken.
 * @throws {@link GuardError} `ERR_BOOTSTRAP_STORE_UNAVAILABLE` (per operation): the API server cannot be reached
 *   (retryable), or refuses (not).
 * @example
 * import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";
 * import { httpStore } from "provider-guard/bootstrap";
 * import { configMapState, secretStore } from "provider-guard/kubernetes";
 * const config = new KubeConfig();
 * config.loadFromDefault();
 * const core = config.makeApiClient(CoreV1Api);
 * const store = httpStore({
 *   url: "https://bootstrap.acme.example:8443/machines",
 *   backing: secretStore({ core, namespace: "acme-system" }),
 *   state: configMapState({ core, namespace: "acme-system", name: "acme-bootstrap-state" }),
 * });
 */
export function secretStore(options: SecretStoreOptions): ReadableBootstrapStore {
  const { core, namespace, timeoutMs } = parseOptions(schema, options, "secretStore");
  const called = `secretStore ${namespace}`;
  const calls = secretCalls(called, "create, get, list and delete", timeoutMs);
  const isOurs = (secret: SecretObject) => itemIn(secret) !== undefined;

  async function read(
    itemName: string,
    signal: AbortSignal | undefined,
    accept?: "PartialObjectMetadata",
  ): Promise<SecretObject | undefined> {
    const place = { namespace, name: secretName(itemName) };
    try {
      return await calls.ask((call) => core.readNamespacedSecret(place, call), signal, accept);
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  }

  return {
    name: "kubernetes-secret",
    maxItemBytes,
    maxItems: 64,
    expires: false,
    async put(name, bytes, binding, { signal } = {}) {
      const body = secretOf(namespace, name, bytes, binding);
      if (bytes.length > maxItemBytes) {
        const message = `secretStore: an item of ${bytes.length} bytes; the most is ${maxItemBytes}`;
        throw new GuardError("ERR_CONFIG_INVALID", message);
      }
      try {
        await calls.ask((call) => core.createNamespacedSecret({ namespace, body }, call), signal);
      } catch (error) {
        if (statusOf(error) !== 409) throw error;
        const there = await read(name, signal);
        if (there !== undefined && bytesIn(there)?.equals(bytes)) return; // whose answer was lost, maybe
        throw new GuardError("ERR_CONFIG_INVALID", `secretStore: another item has the name ${name}`);
      }
    },
    async get(name, { signal } = {}) {
      const secret = await read(name, signal);
      return secret && bytesIn(secret);
    },
    delete: async (name, { signal } = {}) =>
      calls.delete(core, { namespace, name: secretName(name) }, isOurs, signal, "PartialObjectMetadata"),
    async has(name, { signal } = {}) {
      const secret = await read(name, signal, "PartialObjectMetadata");
      return secret !== undefined && isOurs(secret);
    },
    async *list({ managementCluster, id, signal }) {
      const selection = { namespace, labelSelector: selectorOf(managementCluster, id), limit: pageSize };
      const told = new Set<string>();
      let next: string | undefined;
      do {
        const request = { ...selection, ...(next && { _continue: next }) };
        const page = await calls
          .ask((call) => core.listNamespacedSecret(request, call), signal, "PartialObjectMetadataList")
          .catch((error) => {
            if (!next || statusOf(error) !== 410) throw error;
            return undefined; // too old to go on from: once more from the first page
          });
        next = page === undefined ? "" : page.metadata?._continue || undefined;
        for (const secret of page?.items ?? []) {
          const found = itemIn(secret);
          if (found?.managementCluster !== managementCluster || told.has(found.name)) continue;
          const { managementCluster: _, ...item } = found;
          told.add(item.name);
          yield item;
        }
      } while (next !== undefined);
    },
    opener: async () => undefined,
  };
}
