import type {
  GetBucketVersioningCommandOutput,
  HeadObjectCommandOutput,
  ListObjectsV2CommandOutput,
} from "@aws-sdk/client-s3";
import * as z from "zod";
import type { Abortable, BootstrapStore, StoredItem } from "../../../src/bootstrap/contract.ts";
import { isItemName } from "../../../src/bootstrap/item-name.ts";
import { parseOptions } from "../../../src/core/config.ts";
import { GuardError } from "../../../src/core/errors.ts";
import { fieldsOf } from "../tag-styles.ts";
import { allPages, senderOf } from "./call.ts";
import { anotherItem, checkItem, digestOf, itemOf, labels, labelsOf } from "./items.ts";
import { s3LaterScript, s3Script } from "./scripts.generated.ts";
import { type AwsBootstrapStoreOptions, bucketSchema, placeOf, storeOptions } from "./settings.ts";

/** Options of {@link s3Store}. */
export interface S3StoreOptions extends AwsBootstrapStoreOptions {
  /** A bucket without versioning. */
  readonly bucket: string;
  /** Account that the bucket must belong to; a bucket of somebody else with its name is refused. @defaultValue any */
  readonly bucketOwner?: string;
}

const root = "s3Store";
const schema = z.strictObject({
  ...storeOptions,
  bucket: bucketSchema,
  bucketOwner: z
    .string()
    .regex(/^\d{12}$/, "must be an account's twelve digits")
    .optional(),
});

const maxItemBytes = 1_048_576;

/** An object takes ten tags, of which a guard writes up to nine: its labels stand in its metadata. */
const metadataOf = (label: string) => label.replaceAll("/", "-");
const digestName = "provider-guard-bootstrap-digest";
const statusOf = (error: unknown) => fieldsOf(fieldsOf(error).$metadata).httpStatusCode;

/**
 * Keeps sealed bootstrap data in a bucket of S3, one object a sealing; with `kmsKeyId` also Ignition configs,
 * which Ignition reads by `s3://` with the machine's role and which only KMS then protects. Nothing is written
 * over (`If-None-Match`): an object that is there already must have been put with the same bytes, which its
 * metadata tells without reading it. A bucket with versioning is refused: it keeps what is deleted. S3 expires
 * objects by the day at best: a lifecycle rule of one day on the prefix is worth having, the sweep comes
 * sooner. Rights of controller and nodes: {@link bootstrapPolicies}.
 *
 * @param options - See {@link S3StoreOptions}; `client` is an `S3Client`.
 * @returns A store for `bootstrapVault`. Its methods reject with `ERR_BOOTSTRAP_STORE_UNAVAILABLE` (retryable)
 * where S3 throttles or cannot be reached, with `ERR_CONFIG_INVALID` where the bucket has versioning, with the
 * SDK's own error otherwise.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for a wrong option, naming its path.
 * @example
 * import { S3Client } from "@aws-sdk/client-s3";
 * import { s3Store } from "provider-guard/aws";
 * const client = new S3Client({ region: "eu-central-1" });
 * const store = s3Store({ client, bucket: "acme-bootstrap", prefix: "prod", kmsKeyId: "alias/bootstrap" });
 * @see Amazon S3 user guide, "Deleting object versions from a versioning-enabled bucket", read 2026-11
 */
export function s3Store(options: S3StoreOptions): BootstrapStore {
  const { prefix, kmsKeyId, bucket, bucketOwner } = parseOptions(schema, options, root);
  const name = "s3";
  const send = senderOf(options.client, name);
  const sdk = () => import("@aws-sdk/client-s3");

  const place = { Bucket: bucket, ...(bucketOwner === undefined ? {} : { ExpectedBucketOwner: bucketOwner }) };
  const object = (item: string) => ({ ...place, Key: `${prefix}/${item}` });

  /** Each time: a bucket that got versioning since only hides what is deleted, and then says that it is gone. */
  async function refuseVersions(signal: AbortSignal | undefined): Promise<void> {
    const { GetBucketVersioningCommand } = await sdk();
    const { Status } = await send<GetBucketVersioningCommandOutput>(new GetBucketVersioningCommand(place), signal);
    // Where it is suspended, what was put without it is still deleted for good.
    if (Status !== "Enabled") return;
    const message = `${root}.bucket: ${bucket} has versioning and would keep what is deleted; take one without`;
    throw new GuardError("ERR_CONFIG_INVALID", message);
  }

  async function head(item: string, signal: AbortSignal | undefined): Promise<HeadObjectCommandOutput | undefined> {
    const { HeadObjectCommand } = await sdk();
    try {
      return await send(new HeadObjectCommand(object(item)), signal);
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  }

  /** By listing: a right to read the object is not needed for it. */
  async function has(item: string, { signal }: Abortable = {}): Promise<boolean> {
    checkItem(root, item, maxItemBytes);
    await refuseVersions(signal);
    const { ListObjectsV2Command } = await sdk();
    const command = new ListObjectsV2Command({ ...place, Prefix: `${prefix}/${item}`, MaxKeys: 1 });
    const { Contents = [] } = await send<ListObjectsV2CommandOutput>(command, signal);
    return Contents[0]?.Key === `${prefix}/${item}`; // the key itself comes before all that it begins
  }

  async function find(under: string, signal: AbortSignal | undefined) {
    await refuseVersions(signal);
    const { ListObjectsV2Command } = await sdk();
    return allPages(async (ContinuationToken) => {
      const command = new ListObjectsV2Command({ ...place, Prefix: under, ContinuationToken });
      const { Contents, NextContinuationToken } = await send<ListObjectsV2CommandOutput>(command, signal);
      return { items: Contents, next: NextContinuationToken };
    });
  }

  return {
    name,
    maxItemBytes,
    maxItems: 4,
    expires: false,
    ...(kmsKeyId === undefined ? {} : { ignition: ({ id }) => ({ source: `s3://${bucket}/${prefix}/${id}/0` }) }),

    async put(item, bytes, binding, { signal }: Abortable = {}) {
      checkItem(root, item, maxItemBytes, bytes);
      await refuseVersions(signal);
      const { PutObjectCommand } = await sdk();
      const digest = digestOf(item, bytes);
      const metadata = Object.entries(labelsOf(binding)).map(([label, value]) => [metadataOf(label), value]);
      try {
        const command = new PutObjectCommand({
          ...object(item),
          Body: bytes,
          IfNoneMatch: "*",
          ChecksumAlgorithm: "SHA256",
          ContentType: "application/octet-stream",
          Metadata: { ...Object.fromEntries(metadata), [digestName]: digest },
          ...(kmsKeyId === undefined ? {} : { ServerSideEncryption: "aws:kms", SSEKMSKeyId: kmsKeyId }),
        });
        await send(command, signal);
      } catch (error) {
        // 409: somebody puts it at this moment.
        if (statusOf(error) !== 412 && statusOf(error) !== 409) throw error;
        const there = await head(item, signal);
        if (there === undefined) throw error;
        if (there.Metadata?.[digestName] !== digest) throw anotherItem(root, item, error);
      }
    },

    async delete(item, options: Abortable = {}) {
      if (!(await has(item, options))) return false;
      const { DeleteObjectCommand } = await sdk();
      await send(new DeleteObjectCommand(object(item)), options.signal);
      return true;
    },

    has,

    async *list({ signal, ...wanted }): AsyncGenerator<StoredItem> {
      const under = wanted.id === undefined ? `${prefix}/` : `${prefix}/${wanted.id}/`;
      for (const { Key = "", LastModified } of await find(under, signal)) {
        const itemName = Key.slice(prefix.length + 1);
        const { Metadata } = (isItemName(itemName) && (await head(itemName, signal))) || {};
        if (Metadata === undefined) continue;
        const tags = Object.values(labels).map((label) => [label, Metadata[metadataOf(label)] ?? ""]);
        const item = itemOf(itemName, Object.fromEntries(tags), LastModified, wanted);
        if (item !== undefined) yield item;
      }
    },

    async opener({ id }) {
      return {
        script: s3Script,
        later: s3LaterScript,
        needs: ["aws"],
        settings: { ...(await placeOf(options, "s3")), pg_store_items: `/${bucket}/${prefix}/${id}` },
      };
    },
  };
}
