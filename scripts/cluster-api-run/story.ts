/** The run itself, phase by phase. */
import { clusterManifests, core } from "../../test/real/capi-provider/manifests.ts";
import type { Provider } from "../../test/real/capi-provider/provider.ts";
import { connectWorkload } from "../../test/real/cluster-api/workload.ts";
import { namespace } from "./census.ts";
import { type Crash, elected, killAtLaunch, lookAtRemains, recorded } from "./crash.ts";
import { type Stage, secondsSince } from "./stage.ts";
import { until } from "./wait.ts";

/** What can be seen only while it goes on. */
export interface Story {
  readonly crash: Crash;
  /** Of the instances that no object named after the crash, those that one names once all is provisioned. */
  readonly adopted: readonly string[];
  /** From the start of the new process until the dead one's Lease had run out and it led. */
  readonly electedAfterSeconds: number;
  /** The deletion of one cluster: its instances, and whether those and no others went. */
  readonly deleted: { readonly instances: readonly string[]; readonly noOthers: boolean };
  /** How the last process ended; `undefined` where it goes on. */
  readonly exit: number | string | null | undefined;
}

const placeOf = (plural: string, name: string) => `/apis/${core}/v1beta2/namespaces/${namespace}/${plural}/${name}`;

async function applyClusters({ lab, clusters, workers, tell }: Stage): Promise<void> {
  const network = await lab.makeNetwork();
  for (const name of clusters) {
    await connectWorkload(lab.kubernetes, { namespace, cluster: name, workload: lab.workload });
    const objects = clusterManifests({ namespace, name, network, workers });
    await lab.apply(...objects);
    tell(`applied ${name}: ${objects.map(({ kind }) => kind).join(", ")}`);
  }
}

async function scale({ lab, tell }: Stage, name: string, from: number, to: number): Promise<void> {
  const contentType = "application/merge-patch+json";
  await lab.kubernetes.request(
    "PATCH",
    placeOf("machinedeployments", name),
    { spec: { replicas: to } },
    { contentType },
  );
  tell(`MachineDeployment ${name}: from ${from} to ${to} replicas`);
}

/** @param remaining - Machines that there are afterwards. */
async function deleteClusters(stage: Stage, names: readonly string[], remaining: number): Promise<void> {
  const { lab, signal, tell } = stage;
  for (const name of names) await lab.kubernetes.request("DELETE", placeOf("clusters", name));
  tell(`deleted: Cluster ${names.join(", ")}`);
  await stage.settled(remaining);
  const left = async () => {
    const found = await lab.list(namespace, `${core}/v1beta2`, "clusters");
    return found.map(({ metadata }) => metadata.name).filter((name) => names.includes(name));
  };
  await until(left, { what: `the deletion of ${names.join(", ")}`, isSo: ({ length }) => length === 0, signal });
}

const aliveIn = async ({ lab }: Stage) => (await lab.instances("alive")).map(({ InstanceId = "" }) => InstanceId);

async function deleteOne(stage: Stage, cluster: string): Promise<Story["deleted"]> {
  const before = await aliveIn(stage);
  const instances = [...(await recorded(stage, cluster))];
  await deleteClusters(stage, [cluster], before.length - instances.length);
  const after = await aliveIn(stage);
  return { instances, noOthers: before.every((id) => instances.includes(id) !== after.includes(id)) };
}

async function endProvider({ tell, signal }: Stage, { process, ended }: Provider): Promise<Story["exit"]> {
  process.kill("SIGTERM");
  const exit = await ended;
  signal.throwIfAborted();
  tell(`the provider was asked to stop (SIGTERM) and ended with ${exit}`);
  return exit;
}

/**
 * Plays it.
 *
 * @param options.keep - Leaves the provider, and all clusters but one, as they are.
 */
export async function play(stage: Stage, options: { readonly cli: string; readonly keep: boolean }): Promise<Story> {
  const { clusters, workers, tell, phase } = stage;
  const [first = "", second = ""] = clusters;
  const last = clusters.at(-1) ?? "";
  const machines = clusters.length * (1 + workers);

  const doomed = await phase("The provider starts", async () => {
    const provider = await stage.startProvider();
    await elected(stage, provider);
    return provider;
  });

  const crash = await phase("Clusters are applied, the provider is killed", async () => {
    await Promise.all([killAtLaunch(stage, doomed, Math.ceil(machines / 2)), applyClusters(stage)]);
    tell("killed (SIGKILL) when the cloud had made an instance and the answer was about to leave");
    const found = await lookAtRemains(stage, options.cli);
    tell(`instances: ${found.instances}; named by no object: ${found.unrecorded.length}`);
    tell(`intents without outcome in its audit log: ${found.openIntents}`);
    return found;
  });

  const resumed = await phase("The next process takes over", async () => {
    const at = performance.now();
    const provider = await stage.startProvider();
    await elected(stage, provider);
    const electedAfterSeconds = secondsSince(at);
    tell(`the dead process's Lease has run out: the new one leads after ${electedAfterSeconds.toFixed(1)} s`);
    await stage.settled(machines);
    const named = await recorded(stage);
    const adopted = crash.unrecorded.filter((id) => named.has(id));
    tell(`adopted: ${adopted.join(", ") || "none"}`);
    return { provider, electedAfterSeconds, adopted };
  });

  await phase("One MachineDeployment grows, another one shrinks", async () => {
    await scale(stage, first, workers, workers + 2);
    await scale(stage, second, workers, workers - 1);
    await stage.settled(machines + 1);
  });
  const deleted = await phase("One cluster is deleted", () => deleteOne(stage, last));
  const { provider, ...found } = resumed;
  if (options.keep) return { crash, ...found, deleted, exit: undefined };

  const exit = await phase("The rest is deleted, the provider stops", async () => {
    await deleteClusters(stage, clusters.slice(0, -1), 0);
    return endProvider(stage, provider);
  });
  return { crash, ...found, deleted, exit };
}
