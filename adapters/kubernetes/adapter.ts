import type { Adapter } from "../../src/core/adapter.ts";
import { parseOptions } from "../../src/core/config.ts";
import { safely } from "../../src/core/safely.ts";
import { kubernetesLimits } from "../../src/rate-limit/tables/kubernetes.ts";
import { accountOf, attachClient } from "./attach.ts";
import { classify } from "./classify.ts";
import { family, type KubernetesClient } from "./client.ts";
import { classifyError, readAnswer } from "./errors.ts";
import { knownObjects } from "./known-objects.ts";
import { type KubernetesOptions, optionsSchema } from "./options.ts";
import { metadataOnly, type SendPast } from "./past.ts";
import { redaction } from "./redaction.ts";
import { tagSupport } from "./tags.ts";

/**
 * Makes the adapter for the clients of Kubernetes' client-node: every generated API class,
 * `CustomObjectsApi`, `KubernetesObjectApi`, `Watch`, `Log`, `Metrics`, `Health`, `Exec`, `Attach` and
 * `PortForward`. The client is hooked as it is, and its errors pass through untouched. Operations are
 * called as in RBAC: `create secrets`, `patch acmemachines/status`, with the API group as service.
 *
 * @param options - See {@link KubernetesOptions}.
 * @returns An adapter; one can serve many clients, and remembers what they saw together.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the option.
 * @example
 * import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";
 * import type { Guard } from "provider-guard";
 * import { kubernetes } from "provider-guard/kubernetes";
 * function coreOf(guard: Guard, config: KubeConfig) {
 *   return guard.wrap(config.makeApiClient(CoreV1Api), kubernetes());
 * }
 * @see @kubernetes/client-node 1.4.0, read 2026-11
 */
export function kubernetes(options: KubernetesOptions = {}): Adapter<KubernetesClient> {
  const parsed = parseOptions(optionsSchema, options, "kubernetes") as KubernetesOptions;
  const known = knownObjects();
  const senders = new WeakMap<object, SendPast>();
  const accountFor = safely(accountOf, undefined);
  return {
    name: "kubernetes",
    cloud: "kubernetes",
    limits: kubernetesLimits,
    accepts: (client) => family(client) !== undefined,
    attach: (client, port) =>
      attachClient(client, port, {
        options: parsed,
        known,
        ready: (hooked, past) => void senders.set(hooked, past),
      }),
    classify,
    locate(client) {
      const account = parsed.account ?? accountFor(client);
      return account === undefined ? {} : { account };
    },
    errors: classifyError,
    answer: safely(readAnswer, { class: "ok" }),
    tags: tagSupport(known, (client) => {
      const past = senders.get(client);
      return past && ((path, kind, { signal }) => past({ path, accept: metadataOnly(kind), signal }));
    }),
    redaction,
  };
}
