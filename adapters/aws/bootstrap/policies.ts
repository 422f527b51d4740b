import * as z from "zod";
import { parseOptions } from "../../../src/core/config.ts";
import { contextNames, contextSchema } from "./kms-wrap.ts";
import { bucketSchema, prefixSchema, regionSchema } from "./settings.ts";

/** Options of {@link bootstrapPolicies}: what is not given gets no rights. */
export interface BootstrapPolicyOptions {
  /** @defaultValue `"aws"` */
  readonly partition?: string;
  readonly region: string;
  /** Twelve digits. */
  readonly account: string;
  /** For `secretsManagerStore`; `kmsKeyArn` is the key of its `kmsKeyId`, if it has one. */
  readonly secretsManager?: { readonly prefix: string; readonly kmsKeyArn?: string };
  /** For `ssmStore`. */
  readonly ssm?: { readonly prefix: string; readonly kmsKeyArn?: string };
  /** For `s3Store`. */
  readonly s3?: { readonly bucket: string; readonly prefix: string; readonly kmsKeyArn?: string };
  /** For `kmsWrap`, with its `encryptionContext`. */
  readonly kms?: { readonly keyArn: string; readonly encryptionContext?: Readonly<Record<string, string>> };
}

/** A statement of an IAM policy. */
export interface PolicyStatement {
  readonly Sid: string;
  readonly Effect: "Allow";
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

/** An IAM policy, to be written down with `JSON.stringify`. */
export interface PolicyDocument {
  readonly Version: "2012-10-17";
  readonly Statement: readonly PolicyStatement[];
}

/** What the stores and the openers need, and nothing more. */
export interface BootstrapPolicies {
  /** Of the controller: it stores, finds and deletes items and encrypts keys, and cannot read any of them back. */
  readonly controller: PolicyDocument;
  /** Of the machines' instance role: it reads and deletes items whose names it was told, and lists none. */
  readonly node: PolicyDocument;
}

const keyArn = z.string().regex(/^arn:[\w-]+:kms:[a-z0-9-]+:\d{12}:key\/[\w-]+$/, "expected the ARN of a key");
const inService = { prefix: prefixSchema, kmsKeyArn: keyArn.optional() };

const schema = z.strictObject({
  partition: z
    .string()
    .regex(/^aws(?:-[a-z]+)*$/)
    .default("aws"),
  region: regionSchema,
  account: z.string().regex(/^\d{12}$/, "must be an account's twelve digits"),
  secretsManager: z.strictObject(inService).optional(),
  ssm: z.strictObject(inService).optional(),
  s3: z.strictObject({ bucket: bucketSchema, ...inService }).optional(),
  kms: z.strictObject({ keyArn, encryptionContext: contextSchema.default({}) }).optional(),
});

type Service = "s3" | "secretsmanager" | "ssm";

/** What the services do with the caller's rights where they encrypt with a key of the caller. */
const underKey: Readonly<Record<Service, { readonly context: string; readonly write: readonly string[] }>> = {
  s3: { context: "aws:s3:arn", write: ["kms:GenerateDataKey"] },
  secretsmanager: { context: "SecretARN", write: ["kms:GenerateDataKey", "kms:Decrypt"] },
  ssm: { context: "PARAMETER_ARN", write: ["kms:Encrypt", "kms:GenerateDataKey"] },
};

/**
 * Writes the IAM policies of bootstrap data with the least rights: a node may read and delete under the prefix and
 * lists nothing, so that it gets only the items whose unguessable names its own user data tells it; it may
 * decrypt a wrapped key only for the encryption context that this was wrapped with. A controller whose client
 * a guard has wrapped needs `s3:PutObjectTagging` besides for `s3Store`, as the guard tags objects.
 *
 * @param options - See {@link BootstrapPolicyOptions}.
 * @returns The policies of controller and nodes.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for a wrong option, naming its path.
 * @example
 * import { bootstrapPolicies } from "provider-guard/aws";
 * const { node } = bootstrapPolicies({
 *   region: "eu-central-1",
 *   account: "123456789012",
 *   secretsManager: { prefix: "prod/bootstrap" },
 * });
 * console.log(JSON.stringify(node, undefined, 2));
 * @see AWS Service Authorization Reference, read 2026-11
 */
export function bootstrapPolicies(options: BootstrapPolicyOptions): BootstrapPolicies {
  const { partition, region, account, secretsManager, ssm, s3, kms } = parseOptions(
    schema,
    options,
    "bootstrapPolicies",
  );
  const here = `${region}:${account}`;
  const controller: PolicyStatement[] = [];
  const node: PolicyStatement[] = [];
  const allow = (
    to: PolicyStatement[],
    Sid: string,
    Action: readonly string[],
    Resource: string,
    Condition?: PolicyStatement["Condition"],
  ) =>
    to.push({ Sid, Effect: "Allow", Action, Resource: [Resource], ...(Condition === undefined ? {} : { Condition }) });

  function allowKey(service: Service, key: string | undefined, items: string[], whenWriting: string[] = []): void {
    if (key === undefined) return;
    const { context, write } = underKey[service];
    const through = (contexts: readonly string[]) => ({
      StringEquals: { "kms:ViaService": `${service}.${region}.amazonaws.com${partition === "aws-cn" ? ".cn" : ""}` },
      StringLike: { [`kms:EncryptionContext:${context}`]: contexts },
    });
    allow(controller, `${service}Key`, write, key, through([...items, ...whenWriting]));
    allow(node, `${service}Key`, ["kms:Decrypt"], key, through(items));
  }

  if (secretsManager !== undefined) {
    const items = `arn:${partition}:secretsmanager:${here}:secret:${secretsManager.prefix}/*`;
    const forGood = { Bool: { "secretsmanager:ForceDeleteWithoutRecovery": "true" } };
    const actions = ["CreateSecret", "TagResource", "DescribeSecret"];
    allow(
      controller,
      "Secrets",
      actions.map((name) => `secretsmanager:${name}`),
      items,
    );
    allow(controller, "SecretsForgotten", ["secretsmanager:DeleteSecret"], items, forGood);
    allow(controller, "SecretsFound", ["secretsmanager:ListSecrets"], "*");
    allow(node, "Secrets", ["secretsmanager:GetSecretValue"], items);
    allow(node, "SecretsForgotten", ["secretsmanager:DeleteSecret"], items, forGood);
    // Secrets Manager first tries the key in the caller's name.
    allowKey("secretsmanager", secretsManager.kmsKeyArn, [items], ["RequestToValidateKeyAccess"]);
  }
  if (ssm !== undefined) {
    const items = `arn:${partition}:ssm:${here}:parameter/${ssm.prefix}/*`;
    const actions = ["PutParameter", "AddTagsToResource", "ListTagsForResource", "DeleteParameter"];
    allow(
      controller,
      "Parameters",
      actions.map((name) => `ssm:${name}`),
      items,
    );
    allow(controller, "ParametersFound", ["ssm:DescribeParameters"], "*");
    allow(node, "Parameters", ["ssm:GetParameter", "ssm:DeleteParameter"], items);
    allowKey("ssm", ssm.kmsKeyArn, [items]);
  }
  if (s3 !== undefined) {
    const bucket = `arn:${partition}:s3:::${s3.bucket}`;
    const items = `${bucket}/${s3.prefix}/*`;
    // GetObject is for the headers alone: with a key of its own, the controller may not decrypt the rest.
    allow(controller, "Objects", ["s3:PutObject", "s3:GetObject", "s3:DeleteObject"], items);
    allow(controller, "ObjectsFound", ["s3:ListBucket"], bucket, { StringLike: { "s3:prefix": `${s3.prefix}/*` } });
    allow(controller, "Bucket", ["s3:GetBucketVersioning"], bucket);
    allow(node, "Objects", ["s3:GetObject", "s3:DeleteObject"], items);
    allowKey("s3", s3.kmsKeyArn, [items, bucket]); // the bucket, where it has a bucket key;
  }
  if (kms !== undefined) {
    const { keyArn: key, encryptionContext } = kms;
    const names = [...Object.values(contextNames), ...Object.keys(encryptionContext)];
    const bound = {
      Null: Object.fromEntries(Object.values(contextNames).map((name) => [`kms:EncryptionContext:${name}`, "false"])),
      "ForAllValues:StringEquals": { "kms:EncryptionContextKeys": names },
      ...(names.length === 3
        ? {}
        : {
            StringEquals: Object.fromEntries(
              Object.entries(encryptionContext).map(([name, value]) => [`kms:EncryptionContext:${name}`, value]),
            ),
          }),
    };
    allow(controller, "KeysWrapped", ["kms:Encrypt"], key, bound);
    allow(node, "KeysUnwrapped", ["kms:Decrypt"], key, bound);
  }
  const document = (Statement: readonly PolicyStatement[]): PolicyDocument => ({ Version: "2012-10-17", Statement });
  return { controller: document(controller), node: document(node) };
}
