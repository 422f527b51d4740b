import { CreateSecurityGroupCommand } from "@aws-sdk/client-ec2";
import { afterAll, beforeAll, describe, expect, it, type TestContext } from "vitest";
import { classManifests, topologyCluster } from "./capi-provider/cluster-class.ts";
import { type Recorded, recordRequests } from "./capi-provider/requests.ts";
import { textOf } from "./capi-provider/rights.ts";
import {
  acme,
  bootstrapSecret,
  type ClusterManifestOptions,
  clusterManifests,
  connectWorkload,
  core,
  describeWithLab,
  type Found,
  type Lab,
  type Manifest,
  manifests,
  merge,
  type Network,
  pathOf,
  patient,
  readManifests,
  reasonOf,
  region,
} from "./capi-provider.ts";

const group = "infrastructure.acme.example";
const boundMs = 300_000;

describeWithLab("the example provider and the contract v1beta2", (start) => {
  let lab: Lab;
  let recorded: Recorded;

  beforeAll(async () => {
    recorded = await recordRequests({ resources: [{ group, resources: ["*"] }] });
    lab = await start({
      flags: recorded.flags,
      featureGates: ["ClusterTopology=true"],
    });
    await lab.startProvider();
  }, 180_000);
  afterAll(async () => {
    await lab?.stop();
    await recorded?.remove();
  });

  const pathTo = (namespace: string, plural: string, name: string) =>
    `/apis/${plural.startsWith("acme") ? acme : `${core}/v1beta2`}/namespaces/${namespace}/${plural}/${name}`;
  const change = (path: string, body: object) => lab.kubernetes.request("PATCH", path, body, merge);
  const remove = (path: string) => lab.kubernetes.request("DELETE", path);
  const acmeCluster = async (namespace: string) => (await lab.list(namespace, acme, "acmeclusters"))[0];

  /** A cluster whose machines get their bootstrap data from a Secret. */
  async function makeCluster(
    name: string,
    options: Partial<ClusterManifestOptions> = {},
    edit = (object: Manifest) => object,
  ) {
    const namespace = await lab.kubernetes.freshNamespace(name);
    const network = await lab.makeNetwork();
    const objects = clusterManifests({ namespace, name, network, dataSecretName: "bootstrap", ...options });
    await lab.apply(bootstrapSecret(namespace, "bootstrap"), ...objects.map(edit));
    return { namespace, network };
  }

  const instancesIn = async ({ vpc }: Network) =>
    (await lab.instances("alive")).filter(({ VpcId }) => VpcId === vpc).map(({ State }) => State?.Name);

  const provisioned = ({ expect }: TestContext, namespace: string, count: number) =>
    expect
      .poll(async () => {
        const found = await lab.acmeMachines(namespace);
        return found.filter((one) => reasonOf(one, "Ready") === "InstanceRunning").length;
      }, patient)
      .toBe(count);

  async function removed({ expect }: TestContext, namespace: string, name: string, network: Network) {
    await remove(pathTo(namespace, "clusters", name));
    await expect.poll(() => lab.list(namespace, `${core}/v1beta2`, "clusters"), patient).toEqual([]);
    expect(await lab.acmeMachines(namespace)).toEqual([]);
    expect(await instancesIn(network)).toEqual([]);
  }

  describe("bad input", () => {
    const subnets = [{ id: "subnet-0a", failureDomain: "eu-central-1a" }];
    const cluster = { vpcId: "vpc-0a", subnets };
    const machine = { imageId: "ami-0a", instanceType: "t3.small" };
    const object = (kind: string, spec: object): Manifest => ({
      apiVersion: acme,
      kind,
      metadata: { namespace: "default", name: "bad" },
      spec,
    });
    const endpoint = { host: "api.example", port: 6443 };
    const providerID = "aws:///eu-central-1a/i-0a";

    it.each<[what: string, kind: string, spec: object, said: RegExp]>([
      ["no network", "AcmeCluster", { subnets }, /spec.vpcId: Required value/],
      ["a network's name", "AcmeCluster", { ...cluster, vpcId: "blue" }, /spec.vpcId in body should match '\^vpc-/],
      ["no subnet", "AcmeCluster", { ...cluster, subnets: [] }, /spec.subnets in body should have at least 1 items/],
      [
        "a subnet without its zone",
        "AcmeCluster",
        { ...cluster, subnets: [{ id: "subnet-0a" }] },
        /failureDomain: Required/,
      ],
      [
        "two subnets in a zone",
        "AcmeCluster",
        { ...cluster, subnets: [...subnets, { ...subnets[0], id: "subnet-0b" }] },
        /spec.subnets\[1\]: Duplicate value: \{\\"failureDomain\\":\\"eu-central-1a\\"\}/,
      ],
      [
        "no network's CIDR",
        "AcmeCluster",
        { ...cluster, apiServerCidrs: ["999.0.0.0/8"] },
        /spec.apiServerCidrs\[0\].*an IPv4 network, .* like 203.0.113.0\/24/,
      ],
      ["a host's CIDR", "AcmeCluster", { ...cluster, apiServerCidrs: ["10.0.0.1/8"] }, /without the bits of a host/],
      ["IPv6", "AcmeCluster", { ...cluster, apiServerCidrs: ["2001:db8::/32"] }, /an IPv4 network/],
      [
        "no such port",
        "AcmeCluster",
        { ...cluster, controlPlaneEndpoint: { host: "a", port: 0 } },
        /port in body should be greater than or equal to 1/,
      ],
      [
        "an image's name",
        "AcmeMachine",
        { ...machine, imageId: "ubuntu" },
        /spec.imageId in body should match '\^ami-/,
      ],
      ["no type", "AcmeMachine", { imageId: "ami-0a" }, /spec.instanceType: Required value/],
      [
        "another cloud's providerID",
        "AcmeMachine",
        { ...machine, providerID: "gce://a/b/c" },
        /spec.providerID in body should match '\^aws:\/\/\//,
      ],
      ["an empty template", "AcmeMachineTemplate", {}, /spec.template: Required value/],
      [
        "a bad image in a template",
        "AcmeMachineTemplate",
        { template: { spec: { ...machine, imageId: "x" } } },
        /spec.template.spec.imageId in body should match/,
      ],
      [
        "a bad CIDR in a template",
        "AcmeClusterTemplate",
        { template: { spec: { ...cluster, apiServerCidrs: ["10/8"] } } },
        /like 203.0.113.0\/24/,
      ],
    ])("is refused with what to do: %s", async (_what, kind, spec, said) => {
      const bad = object(kind, spec);
      await expect(lab.kubernetes.request("POST", `${pathOf(bad)}?dryRun=All`, bad)).rejects.toThrow(said);
    });

    it.each<[what: string, kind: string, before: object, after: object, said: RegExp]>([
      ["the network", "AcmeCluster", cluster, { vpcId: "vpc-0b" }, /vpcId does not change, .*; make a new cluster/],
      [
        "the endpoint",
        "AcmeCluster",
        { ...cluster, controlPlaneEndpoint: endpoint },
        { controlPlaneEndpoint: { port: 443 } },
        /controlPlaneEndpoint is written once/,
      ],
      [
        "no endpoint anymore",
        "AcmeCluster",
        { ...cluster, controlPlaneEndpoint: endpoint },
        { controlPlaneEndpoint: null },
        /controlPlaneEndpoint is written once/,
      ],
      [
        "a machine's type",
        "AcmeMachine",
        machine,
        { instanceType: "m7g.large" },
        /a machine does not change; change its template/,
      ],
      [
        "a machine's instance profile",
        "AcmeMachine",
        machine,
        { instanceProfile: "admins" },
        /a machine does not change; change its template/,
      ],
      [
        "the providerID",
        "AcmeMachine",
        { ...machine, providerID },
        { providerID: `${providerID}b` },
        /providerID is written once/,
      ],
      [
        "no providerID anymore",
        "AcmeMachine",
        { ...machine, providerID },
        { providerID: null },
        /providerID is written once/,
      ],
      [
        "a template",
        "AcmeMachineTemplate",
        { template: { spec: machine } },
        { template: { spec: { instanceType: "m7g.large" } } },
        /a template does not change; make another one/,
      ],
      [
        "a cluster's template",
        "AcmeClusterTemplate",
        { template: { spec: cluster } },
        { template: { spec: { vpcId: "vpc-0b" } } },
        /a template does not change; make another one/,
      ],
    ])("is refused as a change: %s", async (what, kind, before, after, said) => {
      const good = object(kind, before);
      const name = what.toLowerCase().replaceAll(/[^a-z]/g, "x");
      await lab.apply({ ...good, metadata: { ...good.metadata, name } });
      const path = `${pathOf(good)}/${name}`;
      // An API server follows a policy some time after it was made.
      const changed = () => change(`${path}?dryRun=All`, { spec: after }).then(JSON.stringify, String);
      await expect.poll(changed, patient).toMatch(said);
      await change(path, { metadata: { labels: { "acme.example/looked-at": "yes" } } });
      await remove(path);
    });
  });

  it("has kinds that Cluster API finds by their labels, and people by their columns", async () => {
    for (const { metadata, spec } of await readManifests(manifests, "crds")) {
      expect(metadata.labels).toMatchObject({ [`${core}/v1beta2`]: "v1alpha1" });
      expect(spec).toMatchObject({ scope: "Namespaced", names: { categories: ["cluster-api"] } });
    }
    const accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
    const columns = async (plural: string) => {
      const path = `/apis/${acme}/namespaces/default/${plural}`;
      const table = await lab.kubernetes.request<{ columnDefinitions: { name: string }[] }>("GET", path, undefined, {
        accept,
      });
      return table.columnDefinitions.map(({ name }) => name);
    };
    expect(await columns("acmeclusters")).toEqual(["Name", "Cluster", "Ready", "Reason", "Age"]);
    expect(await columns("acmemachines")).toEqual(["Name", "Cluster", "Ready", "Reason", "ProviderID", "Age"]);
  });

  it.concurrent(
    "templates, failure domains, conditions",
    async (context) => {
      const { expect } = context;
      const namespace = await lab.kubernetes.freshNamespace("blue");
      const network = await lab.makeNetwork();
      await connectWorkload(lab.kubernetes, { namespace, cluster: "blue", workload: lab.workload });
      const metadata = { labels: { "acme.example/rack": "7" }, annotations: { "acme.example/ticket": "INC-42" } };
      const objects = clusterManifests({ namespace, name: "blue", network, workers: 0 }).map((object) =>
        object.kind === "AcmeMachineTemplate"
          ? { ...object, spec: { template: { ...(object.spec as { template: object }).template, metadata } } }
          : object,
      );
      await lab.apply(...objects);
      await provisioned(context, namespace, 1);

      const [cluster] = await lab.list(namespace, `${core}/v1beta2`, "clusters");
      const [machine] = await lab.machines(namespace);
      const [made] = await lab.acmeMachines(namespace);
      expect(made?.metadata).toMatchObject({
        labels: { [`${core}/cluster-name`]: "blue", "acme.example/rack": "7" },
        annotations: {
          "acme.example/ticket": "INC-42",
          [`${core}/cloned-from-name`]: "blue",
          [`${core}/cloned-from-groupkind`]: `AcmeMachineTemplate.${group}`,
        },
      });
      const owners = made?.metadata.ownerReferences ?? [];
      expect(owners).toContainEqual(expect.objectContaining({ kind: "Machine", uid: machine?.metadata.uid }));
      const [template] = await lab.list(namespace, acme, "acmemachinetemplates");
      const ofCluster = expect.objectContaining({ kind: "Cluster", uid: cluster?.metadata.uid });
      expect(template?.metadata.ownerReferences).toContainEqual(ofCluster);

      // The control plane chose among the zones that the AcmeCluster reports, and there the instance is.
      const zone = machine?.spec.failureDomain;
      expect(network.subnets.map(({ failureDomain }) => failureDomain)).toContain(zone);
      const [instance] = (await lab.instances("alive")).filter(({ VpcId }) => VpcId === network.vpc);
      expect(instance?.Placement?.AvailabilityZone).toBe(zone);
      expect(made?.status?.failureDomain).toBe(zone);

      const told = async (found: Promise<Found | undefined>) => {
        const { metadata, status } = (await found) as Found;
        return status?.conditions?.map(({ type, status, observedGeneration }) => [
          type,
          status,
          observedGeneration === metadata.generation,
        ]);
      };
      const good = expect.arrayContaining([
        ["Ready", "True", true],
        ["Paused", "False", true],
      ]);
      await expect.poll(() => told(acmeCluster(namespace)), patient).toEqual(good);
      await expect.poll(() => told(lab.acmeMachines(namespace).then(([one]) => one)), patient).toEqual(good);
      await removed(context, namespace, "blue", network);
    },
    boundMs,
  );

  it.concurrent(
    "a cluster of a ClusterClass",
    async (context) => {
      const { expect } = context;
      const namespace = await lab.kubernetes.freshNamespace("class");
      const network = await lab.makeNetwork();
      await connectWorkload(lab.kubernetes, { namespace, cluster: "sky", workload: lab.workload });
      await lab.apply(...classManifests({ namespace, name: "standard", network }));
      await lab.apply(topologyCluster({ namespace, name: "sky", className: "standard" }));
      await provisioned(context, namespace, 1);
      const found = await acmeCluster(namespace);
      expect(found?.spec).toMatchObject({ controlPlaneEndpoint: { host: "api.sky.example", port: 6443 } });
      expect(found?.metadata.labels).toMatchObject({ [`topology.${core}/owned`]: "" });
      const cluster = async () => (await lab.list(namespace, `${core}/v1beta2`, "clusters"))[0] as Found;
      await expect
        .poll(async () => reasonOf(await cluster(), "TopologyReconciled"), patient)
        .toBe("ReconcileSucceeded");
      await removed(context, namespace, "sky", network);
    },
    boundMs,
  );

  it.concurrent(
    "deletions by hand, in the wrong order",
    async (context) => {
      const { expect } = context;
      const { namespace, network } = await makeCluster("order", { workers: 2 });
      await provisioned(context, namespace, 2);
      // An AcmeMachine whose Machine lives: its instance goes, and the Machine says so.
      const [doomed] = await lab.acmeMachines(namespace);
      await remove(pathTo(namespace, "acmemachines", doomed?.metadata.name ?? ""));
      await expect.poll(() => instancesIn(network), patient).toEqual(["running"]);
      const reasons = async () => (await lab.machines(namespace)).map((one) => reasonOf(one, "InfrastructureReady"));
      const gone = expect.stringMatching(/^Object(Deleted|DoesNotExist)$/); // by whether it has seen it go
      await expect.poll(async () => (await reasons()).sort(), patient).toEqual(["InstanceRunning", gone]);

      // An AcmeCluster before its machines: it waits for them, and says so.
      await remove(pathTo(namespace, "acmeclusters", "order"));
      const ready = async () => (await acmeCluster(namespace))?.status?.conditions;
      const waits = { type: "Ready", status: "False", reason: "WaitingForMachines", message: "1 machines are left" };
      await expect.poll(ready, patient).toContainEqual(expect.objectContaining(waits));
      expect(await instancesIn(network)).toEqual(["running"]);
      expect(await lab.securityGroups(network.vpc)).toHaveLength(1);

      await removed(context, namespace, "order", network);
      expect(await lab.securityGroups(network.vpc)).toEqual([]);
    },
    boundMs,
  );

  it.concurrent(
    "infrastructure that somebody else manages",
    async (context) => {
      const { expect } = context;
      const { namespace, network } = await makeCluster("external", {}, (object) =>
        object.kind === "AcmeCluster"
          ? { ...object, metadata: { ...object.metadata, annotations: { [`${core}/managed-by`]: "terraform" } } }
          : object,
      );
      const waiting = async () => (await lab.acmeMachines(namespace)).map((one) => reasonOf(one, "Ready"));
      await expect.poll(waiting, patient).toEqual(["WaitingForClusterInfrastructure"]);
      const untouched = (await acmeCluster(namespace)) as Found;
      expect(untouched.status).toBeUndefined();
      expect(untouched.metadata.finalizers ?? []).not.toContain(`${group}/resources`);
      expect(await lab.securityGroups(network.vpc)).toEqual([]);

      const input = { GroupName: "external", Description: "made by terraform", VpcId: network.vpc };
      const { GroupId } = await lab.ec2.send(new CreateSecurityGroupCommand(input));
      const status = {
        initialization: { provisioned: true },
        failureDomains: [{ name: `${region}a`, controlPlane: true }],
        securityGroupId: GroupId,
      };
      await change(`${pathTo(namespace, "acmeclusters", "external")}/status`, { status });
      await provisioned(context, namespace, 1);
      await removed(context, namespace, "external", network);
      expect(await lab.securityGroups(network.vpc)).toHaveLength(1); // is not this provider's to delete
    },
    boundMs,
  );

  it.concurrent(
    "a pause outlasts deletion",
    async (context) => {
      const { expect } = context;
      const { namespace, network } = await makeCluster("pause", { workers: 2 });
      await provisioned(context, namespace, 2);
      const annotation = `${core}/paused`;
      const modes = [
        (name: string, paused: boolean) =>
          change(pathTo(namespace, "acmemachines", name), {
            metadata: { annotations: { [annotation]: paused ? "" : null } },
          }),
        (_name: string, paused: boolean) => change(pathTo(namespace, "clusters", "pause"), { spec: { paused } }),
      ];
      for (const [index, pause] of modes.entries()) {
        const name = (await lab.acmeMachines(namespace))[0]?.metadata.name ?? "";
        const find = async () => (await lab.acmeMachines(namespace)).find(({ metadata }) => metadata.name === name);
        await pause(name, true);
        await remove(pathTo(namespace, "acmemachines", name));
        // It has looked at the object in deletion, and left it alone.
        await expect
          .poll(async () => {
            const { metadata, status } = (await find()) as Found;
            const paused = status?.conditions?.find(({ type }) => type === "Paused");
            const isSeen =
              metadata.deletionTimestamp !== undefined && paused?.observedGeneration === metadata.generation;
            return isSeen && paused.status;
          }, patient)
          .toBe("True");
        expect(await instancesIn(network)).toEqual(Array(2 - index).fill("running"));
        await pause(name, false);
        await expect.poll(find, patient).toBeUndefined();
        expect(await instancesIn(network)).toHaveLength(1 - index);
      }
      await removed(context, namespace, "pause", network);
    },
    boundMs,
  );

  it("grants Cluster API's own controllers what they have done here", async () => {
    const { allowed } = await recorded.rights('"userAgent":"manager/');
    const role = (await readManifests(manifests, "rbac")).find(
      ({ metadata }) => metadata.name === "acme-provider-aggregated",
    ) as unknown as { rules: { resources: string[]; verbs: string[] }[] };
    const granted = role.rules.flatMap(({ resources, verbs }) =>
      resources.flatMap((resource) =>
        verbs.map((verb) => textOf({ apiGroups: [], resources: [resource], verbs: [verb] })),
      ),
    );
    expect(allowed).toEqual(
      expect.arrayContaining(["patch acmemachines", "delete acmemachines", "watch acmeclusters"]),
    );
    expect(allowed.filter((right) => !granted.includes(right))).toEqual([]);
  });
});
