import type { AwsClient } from "provider-guard/aws";

// biome-ignore lint/suspicious/noExplicitAny: commands as they come
type Input = any;

interface Sent {
  readonly name: string;
  readonly input: Input;
}

/** A client by shape, and what it was sent. */
export interface StandIn {
  readonly client: AwsClient;
  readonly sent: Sent[];
  /** Rejects every command with this from now on. */
  fail(error: Error | undefined): void;
}

/** An error as the SDK throws it. */
export function awsError(name: string, httpStatusCode = 400, more: object = {}): Error {
  return Object.assign(new Error(name), { name, $metadata: { httpStatusCode }, ...more });
}

type Handlers = Readonly<Record<string, (input: Input) => unknown>>;

/** Answers commands in process. */
export function standIn(handlers: Handlers, region: string | undefined = "eu-central-1"): StandIn {
  const sent: Sent[] = [];
  let failing: Error | undefined;
  const client = {
    config: { region: async () => region },
    middlewareStack: { add() {}, addRelativeTo() {} },
    async send(command: { input: Input }, { abortSignal }: { abortSignal?: AbortSignal } = {}) {
      const name = command.constructor.name.replace(/Command$/, "");
      sent.push({ name, input: command.input });
      await Promise.resolve();
      abortSignal?.throwIfAborted();
      if (failing !== undefined) throw failing;
      const handler = handlers[name];
      if (handler === undefined) throw awsError(`Unexpected${name}`);
      return handler(command.input);
    },
  };
  return {
    client,
    sent,
    fail(error) {
      failing = error;
    },
  };
}

/** Few, so that each list has several. */
const pageSize = 5;

function page<T>(items: readonly T[], token: string | undefined): { items: readonly T[]; next: string | undefined } {
  const from = Number(token ?? 0);
  const next = from + pageSize < items.length ? String(from + pageSize) : undefined;
  return { items: items.slice(from, from + pageSize), next };
}

const created = new Date(1_790_000_000_000);

/** Secrets Manager, as far as the store calls it. */
export function secretsManager(): StandIn {
  const secrets = new Map<string, Input>();
  const known = (id: string) => {
    const found = secrets.get(id);
    if (found === undefined) throw awsError("ResourceNotFoundException");
    return found;
  };
  return standIn({
    CreateSecret(input) {
      if (secrets.has(input.Name)) throw awsError("ResourceExistsException");
      secrets.set(input.Name, input);
      return {};
    },
    DescribeSecret({ SecretId }) {
      const { Name, Tags, ClientRequestToken } = known(SecretId);
      return { Name, Tags, VersionIdsToStages: { [ClientRequestToken]: ["AWSCURRENT"] } };
    },
    // As AWS does it: a forced deletion of what is not there succeeds.
    DeleteSecret({ SecretId, ForceDeleteWithoutRecovery }) {
      if (ForceDeleteWithoutRecovery !== true) throw awsError("WouldBeRecoverable");
      secrets.delete(SecretId);
      return {};
    },
    ListSecrets({ Filters, NextToken }) {
      const prefixes = Object.fromEntries(Filters.map(({ Key, Values }: Input) => [Key, Values[0]]));
      const found = [...secrets.values()].filter(
        ({ Name, Tags }) =>
          Name.startsWith(prefixes.name) &&
          Tags.some(({ Key }: Input) => Key.startsWith(prefixes["tag-key"])) &&
          Tags.some(({ Value }: Input) => Value.startsWith(prefixes["tag-value"])),
      );
      const { items, next } = page(found, NextToken);
      return { SecretList: items.map((item) => ({ ...item, CreatedDate: created })), NextToken: next };
    },
  });
}

/** Systems Manager's Parameter Store, as far as the store calls it. */
export function ssm(): StandIn {
  const parameters = new Map<string, Input>();
  return standIn({
    PutParameter(input) {
      if (parameters.has(input.Name)) throw awsError("ParameterAlreadyExists");
      if (input.Value.length > (input.Tier === "Advanced" ? 8192 : 4096)) throw awsError("ValidationException");
      parameters.set(input.Name, input);
      return {};
    },
    ListTagsForResource({ ResourceId }) {
      const found = parameters.get(ResourceId);
      if (found === undefined) throw awsError("InvalidResourceId");
      return { TagList: found.Tags };
    },
    DeleteParameter({ Name }) {
      if (!parameters.delete(Name)) throw awsError("ParameterNotFound");
      return {};
    },
    DescribeParameters({ ParameterFilters: [path, tag], NextToken }) {
      const found = [...parameters.values()].filter(
        ({ Name, Tags }) =>
          Name.startsWith(`${path.Values[0]}/`) &&
          Tags.some(({ Key, Value }: Input) => tag.Key === `tag:${Key}` && tag.Values[0] === Value),
      );
      const { items, next } = page(found, NextToken);
      return { Parameters: items.map(({ Name }) => ({ Name, LastModifiedDate: created })), NextToken: next };
    },
  });
}

/** S3, as far as the store calls it. */
export function s3(versioning?: "Enabled" | "Suspended"): StandIn {
  const objects = new Map<string, Input>();
  return standIn({
    GetBucketVersioning: () => ({ Status: versioning }),
    PutObject(input) {
      if (input.IfNoneMatch !== "*") throw awsError("WouldOverwrite");
      if (objects.has(input.Key)) throw awsError("PreconditionFailed", 412);
      objects.set(input.Key, input);
      return {};
    },
    HeadObject({ Key }) {
      const found = objects.get(Key);
      if (found === undefined) throw awsError("NotFound", 404);
      return { Metadata: found.Metadata };
    },
    DeleteObject({ Key }) {
      objects.delete(Key);
      return versioning === undefined ? {} : { DeleteMarker: true, VersionId: "null" };
    },
    ListObjectsV2({ Prefix, MaxKeys = pageSize, ContinuationToken }) {
      const found = [...objects.keys()].filter((key) => key.startsWith(Prefix)).sort();
      const { items, next } = page(found, ContinuationToken);
      return {
        Contents: items.slice(0, MaxKeys).map((Key) => ({ Key, LastModified: created })),
        NextContinuationToken: next,
      };
    },
  });
}
