import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  CreateSubnetCommand,
  CreateVpcCommand,
  DescribeInstancesCommand,
  DescribeSecurityGroupsCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
import { KubeConfig, loadAllYaml } from "@kubernetes/client-node";
import { verifyJournal } from "provider-guard";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Child, startChild } from "../support/child.ts";
import { freePort } from "../support/programs.ts";
import type { CustomResourceDefinition } from "./cluster-api/manifests.ts";
import { markInitialized, registerNode } from "./cluster-api/workload.ts";
import { type ClusterApi, connectWorkload, describeWithClusterApi, startClusterApi } from "./cluster-api.ts";
import { type Kubernetes, startKubernetes } from "./kubernetes.ts";
import { describeWithMoto, type Moto, startMoto } from "./moto.ts";

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: object;
}

interface Found {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly finalizers?: readonly string[];
    readonly deletionTimestamp?: string;
  };
  readonly spec: { readonly providerID?: string };
  readonly status?: {
    readonly phase?: string;
    readonly nodeRef?: { readonly name: string };
    readonly failureDomain?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string }[];
  };
}

const example = new URL("../../examples/capi-provider/", import.meta.url);
const acme = "infrastructure.acme.example";
const core = "cluster.x-k8s.io";
const version = "v1.35.4";
const region = "eu-central-1";
const account = "system:serviceaccount:acme-system:acme-provider";
const patient = { timeout: 90_000, interval: 200 };
const merge = { contentType: "application/merge-patch+json" };

const manifest = async (name: string): Promise<Manifest[]> =>
  loadAllYaml(await readFile(new URL(`manifests/${name}.yaml`, example), "utf8"));

const pathOf = ({ apiVersion, kind, metadata: { namespace } }: Manifest) => {
  const plural = `${kind.toLowerCase()}s`.replace(/ys$/, "ies");
  const place = namespace === undefined ? plural : `namespaces/${namespace}/${plural}`;
  return apiVersion.includes("/") ? `/apis/${apiVersion}/${place}` : `/api/${apiVersion}/${place}`;
};

interface Request {
  readonly verb: string;
  readonly objectRef?: { readonly apiGroup?: string; readonly resource: string; readonly subresource?: string };
  readonly responseStatus?: { readonly code?: number };
}

interface Deployment {
  readonly spec: { readonly template: { readonly spec: { readonly containers: readonly object[] } } };
}

interface Role extends Manifest {
  readonly rules: readonly Record<"apiGroups" | "resources" | "verbs", readonly string[]>[];
}

/** A cluster as a user would apply it: a control plane of one machine, and workers in the second zone. */
function clusterManifests(
  namespace: string,
  name: string,
  network: { vpc: string; subnets: readonly object[]; cidrs: readonly string[] },
) {
  const labels = { [`${core}/cluster-name`]: name };
  // Checked too early, a MachineSet would look again after 15 s only.
  const annotations = { "machineset.cluster.x-k8s.io/skip-preflight-checks": "All" };
  const object = (apiVersion: string, kind: string, own: string, spec: object): Manifest =>
    ({ apiVersion, kind, metadata: { namespace, name: own, labels, annotations }, spec }) as Manifest;
  const infrastructureRef = { apiGroup: acme, kind: "AcmeMachineTemplate", name };
  const nodeRegistration = { name: "{{ ds.meta_data.local_hostname }}" };
  return [
    object(`${acme}/v1alpha1`, "AcmeCluster", name, {
      controlPlaneEndpoint: { host: "api.blue.example", port: 6443 },
      vpcId: network.vpc,
      subnets: network.subnets,
      apiServerCidrs: network.cidrs,
    }),
    object(`${acme}/v1alpha1`, "AcmeMachineTemplate", name, {
      template: { spec: { imageId: "ami-12345678", instanceType: "t3.small" } },
    }),
    object(`bootstrap.${core}/v1beta2`, "KubeadmConfigTemplate", name, {
      template: { spec: { joinConfiguration: { nodeRegistration } } },
    }),
    object(`controlplane.${core}/v1beta2`, "KubeadmControlPlane", name, {
      replicas: 1,
      version,
      machineTemplate: { spec: { infrastructureRef } },
      kubeadmConfigSpec: { initConfiguration: { nodeRegistration } },
    }),
    object(`${core}/v1beta2`, "MachineDeployment", name, {
      clusterName: name,
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          clusterName: name,
          version,
          failureDomain: `${region}b`,
          bootstrap: { configRef: { apiGroup: `bootstrap.${core}`, kind: "KubeadmConfigTemplate", name } },
          infrastructureRef,
        },
      },
    }),
    object(`${core}/v1beta2`, "Cluster", name, {
      infrastructureRef: { apiGroup: acme, kind: "AcmeCluster", name },
      controlPlaneRef: { apiGroup: `controlplane.${core}`, kind: "KubeadmControlPlane", name },
    }),
  ];
}

describeWithMoto("the example provider", (python) => {
  describeWithClusterApi("under the real Cluster API, with the rights of its manifests", () => {
    let kubernetes: Kubernetes;
    let workload: Kubernetes;
    let clusterApi: ClusterApi;
    let moto: Moto;
    let ec2: EC2Client;
    let folder: string;
    let kubeConfig: string;
    const children: Child[] = [];

    const apply = (object: Manifest) => kubernetes.request("POST", pathOf(object), object);

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "capi-provider-"));
      const policy = join(folder, "audit-policy.yaml");
      const rules = [{ level: "Metadata", users: [account], omitStages: ["RequestReceived"] }, { level: "None" }];
      await writeFile(policy, JSON.stringify({ apiVersion: "audit.k8s.io/v1", kind: "Policy", rules }));
      const flags = [`--audit-policy-file=${policy}`, `--audit-log-path=${join(folder, "requests")}`];
      [kubernetes, workload, moto] = await Promise.all([
        startKubernetes({ flags }),
        startKubernetes(),
        startMoto(python),
      ]);
      const crds = (await manifest("crds")) as unknown as CustomResourceDefinition[];
      clusterApi = await startClusterApi({ kubernetes, crds });
      for (const object of [...(await manifest("namespace")), ...(await manifest("rbac"))]) await apply(object);
      kubeConfig = join(folder, "kubeconfig");
      const config = new KubeConfig();
      config.loadFromOptions(kubernetes.kubeConfig(await token()));
      await writeFile(kubeConfig, config.exportConfig(), { mode: 0o600 });
      const credentials = { accessKeyId: "testing", secretAccessKey: "testing" };
      ec2 = new EC2Client({ endpoint: moto.url, region, credentials });
    }, 180_000);
    afterAll(async () => {
      for (const child of children) child.process.kill("SIGKILL");
      await Promise.all(children.map(({ ended }) => ended));
      ec2?.destroy();
      await clusterApi?.stop();
      await Promise.all([kubernetes?.stop(), workload?.stop(), moto?.stop()]);
      await rm(folder, { recursive: true, force: true });
    });

    async function token(): Promise<string> {
      const made = await kubernetes.request<{ status: { token: string } }>(
        "POST",
        "/api/v1/namespaces/acme-system/serviceaccounts/acme-provider/token",
        { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { expirationSeconds: 3_600 } },
      );
      return made.status.token;
    }

    /** The provider as its Deployment starts it, but for what says where the servers are. */
    async function startProvider(): Promise<Child & { readonly url: string }> {
      const port = await freePort();
      const env = {
        KUBECONFIG: kubeConfig,
        AWS_REGION: region,
        AWS_ACCESS_KEY_ID: "testing",
        AWS_SECRET_ACCESS_KEY: "testing",
        AWS_ENDPOINT_URL_EC2: moto.url,
        AUDIT_DIRECTORY: join(folder, "audit"),
        HEALTH_HOST: "127.0.0.1",
        HEALTH_PORT: String(port),
      };
      const through = ["env", ...Object.entries(env).map(([name, value]) => `${name}=${value}`)];
      const child = await startChild(new URL("main.ts", example), [], through);
      children.push(child);
      return { ...child, url: `http://127.0.0.1:${port}` };
    }

    const list = async (namespace: string, group: string, plural: string) =>
      (await kubernetes.request<{ items: Found[] }>("GET", `/apis/${group}/namespaces/${namespace}/${plural}`)).items;
    const machines = (namespace: string) => list(namespace, `${core}/v1beta2`, "machines");
    const acmeMachines = (namespace: string) => list(namespace, `${acme}/v1alpha1`, "acmemachines");

    /** Stands in for the machines' kubelets: each instance that has got its id registers its Node. */
    function standInForKubelets(namespace: string) {
      const stop = new AbortController();
      const registered = new Set<string>();
      const run = async () => {
        while (!stop.signal.aborted) {
          for (const { metadata, spec } of await acmeMachines(namespace)) {
            if (spec.providerID === undefined || registered.has(spec.providerID)) continue;
            registered.add(spec.providerID);
            if (`${core}/control-plane` in (metadata.labels ?? {})) await markInitialized(workload, version);
            await registerNode(workload, { name: metadata.name, providerID: spec.providerID });
          }
          await sleep(100);
        }
      };
      const done = run();
      return async () => {
        stop.abort();
        await done;
      };
    }

    async function instances(state: "alive" | "all") {
      const { Reservations = [] } = await ec2.send(new DescribeInstancesCommand({}));
      const all = Reservations.flatMap(({ Instances = [] }) => Instances);
      return state === "all" ? all : all.filter(({ State }) => State?.Name !== "terminated");
    }

    const running = (namespace: string, count: number) =>
      expect
        .poll(async () => {
          const found = await machines(namespace);
          return found.filter(({ status }) => status?.nodeRef !== undefined && status.phase === "Running").length;
        }, patient)
        .toBe(count);

    const reasonOf = ({ status }: Found, type: string) => status?.conditions?.find((one) => one.type === type)?.reason;

    it("takes a cluster from Pending to NodeRef, scales it, honours a pause, survives a kill, deletes it, and leaves nothing", async () => {
      const namespace = await kubernetes.freshNamespace("blue");
      const { Vpc } = await ec2.send(new CreateVpcCommand({ CidrBlock: "10.0.0.0/16" }));
      const vpc = Vpc?.VpcId ?? "";
      const subnets = await Promise.all(
        ["a", "b"].map(async (zone, index) => {
          const input = { VpcId: vpc, CidrBlock: `10.0.${index}.0/24`, AvailabilityZone: `${region}${zone}` };
          const { Subnet } = await ec2.send(new CreateSubnetCommand(input));
          return { id: Subnet?.SubnetId ?? "", failureDomain: `${region}${zone}` };
        }),
      );
      const groups = async () => {
        const Filters = [{ Name: "vpc-id", Values: [vpc] }];
        const answer = await ec2.send(new DescribeSecurityGroupsCommand({ Filters }));
        return answer.SecurityGroups?.filter(({ GroupName }) => GroupName !== "default") ?? [];
      };
      const audit = join(folder, "audit");
      const deployment = `/apis/${core}/v1beta2/namespaces/${namespace}/machinedeployments/blue`;
      const scale = (replicas: number) => kubernetes.request("PATCH", deployment, { spec: { replicas } }, merge);
      const pause = (paused: boolean) =>
        kubernetes.request(
          "PATCH",
          `/apis/${core}/v1beta2/namespaces/${namespace}/clusters/blue`,
          { spec: { paused } },
          merge,
        );

      await connectWorkload(kubernetes, { namespace, cluster: "blue", workload });
      const stopKubelets = standInForKubelets(namespace);
      let provider = await startProvider();
      for (const object of clusterManifests(namespace, "blue", { vpc, subnets, cidrs: ["10.0.0.0/8"] }))
        await apply(object);
      await running(namespace, 2);
      expect((await fetch(`${provider.url}/readyz`)).status).toBe(200);
      expect(await (await fetch(`${provider.url}/metrics`)).text()).toMatch(/^provider_guard_attempts\{.*\} \d+$/m);

      // What the contract asks for, and whose the instances are.
      const [cluster] = await list(namespace, `${acme}/v1alpha1`, "acmeclusters");
      expect(cluster?.status).toMatchObject({
        initialization: { provisioned: true },
        failureDomains: subnets.map(({ failureDomain }) => ({ name: failureDomain, controlPlane: true })),
      });
      for (const found of await acmeMachines(namespace)) {
        expect(found.status).toMatchObject({
          initialization: { provisioned: true },
          addresses: expect.arrayContaining([{ type: "InternalIP", address: expect.stringMatching(/^10\.0\./) }]),
        });
        expect(reasonOf(found, "Ready")).toBe("InstanceRunning");
      }
      const made = await instances("alive");
      const owners = made.map(({ Tags = [] }) => Tags.find(({ Key }) => Key === "provider-guard/machine-uid")?.Value);
      expect(owners.sort()).toEqual((await machines(namespace)).map(({ metadata }) => metadata.uid).sort());
      const zones = made.map(({ Placement }) => Placement?.AvailabilityZone);
      expect(zones).toContain(`${region}b`); // what the MachineDeployment asks for
      expect(await groups()).toHaveLength(1);

      // Nothing happens, nothing is written: no status wakes its own writer.
      const versions = async () => (await acmeMachines(namespace)).map(({ metadata }) => metadata.resourceVersion);
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
        provider = await startProvider();
        await running(namespace, workers + 1);
        expect(await instances("all")).toHaveLength(workers + 1);
      }

      await pause(true);
      const paused = async () => (await acmeMachines(namespace)).map((one) => reasonOf(one, "Paused"));
      await expect.poll(paused, patient).toEqual(Array(6).fill("Paused"));
      await pause(false);
      await expect.poll(paused, patient).toEqual(Array(6).fill("NotPaused"));

      await scale(1);
      await expect.poll(async () => (await instances("alive")).length, patient).toBe(2);
      await expect.poll(async () => (await machines(namespace)).length, patient).toBe(2);

      await kubernetes.request("DELETE", `/apis/${core}/v1beta2/namespaces/${namespace}/clusters/blue`);
      await expect.poll(() => list(namespace, `${core}/v1beta2`, "clusters"), patient).toEqual([]);
      expect(await machines(namespace)).toEqual([]);
      expect(await acmeMachines(namespace)).toEqual([]);
      expect(await list(namespace, `${acme}/v1alpha1`, "acmeclusters")).toEqual([]);
      expect(await instances("alive")).toEqual([]);
      expect(await instances("all")).toHaveLength(6);
      expect(await groups()).toEqual([]);

      provider.process.kill("SIGTERM");
      expect(await provider.ended).toBe(0);
      expect(provider.lines.map((line) => JSON.parse(line).event)).toEqual(
        expect.arrayContaining(["elected", "stopping", "stopped"]),
      );
      await stopKubelets();
      expect(await verifyJournal({ directory: audit })).toMatchObject({ ok: true });
    }, 400_000);

    it("says what is wrong where nothing can be made, and does not try again and again", async () => {
      const namespace = await kubernetes.freshNamespace("wrong");
      const provider = await startProvider();
      const subnets = [{ id: "subnet-00000000", failureDomain: `${region}a` }];
      const network = { vpc: "vpc-00000000", subnets, cidrs: ["999.0.0.0/8"] };
      for (const object of clusterManifests(namespace, "wrong", network)) await apply(object);
      const clusters = () => list(namespace, `${acme}/v1alpha1`, "acmeclusters");
      const ready = async () => (await clusters()).flatMap(({ status }) => status?.conditions ?? []);
      const condition = { type: "Ready", status: "False", reason: "RequestInvalid" };
      await expect.poll(ready, patient).toContainEqual(expect.objectContaining(condition));
      const events = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
      const told = async () => (await kubernetes.request<{ items: { reason: string }[] }>("GET", events)).items;
      await expect.poll(told, patient).toContainEqual(expect.objectContaining({ reason: "RequestInvalid" }));
      await sleep(10_000);
      const failures = provider.lines
        .map((line) => JSON.parse(line))
        .filter(({ event, where }) => event === "error" && where === `AcmeCluster/${namespace}/wrong`);
      expect(failures.length).toBeGreaterThan(0);
      expect(failures.length).toBeLessThan(4); // Cluster API's own changes of the object have it looked at anew
      expect(failures.at(-1).requeueMs).toBeGreaterThanOrEqual(60_000);
      provider.process.kill("SIGTERM");
      expect(await provider.ended).toBe(0);
    }, 120_000);

    it("has missed no right, and has used those that its manifests grant", async () => {
      const lines = (await readFile(join(folder, "requests"), "utf8")).trim().split("\n");
      const requests: Request[] = lines.map((line) => JSON.parse(line));
      const denied = requests.filter(({ responseStatus }) => responseStatus?.code === 403);
      expect(denied).toEqual([]);
      const nameOf = (group: string, resource: string, verb: string) => `${verb} ${resource}.${group}`;
      const used = requests.flatMap(({ verb, objectRef }) => {
        if (objectRef === undefined) return [];
        const { apiGroup = "", resource, subresource } = objectRef;
        return nameOf(apiGroup, subresource === undefined ? resource : `${resource}/${subresource}`, verb);
      });
      const roles = (await manifest("rbac")).filter(
        ({ kind, metadata }) => kind.endsWith("Role") && metadata.name === "acme-provider",
      ) as Role[];
      const granted = roles.flatMap(({ rules }) =>
        rules.flatMap(({ apiGroups, resources, verbs }) =>
          apiGroups.flatMap((group) =>
            resources.flatMap((resource) => verbs.map((verb) => nameOf(group, resource, verb))),
          ),
        ),
      );
      // An Event is updated when the same failure comes again, a minute later at the soonest; the guard's
      // state is written when there is something to tell other replicas: an emergency stop, an open circuit.
      const notHere = ["update events.events.k8s.io", "create configmaps.", "update configmaps."];
      expect(granted.filter((right) => !used.includes(right) && !notHere.includes(right))).toEqual([]);
    });

    it("comes with a namespace that takes its own pod, and no privileged one", async () => {
      const objects = await manifest("deployment");
      for (const object of objects) await kubernetes.request("POST", `${pathOf(object)}?dryRun=All`, object);
      const [deployment] = objects.filter(({ kind }) => kind === "Deployment") as unknown as [Deployment];
      const { spec } = deployment.spec.template;
      const pod = (containers: readonly object[]) => {
        const body = { metadata: { name: "p" }, spec: { ...spec, containers } };
        return kubernetes.request("POST", "/api/v1/namespaces/acme-system/pods?dryRun=All", body);
      };
      await pod(spec.containers);
      const lax = spec.containers.map((one) => ({ ...one, securityContext: {} }));
      await expect(pod(lax)).rejects.toThrow(/violates PodSecurity/);
    });
  });
});
