import * as z from "zod";
import { parseOptions } from "../../../src/core/config.ts";
import { GuardError } from "../../../src/core/errors.ts";
import type { GarbageInventory } from "../../../src/garbage/inventory.ts";
import { plainTags } from "../../../src/ownership/plain-tags.ts";
import type { AwsClient } from "../client.ts";
import { commandsOf } from "./describe.ts";
import { ec2Reader } from "./ec2.ts";
import { ec2Types } from "./ec2-types.ts";
import { parameterReader, secretReader } from "./leftovers.ts";
import { loadBalancerReaders } from "./load-balancers.ts";
import type { TypeReader } from "./type-reader.ts";

/** Options of {@link awsInventory}. */
export interface AwsInventoryOptions {
  readonly account: string;
  readonly region: string;
  /** Clients that a guard has wrapped. Types of a service without one are not in the inventory. */
  readonly clients: {
    readonly ec2?: AwsClient;
    readonly elasticLoadBalancingV2?: AwsClient;
    readonly elasticLoadBalancing?: AwsClient;
    readonly secretsManager?: AwsClient;
    readonly ssm?: AwsClient;
  };
  /** Only these types. @defaultValue all that the clients can show */
  readonly types?: readonly string[];
  /** Resources per page, where the service takes as many. @defaultValue 200 */
  readonly pageSize?: number;
}

const client = z.looseObject({ send: z.function() }).optional();
const schema = z.strictObject({
  account: z.string().regex(/^\d{12}$/, "expected the twelve digits of an account"),
  region: z.string().regex(/^[a-z0-9-]{1,32}$/, "expected a region"),
  clients: z.strictObject({
    ec2: client,
    elasticLoadBalancingV2: client,
    elasticLoadBalancing: client,
    secretsManager: client,
    ssm: client,
  }),
  types: z.array(z.string()).min(1).optional(),
  pageSize: z.int().min(5).max(1000).default(200),
});

function readers(
  { ec2, elasticLoadBalancingV2, elasticLoadBalancing, secretsManager, ssm }: AwsInventoryOptions["clients"],
  pageSize: number,
) {
  const all: TypeReader[] = [];
  if (elasticLoadBalancingV2 || elasticLoadBalancing) {
    all.push(...loadBalancerReaders(elasticLoadBalancingV2, elasticLoadBalancing, pageSize));
  }
  if (ec2 !== undefined) {
    const commands = commandsOf(ec2, () => import("@aws-sdk/client-ec2"));
    all.push(...ec2Types.map((type) => ec2Reader(type, commands, pageSize)));
  }
  if (secretsManager !== undefined) {
    all.push(
      secretReader(
        commandsOf(secretsManager, () => import("@aws-sdk/client-secrets-manager")),
        pageSize,
      ),
    );
  }
  if (ssm !== undefined)
    all.push(
      parameterReader(
        commandsOf(ssm, () => import("@aws-sdk/client-ssm")),
        pageSize,
      ),
    );
  return all;
}

/** What in a network has to wait until load balancers are gone. */
const besideBalancers = new Set([
  "network-interface",
  "elastic-ip",
  "security-group",
  "subnet",
  "internet-gateway",
  "vpc",
]);

/**
 * What one account has in one region, for `garbageCollector`: instances, load balancers, volumes, snapshots,
 * network interfaces, addresses, security groups, the parts of VPCs, key pairs, launch templates, and what
 * bootstrap left in Secrets Manager and the Parameter Store.
 *
 * @param options - See {@link AwsInventoryOptions}.
 * @returns The inventory. Types without a time of creation are as old as their tag `provider-guard/created-at` says.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 * @example
 * import { EC2Client } from "@aws-sdk/client-ec2";
 * import type { Guard } from "provider-guard";
 * import { aws, awsInventory } from "provider-guard/aws";
 * declare const guard: Guard;
 * const region = "eu-central-1";
 * const ec2 = guard.wrap(new EC2Client({ region }), aws());
 * const inventory = awsInventory({ account: "123456789012", region, clients: { ec2 } });
 */
export function awsInventory(options: AwsInventoryOptions): GarbageInventory {
  const { account, region, types, pageSize } = parseOptions(schema, options, "awsInventory");
  const all = readers(options.clients, pageSize);
  const wanted = all.filter(({ type }) => types?.includes(type.name) ?? true);
  const unknown = types?.find((name) => all.every(({ type }) => type.name !== name));
  if (unknown !== undefined || wanted.length === 0) {
    const what = unknown === undefined ? "clients: expected at least one" : `types: no client shows ${unknown}`;
    throw new GuardError("ERR_CONFIG_INVALID", `awsInventory.${what}`);
  }
  const byName = new Map(wanted.map((reader) => [reader.type.name, reader]));
  const readerOf = ({ type }: { readonly type: string }) => byName.get(type) as TypeReader;
  return {
    scope: `aws/${account}/${region}`,
    codec: plainTags,
    types: wanted.map(({ type }) =>
      besideBalancers.has(type.name)
        ? { ...type, after: [...(type.after ?? []), "load-balancer", "classic-load-balancer"] }
        : type,
    ),
    list: (type, request) => readerOf({ type }).list(request),
    read: (item, request) => readerOf(item).read(item.id, request),
    delete: (item, request) => readerOf(item).remove(item, request),
    tag: (item, key, value, request) => readerOf(item).tag(item, key, value, request),
  };
}
