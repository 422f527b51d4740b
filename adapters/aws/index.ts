export { type AwsInventoryOptions, awsInventory } from "./garbage/inventory.ts";

import * as z from "zod";
import type { Adapter } from "../../src/core/adapter.ts";
import { parseOptions } from "../../src/core/config.ts";
import { awsLimits } from "../../src/rate-limit/tables/aws.ts";
import { attachClient } from "./attach.ts";
import { classifyWith } from "./classify.ts";
import { type AwsClient, type Context, isAwsClient } from "./client.ts";
import { classifyError } from "./errors.ts";
import { factBook } from "./fact-book.ts";
import { traceOf } from "./headers.ts";
import { requireImdsV2 } from "./imds.ts";
import type { SendPast } from "./read-tags.ts";
import { redactionWith } from "./redaction.ts";
import { fieldsOf } from "./tag-styles.ts";
import { tagSupport } from "./tags.ts";

export { type KmsWrapOptions, kmsWrap } from "./bootstrap/kms-wrap.ts";
export { type BootstrapPolicies, type BootstrapPolicyOptions, bootstrapPolicies } from "./bootstrap/policies.ts";
export { type S3StoreOptions, s3Store } from "./bootstrap/s3-store.ts";
export { secretsManagerStore } from "./bootstrap/secrets-manager-store.ts";
export type { AwsBootstrapStoreOptions } from "./bootstrap/settings.ts";
export { type SsmStoreOptions, ssmStore } from "./bootstrap/ssm-store.ts";
export type { AwsClient } from "./client.ts";
export { type S3ObjectLock, type S3SinkOptions, s3Sink } from "./s3-sink.ts";

/** Options of {@link aws}. */
export interface AwsOptions {
  /**
   * Which account the client works in: limits and breakers are kept apart by it.
   * @defaultValue one account for all clients
   */
  readonly account?: string;
  /**
   * `false` leaves the options of the instance metadata service as the caller gave them. By default
   * RunInstances, launch templates and launch configurations require IMDSv2 with a hop limit of 1,
   * unless the caller set those members.
   */
  readonly imds?: false;
}

const schema = z.strictObject({
  account: z.string().min(1).optional(),
  imds: z.literal(false).optional(),
});

type Names = readonly [service: string, operation: string];

const without = (text: string | undefined, ending: string) =>
  text?.endsWith(ending) ? text.slice(0, -ending.length) : text;

function namesOf({ clientName, commandName, __smithy_context: smithy }: Context): Names {
  const service = without(clientName, "Client") ?? smithy?.service ?? "unknown";
  const operation = without(commandName, "Command") ?? smithy?.operation ?? "unknown";
  return [service, operation];
}

/**
 * Makes the adapter for any client of the AWS SDK for JavaScript v3.
 * The client is hooked as it is: paginators, waiters, presigners, callbacks and abort signals go on
 * working, and a request that reaches the wire around the guard is refused with `ERR_ADAPTER_BYPASSED`.
 *
 * @param options - See {@link AwsOptions}.
 * @returns An adapter; one can serve many clients.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the option.
 * @example
 * import { aws } from "provider-guard/aws";
 * const adapter = aws({ account: "123456789012" });
 * @see MiddlewareStack in @smithy/core 3.41, read 2026-11
 */
export function aws(options: AwsOptions = {}): Adapter<AwsClient> {
  const { account, imds } = parseOptions(schema, options, "aws");
  const book = factBook();
  const senders = new WeakMap<object, SendPast>();
  const regions = new WeakMap<object, string>();
  return {
    name: "aws",
    cloud: "aws",
    limits: awsLimits,
    accepts: isAwsClient,
    attach: (client, port) =>
      attachClient(client, port, {
        ready: (send) => void senders.set(client, send),
        located: (region) => void regions.set(client, region),
        draft(context, input) {
          const [service, operation] = namesOf(context);
          book.learn(service, operation, context.__smithy_context?.operationSchema);
          return {
            service,
            operation,
            input: imds === false ? input : requireImdsV2(service, operation, input),
            ...(account === undefined ? {} : { account }),
          };
        },
      }),
    classify: classifyWith(book),
    locate(client) {
      const region = regions.get(client);
      return {
        service: client.constructor.name.replace(/Client$/, ""),
        ...(account === undefined ? {} : { account }),
        ...(region === undefined ? {} : { region }),
      };
    },
    errors: classifyError,
    answer(result) {
      try {
        const { response, output } = fieldsOf(result);
        return { class: "ok", ...traceOf(fieldsOf(output).$metadata, response) };
      } catch {
        return { class: "ok" };
      }
    },
    tags: tagSupport(book, (client) => senders.get(client)),
    redaction: redactionWith(book),
  };
}
