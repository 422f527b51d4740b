import type {
  DescribeSecretCommandOutput,
  ListSecretsCommandInput,
  ListSecretsCommandOutput,
} from "@aws-sdk/client-secrets-manager";
import * as z from "zod";
import type { Abortable, BootstrapStore, StoredItem } from "../../../src/bootstrap/contract.ts";
import { parseOptions } from "../../../src/core/config.ts";
import { tagsIn } from "../tag-styles.ts";
import { allPages, isNamed, senderOf } from "./call.ts";
import { anotherItem, checkItem, digestOf, itemOf, labels, labelsOf, pairsOf } from "./items.ts";
import { secretsManagerLaterScript, secretsManagerScript } from "./scripts.generated.ts";
import { type AwsBootstrapStoreOptions, placeOf, storeOptions } from "./settings.ts";

const root = "secretsManagerStore";
const schema = z.strictObject(storeOptions);

const maxItemBytes = 65_536;
const maxItems = 16;

/**
 * Keeps sealed bootstrap data in AWS Secrets Manager, one secret an item, deleted without a recovery window.
 * Nothing is written over: a secret that is there already must have been put with the same bytes, which its
 * version id tells without reading it. Secrets Manager has no expiry of its own, so what is left over is the
 * sweep's. Rights of controller and nodes: {@link bootstrapPolicies}.
 *
 * @param options - See {@link AwsBootstrapStoreOptions}; `client` is a `SecretsManagerClient`.
 * @returns A store for `bootstrapVault`. Its methods reject with `ERR_BOOTSTRAP_STORE_UNAVAILABLE` (retryable)
 * where Secrets Manager throttles or cannot be reached, with the SDK's own error otherwise.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for a wrong option, naming its path.
 * @example
 * import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
 * import { secretsManagerStore } from "provider-guard/aws";
 * const client = new SecretsManagerClient({ region: "eu-central-1" });
 * const store = secretsManagerStore({ client, prefix: "prod/bootstrap", kmsKeyId: "alias/bootstrap" });
 * @see AWS Secrets Manager user guide, "Quotas", read 2026-11
 */
export function secretsManagerStore(options: AwsBootstrapStoreOptions): BootstrapStore {
  const { prefix, kmsKeyId } = parseOptions(schema, options, root);
  const name = "secrets-manager";
  const send = senderOf(options.client, name);
  const sdk = () => import("@aws-sdk/client-secrets-manager");

  /** `undefined` where there is none; one that waits for its deletion could be restored, and counts. */
  async function describe(item: string, signal: AbortSignal | undefined) {
    checkItem(root, item, maxItemBytes);
    const { DescribeSecretCommand } = await sdk();
    try {
      const command = new DescribeSecretCommand({ SecretId: `${prefix}/${item}` });
      return await send<DescribeSecretCommandOutput>(command, signal);
    } catch (error) {
      if (isNamed(error, "ResourceNotFoundException")) return undefined;
      throw error;
    }
  }

  async function find(filters: ListSecretsCommandInput["Filters"], signal: AbortSignal | undefined) {
    const { ListSecretsCommand } = await sdk();
    return allPages(async (NextToken) => {
      const command = new ListSecretsCommand({
        Filters: filters,
        IncludePlannedDeletion: true,
        MaxResults: 100,
        NextToken,
      });
      const page = await send<ListSecretsCommandOutput>(command, signal);
      return { items: page.SecretList, next: page.NextToken };
    });
  }

  return {
    name,
    maxItemBytes,
    maxItems,
    expires: false,

    async put(item, bytes, binding, { signal }: Abortable = {}) {
      checkItem(root, item, maxItemBytes, bytes);
      const { CreateSecretCommand } = await sdk();
      const token = digestOf(item, bytes);
      try {
        const command = new CreateSecretCommand({
          Name: `${prefix}/${item}`,
          SecretBinary: bytes,
          ClientRequestToken: token,
          Tags: pairsOf(labelsOf(binding)),
          ...(kmsKeyId === undefined ? {} : { KmsKeyId: kmsKeyId }),
        });
        await send(command, signal);
      } catch (error) {
        if (!isNamed(error, "ResourceExistsException")) throw error;
        const there = await describe(item, signal);
        if (there === undefined) throw error;
        if (!there.VersionIdsToStages?.[token]?.includes("AWSCURRENT")) throw anotherItem(root, item, error);
      }
    },

    async delete(item, { signal }: Abortable = {}) {
      // A forced deletion does not say whether there was anything.
      if ((await describe(item, signal)) === undefined) return false;
      const { DeleteSecretCommand } = await sdk();
      await send(new DeleteSecretCommand({ SecretId: `${prefix}/${item}`, ForceDeleteWithoutRecovery: true }), signal);
      return true;
    },

    async has(item, { signal }: Abortable = {}) {
      return (await describe(item, signal)) !== undefined;
    },

    async *list({ signal, ...wanted }): AsyncGenerator<StoredItem> {
      const under = wanted.id === undefined ? `${prefix}/` : `${prefix}/${wanted.id}/`;
      const found = await find(
        [
          { Key: "name", Values: [under] },
          { Key: "tag-key", Values: [labels.managementCluster] },
          { Key: "tag-value", Values: [wanted.managementCluster] },
        ],
        signal,
      );
      for (const { Name = "", Tags, CreatedDate } of found) {
        if (!Name.startsWith(under)) continue;
        const item = itemOf(Name.slice(prefix.length + 1), tagsIn(Tags, "Key"), CreatedDate, wanted);
        if (item !== undefined) yield item;
      }
    },

    async opener({ id }) {
      return {
        script: secretsManagerScript,
        later: secretsManagerLaterScript,
        needs: ["aws"],
        settings: { ...(await placeOf(options, "secretsmanager")), pg_store_items: `${prefix}/${id}` },
      };
    },
  };
}
