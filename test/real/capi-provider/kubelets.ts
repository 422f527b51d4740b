import { setTimeout as sleep } from "node:timers/promises";
import { markInitialized, registerNode } from "../cluster-api/workload.ts";
import { KubernetesRequestError } from "../kubernetes/request.ts";
import type { Kubernetes } from "../kubernetes/start.ts";
import type { Lab } from "./lab.ts";
import { core, kubernetesVersion } from "./manifests.ts";

/** One workload API server may stand for those of several clusters. */
async function unlessThere(made: Promise<void>): Promise<void> {
  await made.catch((error) => {
    if (!(error instanceof KubernetesRequestError && error.status === 409)) throw error;
  });
}

export interface KubeletOptions {
  readonly namespace: string;
  /** The workload cluster's API server. */
  readonly workload: Kubernetes;
}

/**
 * Stands in for the machines' kubelets, because no machine boots here: each AcmeMachine that has got
 * its `providerID` gets its Node in the workload cluster, as if its instance had joined it.
 *
 * @returns What ends it.
 */
export function standInForKubelets(lab: Lab, options: KubeletOptions): () => Promise<void> {
  const { namespace, workload } = options;
  const stop = new AbortController();
  const registered = new Set<string>();
  const look = async () => {
    for (const { metadata, spec } of await lab.acmeMachines(namespace)) {
      if (spec.providerID === undefined || registered.has(spec.providerID)) continue;
      if (`${core}/control-plane` in (metadata.labels ?? {})) {
        await unlessThere(markInitialized(workload, kubernetesVersion));
      }
      await unlessThere(registerNode(workload, { name: metadata.name, providerID: spec.providerID }));
      registered.add(spec.providerID);
    }
  };
  const run = async () => {
    while (!stop.signal.aborted) {
      await look().catch(() => {}); // an API server is down or just up: what is left is for the next look
      await sleep(100);
    }
  };
  const done = run();
  return async () => {
    stop.abort();
    await done;
  };
}
