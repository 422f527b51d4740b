import type { EncryptCommandOutput } from "@aws-sdk/client-kms";
import * as z from "zod";
import type { Abortable, Binding, KeyWrap } from "../../../src/bootstrap/contract.ts";
import { abortable } from "../../../src/core/abort.ts";
import { parseOptions } from "../../../src/core/config.ts";
import { GuardError } from "../../../src/core/errors.ts";
import type { AwsClient, OpenClient } from "../client.ts";
import { kmsScript } from "./scripts.generated.ts";
import { clientSchema, endpointSchema } from "./settings.ts";

/** Options of {@link kmsWrap}. */
export interface KmsWrapOptions {
  /** A `KMSClient` of the AWS SDK v3; one that a guard has wrapped is used inside `guard.reconcile`. */
  readonly client: AwsClient;
  /** Id, ARN or alias of a symmetric key. The machine calls the region that the key is in. */
  readonly keyId: string;
  /**
   * URL that the machine calls, e.g. of a VPC endpoint; the client keeps its own.
   * @defaultValue the region's public endpoint
   */
  readonly endpoint?: string;
  /**
   * What stands in each encryption context besides machine, id and expiry, e.g. `{ cluster: "prod" }`: then a
   * policy can let a role decrypt its own cluster's keys only. It is no secret: it stands in the user data, and in
   * CloudTrail.
   * @defaultValue nothing
   */
  readonly encryptionContext?: Readonly<Record<string, string>>;
}

/** Names of the encryption context that each wrapped key has. */
export const contextNames = {
  machine: "provider-guard-bootstrap-machine",
  id: "provider-guard-bootstrap-id",
  expires: "provider-guard-bootstrap-expires",
} as const;

export const contextSchema = z
  .record(z.string().regex(/^(?!provider-guard-|aws)[\w.:/@=+-]{1,128}$/), z.string().regex(/^[\w.:/@=+ -]{1,256}$/))
  .refine((context) => Object.keys(context).length <= 8, "eight at most");

const schema = z.strictObject({
  client: clientSchema,
  keyId: z.string().min(1).max(2048),
  endpoint: endpointSchema.optional(),
  encryptionContext: contextSchema.default({}),
});

const keyArn = /^arn:[\w-]+:kms:[a-z0-9-]+:\d{12}:key\/[\w-]{1,128}$/;

/** Whether a key's ARN is that of the key that was asked for; what an alias stands for, KMS alone knows. */
function isAsked(arn: string, keyId: string): boolean {
  if (keyId.startsWith("alias/") || keyId.includes(":alias/")) return true;
  return keyId.startsWith("arn:") ? arn === keyId : arn.endsWith(`:key/${keyId}`);
}

/**
 * Wraps a machine's private key with AWS KMS, bound to machine, sealing and expiry by the encryption context;
 * the machine unwraps it with its instance role. Both ends check that KMS used the key that was asked for.
 * Rights of controller and nodes: {@link bootstrapPolicies}. Instances should be launched with
 * `HttpTokens=required`: the opener speaks IMDSv2 only.
 *
 * @param options - See {@link KmsWrapOptions}.
 * @returns A key wrap for `bootstrapVault`. `wrap` rejects with the SDK's own error, or with
 * `ERR_CONFIG_INVALID` where KMS encrypted with another key than `keyId`.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for a wrong option, naming its path.
 * @example
 * import { KMSClient } from "@aws-sdk/client-kms";
 * import { kmsWrap } from "provider-guard/aws";
 * const client = new KMSClient({ region: "eu-central-1" });
 * const wrap = kmsWrap({ client, keyId: "alias/bootstrap", encryptionContext: { cluster: "prod" } });
 * @see AWS KMS API reference, Encrypt and Decrypt, read 2026-11
 */
export function kmsWrap(options: KmsWrapOptions): KeyWrap {
  const { keyId, endpoint, encryptionContext } = parseOptions(schema, options, "kmsWrap");
  const client = options.client as unknown as OpenClient;

  const contextOf = ({ machine, id, expiresAt }: Binding) => ({
    ...encryptionContext,
    [contextNames.machine]: machine.machine.uid,
    [contextNames.id]: id,
    [contextNames.expires]: String(Math.floor(expiresAt / 1000)),
  });

  return {
    name: "aws-kms",

    async wrap(key, binding, { signal }: Abortable = {}) {
      signal?.throwIfAborted();
      const { EncryptCommand } = await import("@aws-sdk/client-kms");
      const command = new EncryptCommand({ KeyId: keyId, Plaintext: key, EncryptionContext: contextOf(binding) });
      const sent = Promise.resolve(client.send(command, signal === undefined ? {} : { abortSignal: signal }));
      const { KeyId = "", CiphertextBlob } = (await abortable(sent, signal)) as EncryptCommandOutput;
      if (!keyArn.test(KeyId) || !isAsked(KeyId, keyId) || CiphertextBlob === undefined) {
        throw new GuardError("ERR_CONFIG_INVALID", `kmsWrap.keyId: KMS did not encrypt with ${keyId}`);
      }
      return `${KeyId},${Buffer.from(CiphertextBlob).toString("base64")}`;
    },

    opener: (binding) => ({
      script: kmsScript,
      needs: ["aws"],
      settings: {
        pg_kms_context: JSON.stringify(contextOf(binding)),
        ...(endpoint === undefined ? {} : { pg_endpoint_kms: endpoint }),
      },
    }),
  };
}
