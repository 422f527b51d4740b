import type { Call } from "../../src/core/call.ts";
import type { Tags } from "../../src/core/tags.ts";
import { classifyError } from "./errors.ts";
import { fieldsOf, tagsIn } from "./tag-styles.ts";

/** Sends one command through a client, past the guard's rings. */
export type SendPast = (command: object, signal: AbortSignal | undefined) => Promise<unknown>;

interface Reader {
  /** Makes the command that reads one resource's tags. Rejects where the client's package is not there. */
  command(id: string): Promise<object>;
  tags(output: Readonly<Record<string, unknown>>): Tags;
}

// Literal imports, each of a package that the client at hand came from: a bundler sees them.
const readers: Readonly<Record<string, Reader>> = {
  EC2: {
    async command(id) {
      const { DescribeTagsCommand } = await import("@aws-sdk/client-ec2");
      return new DescribeTagsCommand({ Filters: [{ Name: "resource-id", Values: [id] }] });
    },
    tags: ({ Tags: list }) => tagsIn(list, "Key"),
  },
  SecretsManager: {
    async command(id) {
      const { DescribeSecretCommand } = await import("@aws-sdk/client-secrets-manager");
      return new DescribeSecretCommand({ SecretId: id });
    },
    tags: ({ Tags: list }) => tagsIn(list, "Key"),
  },
  SSM: {
    async command(id) {
      const { ListTagsForResourceCommand } = await import("@aws-sdk/client-ssm");
      return new ListTagsForResourceCommand({ ResourceType: "Parameter", ResourceId: id });
    },
    tags: ({ TagList }) => tagsIn(TagList, "Key"),
  },
  KMS: {
    async command(id) {
      const { ListResourceTagsCommand } = await import("@aws-sdk/client-kms");
      return new ListResourceTagsCommand({ KeyId: id });
    },
    tags: ({ Tags: list }) => tagsIn(list, "TagKey"),
  },
  S3: {
    async command(id) {
      const { GetBucketTaggingCommand } = await import("@aws-sdk/client-s3");
      return new GetBucketTaggingCommand({ Bucket: id });
    },
    tags: ({ TagSet }) => tagsIn(TagSet, "Key"),
  },
};

/** Whether the tags of a service's resources can be read one by one. */
export function canRead(service: string): boolean {
  return Object.hasOwn(readers, service);
}

/**
 * Reads one resource's tags. EC2 answers "no tags" for what does not exist, too.
 *
 * @throws Whatever the SDK throws, e.g. for a denied DescribeTags.
 */
export async function readTags(id: string, call: Call, send: SendPast): Promise<Tags | undefined | "unreadable"> {
  const reader = readers[call.target.service];
  if (reader === undefined) return "unreadable";
  let command: object;
  try {
    command = await reader.command(id);
  } catch {
    return "unreadable"; // the package is not installed where this one can see it
  }
  try {
    return reader.tags(fieldsOf(await send(command, call.signal)));
  } catch (error) {
    const { class: kind, code } = classifyError(error);
    if (code === "NoSuchTagSet") return {};
    if (kind === "not-found" || (kind === "invalid" && code === "InvalidResourceId")) return undefined;
    throw error;
  }
}
