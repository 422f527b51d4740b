import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { recordRequests } from "./capi-provider/requests.ts";
import {
  clusterManifests,
  connectWorkload,
  core,
  describeWithLab,
  type Lab,
  merge,
  type Provider,
  patient,
  standInForKubelets,
} from "./capi-provider.ts";
import { startWire, type Wire } from "./wire.ts";

const uncached = ["acmemachines.infrastructure.acme.example", `machines.${core}`, `clusters.${core}`];
const compacting = [
  "--etcd-compaction-interval=1s",
  `--watch-cache-sizes=${uncached.map((resource) => `${resource}#0`)}`,
];

describeWithLab("the example provider, with an API server that fails", (start) => {
  let lab: Lab;
  let recorded: Awaited<ReturnType<typeof recordRequests>>;
  let wire: Wire;
  let provider: Provider;
  let namespace: string;
  let stopKubelets = async () => {};

  beforeAll(async () => {
    recorded = await recordRequests();
    lab = await start({ flags: [...recorded.flags, ...compacting] });
    wire = await startWire(lab.kubernetes.port);
    await wire.mend();
    namespace = await lab.kubernetes.freshNamespace("blue");
    const network = await lab.makeNetwork();
    await connectWorkload(lab.kubernetes, { namespace, cluster: "blue", workload: lab.workload });
    stopKubelets = standInForKubelets(lab, { namespace, workload: lab.workload });
    provider = await lab.startProvider({ server: `https://127.0.0.1:${wire.port}` });
    await lab.apply(...clusterManifests({ namespace, name: "blue", network }));
    await running(2);
  }, 240_000);
  afterAll(async () => {
    await stopKubelets();
    await lab?.stop();
    await wire?.cut();
    await recorded?.remove();
  });

  /** Waits for so many Machines that run; a provider whose term has ended is started again, as by its Deployment. */
  const running = (count: number) =>
    vi.waitFor(async () => {
      const { exitCode, signalCode } = provider.process;
      if (exitCode !== null || signalCode !== null) {
        expect(exitCode).toBe(1);
        provider = await lab.startProvider({ server: `https://127.0.0.1:${wire.port}` });
      }
      expect(await lab.running(namespace)).toHaveLength(count);
    }, patient);
  const scale = (replicas: number) => {
    const path = `/apis/${core}/v1beta2/namespaces/${namespace}/machinedeployments/blue`;
    return lab.kubernetes.request("PATCH", path, { spec: { replicas } }, merge);
  };
  const launched = () => lab.cloud.log.filter(({ operation }) => operation === "RunInstances").length;

  it("makes each machine once where the server is killed while they are made", async () => {
    await scale(3);
    await vi.waitFor(() => expect(launched()).toBeGreaterThan(2), patient);
    await lab.kubernetes.kill();
    await lab.kubernetes.restart();
    await running(4);
    expect(await lab.instances("all")).toHaveLength(4);
  }, 200_000);

  it("misses nothing that changed while its watches were cut and their versions were compacted", async () => {
    const lists = async (code: number, verb: string) =>
      (await recorded.requests()).filter(
        ({ objectRef, responseStatus, verb: asked }) =>
          asked === verb && objectRef?.resource === "machines" && responseStatus?.code === code,
      ).length;
    const before = await lists(200, "list");
    await wire.cut();
    await scale(1);
    const deleting = async () =>
      (await lab.machines(namespace)).filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
    await vi.waitFor(async () => expect(await deleting()).toHaveLength(2), patient);
    await sleep(3_000); // two compactions
    await wire.mend();
    await running(2);
    await vi.waitFor(async () => expect(await lab.instances("alive")).toHaveLength(2), patient);
    await vi.waitFor(async () => expect(await lab.acmeMachines(namespace)).toHaveLength(2), patient);
    expect(await lists(200, "list")).toBeGreaterThan(before);
  }, 200_000);

  it("changes nothing after its term while the server hangs, ends, and is as good as new when it answers again", async () => {
    const before = launched();
    lab.kubernetes.pause();
    try {
      expect(await provider.ended).toBe(1); // within the term and what a request may take
      const events = provider.log().map(({ event }) => event);
      expect(events).toEqual(expect.arrayContaining(["lost", "stopping", "stopped"]));
      expect(launched()).toBe(before);
    } finally {
      lab.kubernetes.resume();
    }
    await scale(2);
    await running(3);
    expect(launched()).toBe(before + 1);
  }, 200_000);
});
