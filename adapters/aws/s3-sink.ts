import * as z from "zod";
import { notShipped } from "../../src/audit/shipping/not-shipped.ts";
import { ndjson, type ShippedObject, type ShippingContext, type ShippingSink } from "../../src/audit/shipping/sink.ts";
import { parseOptions } from "../../src/core/config.ts";
import { type AwsClient, isAwsClient, type OpenClient } from "./client.ts";
import { fieldsOf } from "./tag-styles.ts";

/** Object Lock: whoever has the bucket's credentials can not remove what was shipped either. */
export interface S3ObjectLock {
  readonly mode: "GOVERNANCE" | "COMPLIANCE";
  /** Days from when an object is sent. */
  readonly retainDays: number;
}

/** Options of {@link s3Sink}. */
export interface S3SinkOptions {
  /** An `S3Client` of the AWS SDK v3, without a guard: guarded, shipping would record itself for ever. */
  readonly client: AwsClient;
  readonly bucket: string;
  /** What the objects' keys start with; ends with a slash, or is empty. @defaultValue `""` */
  readonly prefix?: string;
  /**
   * `false` for a store that does not know `If-None-Match`: an object that comes again then replaces the
   * one that is there.
   * @defaultValue true
   */
  readonly ifNoneMatch?: boolean;
  /** The bucket must have Object Lock enabled. @defaultValue the bucket's own default */
  readonly objectLock?: S3ObjectLock;
  /** `STANDARD_IA`, `GLACIER_IR` and so on. @defaultValue the bucket's own default */
  readonly storageClass?: string;
  /** A KMS key to encrypt with. @defaultValue the bucket's own default */
  readonly kmsKeyId?: string;
  /** Account that the bucket must belong to; a bucket of somebody else with its name is refused. @defaultValue any */
  readonly bucketOwner?: string;
  /** @defaultValue `"s3"` */
  readonly name?: string;
}

const schema = z.strictObject({
  client: z.custom<AwsClient>(isAwsClient, "expected an S3Client of the AWS SDK v3"),
  bucket: z.string().min(3).max(2048),
  prefix: z
    .string()
    .max(512)
    .regex(/^$|\/$/, "must end with a slash")
    .default(""),
  ifNoneMatch: z.boolean().default(true),
  objectLock: z
    .strictObject({ mode: z.enum(["GOVERNANCE", "COMPLIANCE"]), retainDays: z.number().positive().max(36_500) })
    .optional(),
  storageClass: z.string().min(1).optional(),
  kmsKeyId: z.string().min(1).optional(),
  bucketOwner: z
    .string()
    .regex(/^\d{12}$/, "must be an account's twelve digits")
    .optional(),
  name: z.string().default("s3"),
});

const dayMs = 86_400_000;

/**
 * Ships to a bucket of S3, or of a store that speaks its protocol: each object is one PutObject with the
 * SHA-256 of its bytes, which the store checks. Nothing is written over (`If-None-Match: *`): where there
 * is an object of that name already, it is read and must have the same bytes, or it is a failure. Needs
 * s3:PutObject, and for that comparison s3:GetObject.
 *
 * @param options - See {@link S3SinkOptions}.
 * @returns A sink for `shipping`.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for a wrong option, naming its path.
 * @example
 * import { S3Client } from "@aws-sdk/client-s3";
 * import { shipping } from "provider-guard/audit";
 * import { s3Sink } from "provider-guard/aws";
 * const client = new S3Client({ region: "eu-west-1" });
 * shipping({ sinks: [s3Sink({ client, bucket: "acme-evidence", prefix: "prod/" })] });
 * @see Amazon S3 API reference, PutObject, read 2026-11
 */
export function s3Sink(options: S3SinkOptions): ShippingSink {
  const { client: _checked, ...settings } = parseOptions(schema, options, "s3Sink");
  const { bucket, prefix, ifNoneMatch, objectLock, storageClass, kmsKeyId, bucketOwner, name } = settings;
  const client = options.client as unknown as OpenClient;

  const send = (command: object, signal: AbortSignal) => client.send(command, { abortSignal: signal });
  const place = (object: ShippedObject) => ({
    Bucket: bucket,
    Key: prefix + object.name,
    ...(bucketOwner === undefined ? {} : { ExpectedBucketOwner: bucketOwner }),
  });

  async function put(object: ShippedObject, { signal, clock }: ShippingContext): Promise<void> {
    const { PutObjectCommand } = await import("@aws-sdk/client-s3");
    const command = new PutObjectCommand({
      ...place(object),
      Body: object.bytes,
      ContentType: ndjson,
      ChecksumAlgorithm: "SHA256",
      ChecksumSHA256: object.sha256,
      ...(ifNoneMatch ? { IfNoneMatch: "*" } : {}),
      ...(objectLock === undefined
        ? {}
        : {
            ObjectLockMode: objectLock.mode,
            ObjectLockRetainUntilDate: new Date(clock.now() + objectLock.retainDays * dayMs),
          }),
      ...(storageClass === undefined ? {} : { StorageClass: storageClass as "STANDARD" }),
      ...(kmsKeyId === undefined ? {} : { ServerSideEncryption: "aws:kms", SSEKMSKeyId: kmsKeyId }),
    });
    await send(command, signal);
  }

  /** Whether what is there has the object's bytes: an earlier attempt's whose answer was lost. */
  async function isThere(object: ShippedObject, signal: AbortSignal): Promise<boolean> {
    const { GetObjectCommand } = await import("@aws-sdk/client-s3");
    const { ContentLength, Body } = (await send(new GetObjectCommand(place(object)), signal)) as Found;
    if (ContentLength !== object.bytes.length) {
      Body?.destroy?.(); // however long it is
      return false;
    }
    return Buffer.from((await Body?.transformToByteArray()) ?? []).equals(object.bytes);
  }

  return {
    name,
    async put(object, context) {
      try {
        await put(object, context);
      } catch (error) {
        if (statusOf(error) !== 412) throw error;
        if (await isThere(object, context.signal)) return;
        throw notShipped(name, `bucket ${bucket} has another object ${prefix}${object.name}`);
      }
    },
  };
}

/** The part of GetObject's output that is read. */
interface Found {
  readonly ContentLength?: number;
  readonly Body?: { transformToByteArray(): Promise<Uint8Array>; destroy?(): void };
}

const statusOf = (error: unknown): unknown => fieldsOf(fieldsOf(error).$metadata).httpStatusCode;
