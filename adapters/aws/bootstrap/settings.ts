import * as z from "zod";
import { GuardError } from "../../../src/core/errors.ts";
import { type AwsClient, isAwsClient } from "../client.ts";
import { regionOf } from "./call.ts";

/** Options that all stores have. */
export interface AwsBootstrapStoreOptions {
  /** A client of the AWS SDK v3 for this service; one that a guard has wrapped is used inside `guard.reconcile`. */
  readonly client: AwsClient;
  /**
   * What the items' names start with, without slashes at its ends. One for each cluster lets a node role be
   * confined to its own cluster's.
   * @defaultValue `"provider-guard/bootstrap"`
   */
  readonly prefix?: string;
  /** Id, ARN or alias of the KMS key that items are encrypted with. @defaultValue AWS's own key of the service */
  readonly kmsKeyId?: string;
  /** Region that the machine calls. @defaultValue the client's */
  readonly region?: string;
  /**
   * URL that the machine calls, e.g. of a VPC endpoint; the client keeps its own.
   * @defaultValue the region's public endpoint
   */
  readonly endpoint?: string;
}

export const clientSchema = z.custom<AwsClient>(isAwsClient, "expected a client of the AWS SDK v3");

export const regionSchema = z.string().regex(/^[a-z]{2,5}(?:-[a-z]+)+-\d+$/, "expected a region, e.g. eu-central-1");

export const endpointSchema = z
  .string()
  .max(512)
  .regex(
    /^https?:\/\/[\w.:[\]-]+$/,
    "expected a URL without path, e.g. https://vpce-0a1b.kms.eu-west-1.vpce.amazonaws.com",
  );

export const prefixSchema = z
  .string()
  .max(256)
  .regex(/^[\w.-]+(?:\/[\w.-]+){0,11}$/, "expected words between slashes, e.g. prod/bootstrap")
  .refine((text) => !/^(?:aws|ssm)/i.test(text), "aws and ssm at the start are kept for AWS");

export const bucketSchema = z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, "expected the name of a bucket");

/** Schema of {@link AwsBootstrapStoreOptions}. */
export const storeOptions = {
  client: clientSchema,
  prefix: prefixSchema.default("provider-guard/bootstrap"),
  kmsKeyId: z.string().min(1).max(2048).optional(),
  region: regionSchema.optional(),
  endpoint: endpointSchema.optional(),
};

/** What a store's opener part is told of the place that it calls. */
export async function placeOf(
  { client, region: given, endpoint }: Pick<AwsBootstrapStoreOptions, "client" | "region" | "endpoint">,
  service: "s3" | "secretsmanager" | "ssm",
): Promise<Readonly<Record<string, string>>> {
  const region = given ?? (await regionOf(client));
  if (region === undefined) {
    throw new GuardError("ERR_CONFIG_INVALID", `${service}: the client has no region; give the option region`);
  }
  return { pg_store_region: region, ...(endpoint === undefined ? {} : { [`pg_endpoint_${service}`]: endpoint }) };
}
