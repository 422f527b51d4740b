import type { DescribeParametersCommandOutput, ListTagsForResourceCommandOutput } from "@aws-sdk/client-ssm";
import * as z from "zod";
import type { Abortable, BootstrapStore, StoredItem } from "../../../src/bootstrap/contract.ts";
import { isItemName } from "../../../src/bootstrap/item-name.ts";
import { parseOptions } from "../../../src/core/config.ts";
import { tagsIn } from "../tag-styles.ts";
import { allPages, isNamed, senderOf } from "./call.ts";
import { anotherItem, checkItem, digestOf, itemOf, labels, labelsOf, pairsOf } from "./items.ts";
import { ssmLaterScript, ssmScript } from "./scripts.generated.ts";
import { type AwsBootstrapStoreOptions, placeOf, storeOptions } from "./settings.ts";

/** Options of {@link ssmStore}. */
export interface SsmStoreOptions extends AwsBootstrapStoreOptions {
  /**
   * `advanced`: items of 6,144 bytes in place of 3,072, and Systems Manager itself deletes them once they have
   * expired. It is charged by parameter and month.
   * @defaultValue `"standard"`
   */
  readonly tier?: "standard" | "advanced";
}

const root = "ssmStore";
const schema = z.strictObject({ ...storeOptions, tier: z.enum(["standard", "advanced"]).default("standard") });

/** Values are text: three bytes take four of their 4,096 or 8,192 characters. */
const maxBytes = { standard: 3072, advanced: 6144 } as const;
const maxItems = 64;

const digestLabel = "provider-guard-bootstrap/digest";

/**
 * Keeps sealed bootstrap data in the Parameter Store of AWS Systems Manager, one SecureString an item.
 * Nothing is written over: a parameter that is there already must have been put with the same bytes, which a
 * tag tells without reading it. Rights of controller and nodes: {@link bootstrapPolicies}.
 *
 * @param options - See {@link SsmStoreOptions}; `client` is an `SSMClient`.
 * @returns A store for `bootstrapVault`. Its methods reject with `ERR_BOOTSTRAP_STORE_UNAVAILABLE` (retryable)
 * where Systems Manager throttles or cannot be reached, with the SDK's own error otherwise.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for a wrong option, naming its path.
 * @example
 * import { SSMClient } from "@aws-sdk/client-ssm";
 * import { ssmStore } from "provider-guard/aws";
 * const client = new SSMClient({ region: "eu-central-1" });
 * const store = ssmStore({ client, prefix: "prod/bootstrap", kmsKeyId: "alias/bootstrap", tier: "advanced" });
 * @see AWS Systems Manager user guide, "Managing parameter tiers" and "Assigning parameter policies", read 2026-11
 */
export function ssmStore(options: SsmStoreOptions): BootstrapStore {
  const { prefix, kmsKeyId, tier } = parseOptions(schema, options, root);
  const name = "ssm";
  const maxItemBytes = maxBytes[tier];
  const send = senderOf(options.client, name);
  const sdk = () => import("@aws-sdk/client-ssm");

  /** A parameter's tags; `undefined` where it is not there. */
  async function tagsOf(item: string, signal: AbortSignal | undefined) {
    checkItem(root, item, maxItemBytes);
    const { ListTagsForResourceCommand } = await sdk();
    try {
      const command = new ListTagsForResourceCommand({ ResourceType: "Parameter", ResourceId: `/${prefix}/${item}` });
      const { TagList } = await send<ListTagsForResourceCommandOutput>(command, signal);
      return tagsIn(TagList, "Key");
    } catch (error) {
      if (isNamed(error, "InvalidResourceId", "ParameterNotFound")) return undefined;
      throw error;
    }
  }

  async function find(path: string, managementCluster: string, signal: AbortSignal | undefined) {
    const { DescribeParametersCommand } = await sdk();
    return allPages(async (NextToken) => {
      const command = new DescribeParametersCommand({
        ParameterFilters: [
          { Key: "Path", Option: "Recursive", Values: [path] },
          { Key: `tag:${labels.managementCluster}`, Values: [managementCluster] },
        ],
        MaxResults: 50,
        NextToken,
      });
      const page = await send<DescribeParametersCommandOutput>(command, signal);
      return { items: page.Parameters, next: page.NextToken };
    });
  }

  return {
    name,
    maxItemBytes,
    maxItems,
    expires: tier === "advanced",

    async put(item, bytes, binding, { signal }: Abortable = {}) {
      checkItem(root, item, maxItemBytes, bytes);
      const { PutParameterCommand } = await sdk();
      const digest = digestOf(item, bytes);
      const tags = { ...labelsOf(binding), [digestLabel]: digest };
      const expiration = {
        Type: "Expiration",
        Version: "1.0",
        Attributes: { Timestamp: new Date(binding.expiresAt).toISOString() },
      };
      try {
        const command = new PutParameterCommand({
          Name: `/${prefix}/${item}`,
          Value: Buffer.from(bytes).toString("base64"),
          Type: "SecureString",
          Overwrite: false,
          Tags: pairsOf(tags),
          ...(kmsKeyId === undefined ? {} : { KeyId: kmsKeyId }),
          ...(tier === "advanced"
            ? { Tier: "Advanced", Policies: JSON.stringify([expiration]) }
            : { Tier: "Standard" }),
        });
        await send(command, signal);
      } catch (error) {
        if (!isNamed(error, "ParameterAlreadyExists")) throw error;
        const there = await tagsOf(item, signal);
        if (there === undefined) throw error;
        if (there[digestLabel] !== digest) throw anotherItem(root, item, error);
      }
    },

    async delete(item, { signal }: Abortable = {}) {
      checkItem(root, item, maxItemBytes);
      const { DeleteParameterCommand } = await sdk();
      try {
        await send(new DeleteParameterCommand({ Name: `/${prefix}/${item}` }), signal);
        return true;
      } catch (error) {
        if (isNamed(error, "ParameterNotFound")) return false;
        throw error;
      }
    },

    async has(item, { signal }: Abortable = {}) {
      return (await tagsOf(item, signal)) !== undefined;
    },

    async *list({ signal, ...wanted }): AsyncGenerator<StoredItem> {
      const path = wanted.id === undefined ? `/${prefix}` : `/${prefix}/${wanted.id}`;
      for (const { Name = "", LastModifiedDate } of await find(path, wanted.managementCluster, signal)) {
        const itemName = Name.slice(prefix.length + 2);
        const tags = isItemName(itemName) ? await tagsOf(itemName, signal) : undefined;
        const item = tags && itemOf(itemName, tags, LastModifiedDate, wanted);
        if (item !== undefined) yield item;
      }
    },

    async opener({ id }) {
      return {
        script: ssmScript,
        later: ssmLaterScript,
        needs: ["aws"],
        settings: { ...(await placeOf(options, "ssm")), pg_store_items: `/${prefix}/${id}` },
      };
    },
  };
}
