import { setTimeout as sleep } from "node:timers/promises";
import { verifyJournal } from "provider-guard";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Recorded, recordRequests } from "./capi-provider/requests.ts";
import {
  acme,
  bootstrapSecret,
  clusterManifests,
  connectWorkload,
  core,
  describeWithLab,
  type Lab,
  manifests,
  merge,
  pathOf,
  patient,
  readManifests,
  reasonOf,
  region,
  standInForKubelets,
} from "./capi-provider.ts";

interface Deployment {
  readonly spec: { readonly template: { readonly spec: { readonly containers: readonly object[] } } };
}

describeWithLab("the example provider, with the rights of its manifests", (start) => {
  let lab: Lab;
  let recorded: Recorded;

  beforeAll(async () => {
    recorded = await recordRequests();
    lab = await start({ flags: recorded.flags });
  }, 180_000);
  afterAll(async () => {
    await lab?.stop();
    await recorded?.remove();
  });

  const running = (namespace: string, count: number) =>
    expect.poll(async () => (await lab.running(namespace)).length, patient).toBe(count);

  it("takes a cluster from Pending to NodeRef, scales it, honours a pause, survives a kill, deletes it, and leaves nothing", async () => {
    const namespace = await lab.kubernetes.freshNamespace("blue");
    const network = await lab.makeNetwork();
    const { subnets } = network;
    const groups = () => lab.securityGroups(network.vpc);
    const machines = () => lab.machines(namespace);
    const acmeMachines = () => lab.acmeMachines(namespace);
    const instances = (state: "alive" | "all") => lab.instances(state);
    const deployment = `/apis/${core}/v1beta2/namespaces/${namespace}/machinedeployments/blue`;
    const scale = (replicas: number) => lab.kubernetes.request("PATCH", deployment, { spec: { replicas } }, merge);
    const pause = (paused: boolean) =>
      lab.kubernetes.request(
        "PATCH",
        `/apis/${core}/v1beta2/namespaces/${namespace}/clusters/blue`,
        { spec: { paused } },
        merge,
      );

    await connectWorkload(lab.kubernetes, { namespace, cluster: "blue", workload: lab.workload });
    const stopKubelets = standInForKubelets(lab, { namespace, workload: lab.workload });
    let provider = await lab.startProvider();
    await lab.apply(...clusterManifests({ namespace, name: "blue", network, failureDomain: `${region}b` }));
    await running(namespace, 2);
    expect((await fetch(`${provider.url}/readyz`)).status).toBe(200);
    expect(await (await fetch(`${provider.url}/metrics`)).text()).toMatch(/^provider_guard_attempts_total\{.*\} \d+$/m);

    // What the contract asks for, and whose the instances are.
    const [cluster] = await lab.list(namespace, acme, "acmeclusters");
    expect(cluster?.status).toMatchObject({
      initialization: { provisioned: true },
      failureDomains: subnets.map(({ failureDomain }) => ({ name: failureDomain, controlPlane: true })),
    });
    for (const found of await acmeMachines()) {
      expect(found.status).toMatchObject({
        initialization: { provisioned: true },
        addresses: expect.arrayContaining([{ type: "InternalIP", address: expect.stringMatching(/^10\.0\./) }]),
      });
      expect(reasonOf(found, "Ready")).toBe("InstanceRunning");
    }
    const made = await instances("alive");
    const owners = made.map(({ Tags = [] }) => Tags.find(({ Key }) => Key === "provider-guard/machine-uid")?.Value);
    expect(owners.sort()).toEqual((await machines()).map(({ metadata }) => metadata.uid).sort());
    const zones = made.map(({ Placement }) => Placement?.AvailabilityZone);
    expect(zones).toContain(`${region}b`); // what the MachineDeployment asks for
    expect(await groups()).toHaveLength(1);

    // Nothing happens, nothing is written: no status wakes its own writer.
    const versions = async () => (await acmeMachines()).map(({ metadata }) => metadata.resourceVersion);
    await sleep(6_000); // a look after `pollMs` included
    const before = await versions();
    await sleep(6_000);
    expect(await versions()).toEqual(before);

    await scale(3);
    await running(namespace, 4);
    // Killed as soon as there is an instance that nobody has written down: nothing twice, nothing lost.
    for (const workers of [4, 5]) {
      await scale(workers);
      while ((await instances("all")).length <= workers) await sleep(1);
      provider.process.kill("SIGKILL");
      await provider.ended;
      provider = await lab.startProvider();
      await running(namespace, workers + 1);
      expect(await instances("all")).toHaveLength(workers + 1);
    }

    await pause(true);
    const paused = async () => (await acmeMachines()).map((one) => reasonOf(one, "Paused"));
    await expect.poll(paused, patient).toEqual(Array(6).fill("Paused"));
    await pause(false);
    await expect.poll(paused, patient).toEqual(Array(6).fill("NotPaused"));

    await scale(1);
    await expect.poll(async () => (await instances("alive")).length, patient).toBe(2);
    await expect.poll(async () => (await machines()).length, patient).toBe(2);

    await lab.kubernetes.request("DELETE", `/apis/${core}/v1beta2/namespaces/${namespace}/clusters/blue`);
    await expect.poll(() => lab.list(namespace, `${core}/v1beta2`, "clusters"), patient).toEqual([]);
    expect(await machines()).toEqual([]);
    expect(await acmeMachines()).toEqual([]);
    expect(await lab.list(namespace, acme, "acmeclusters")).toEqual([]);
    expect(await instances("alive")).toEqual([]);
    expect(await instances("all")).toHaveLength(6);
    expect(await groups()).toEqual([]);

    provider.process.kill("SIGTERM");
    expect(await provider.ended).toBe(0);
    expect(provider.log().map(({ event }) => event)).toEqual(
      expect.arrayContaining(["elected", "stopping", "stopped"]),
    );
    await stopKubelets();
    expect(await verifyJournal({ directory: provider.auditDirectory })).toMatchObject({ ok: true });
  }, 400_000);

  it("says what is wrong where nothing can be made, and does not try again and again", async () => {
    const namespace = await lab.kubernetes.freshNamespace("wrong");
    const provider = await lab.startProvider();
    const subnets = [{ id: "subnet-00000000", failureDomain: `${region}a` }];
    const network = { vpc: "vpc-00000000", subnets, cidrs: [] };
    await lab.apply(
      bootstrapSecret(namespace, "bootstrap"),
      ...clusterManifests({ namespace, name: "wrong", network, dataSecretName: "bootstrap" }),
    );
    const ready = async () => (await lab.acmeMachines(namespace)).map((one) => reasonOf(one, "Ready"));
    await expect.poll(ready, patient).toEqual(["NotFound"]);
    const events = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
    const told = async () => (await lab.kubernetes.request<{ items: { reason: string }[] }>("GET", events)).items;
    await expect.poll(told, patient).toContainEqual(expect.objectContaining({ reason: "NotFound" }));
    await sleep(10_000);
    const failures = provider
      .log()
      .filter(({ event, where }) => event === "error" && String(where).startsWith(`AcmeMachine/${namespace}/`));
    expect(failures.length).toBeGreaterThan(0);
    expect(failures.length).toBeLessThan(4); // Cluster API's own changes of the object have it looked at anew
    provider.process.kill("SIGTERM");
    expect(await provider.ended).toBe(0);
  }, 120_000);

  it("has missed no right", async () => {
    const { allowed, denied } = await recorded.rights();
    expect(denied).toEqual([]);
    expect(allowed).toContain("patch acmemachines/status");
  });

  it("comes with a namespace that takes its own pod, and no privileged one", async () => {
    const objects = await readManifests(manifests, "deployment");
    for (const object of objects) await lab.kubernetes.request("POST", `${pathOf(object)}?dryRun=All`, object);
    const [deployment] = objects.filter(({ kind }) => kind === "Deployment") as unknown as [Deployment];
    const { spec } = deployment.spec.template;
    const pod = (containers: readonly object[]) => {
      const body = { metadata: { name: "p" }, spec: { ...spec, containers } };
      return lab.kubernetes.request("POST", "/api/v1/namespaces/acme-system/pods?dryRun=All", body);
    };
    await pod(spec.containers);
    const lax = spec.containers.map((one) => ({ ...one, securityContext: {} }));
    await expect(pod(lax)).rejects.toThrow(/violates PodSecurity/);
  });
});
