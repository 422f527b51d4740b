import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  actAsTinyProvider,
  type ClusterApi,
  connectWorkload,
  describeWithClusterApi,
  startClusterApi,
  tinyCrds,
  tinyGroup,
} from "./cluster-api.ts";
import { type Kubernetes, startKubernetes } from "./kubernetes.ts";

interface Machine {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly bootstrap: { readonly dataSecretName: string } };
  readonly status?: { readonly phase: string; readonly nodeRef?: { readonly name: string } };
}

const core = "cluster.x-k8s.io";
const tiny = (kind: string, name: string) => ({ apiGroup: tinyGroup, kind, name });

/** A cluster with a control plane of one machine and a worker, as a user would apply it. */
function manifests(cluster: string, version = "v1.35.4") {
  const labels = { "cluster.x-k8s.io/cluster-name": cluster };
  // Checked too early, a MachineSet would look again after 15 s only.
  const annotations = { "machineset.cluster.x-k8s.io/skip-preflight-checks": "All" };
  const object = (apiVersion: string, kind: string, name: string, spec: object) => ({
    apiVersion,
    kind,
    metadata: { name, labels, annotations },
    spec,
  });
  const infrastructureRef = tiny("TinyMachineTemplate", "machines");
  return [
    object(`${tinyGroup}/v1`, "TinyCluster", cluster, {}),
    object(`${tinyGroup}/v1`, "TinyMachineTemplate", "machines", { template: { spec: {} } }),
    object(`bootstrap.${core}/v1beta2`, "KubeadmConfigTemplate", "workers", {
      template: { spec: { joinConfiguration: { nodeRegistration: { name: "tiny" } } } },
    }),
    object(`controlplane.${core}/v1beta2`, "KubeadmControlPlane", cluster, {
      replicas: 1,
      version,
      machineTemplate: { spec: { infrastructureRef } },
      kubeadmConfigSpec: { initConfiguration: { nodeRegistration: { name: "tiny" } } },
    }),
    object(`${core}/v1beta2`, "MachineDeployment", "workers", {
      clusterName: cluster,
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          clusterName: cluster,
          version,
          bootstrap: {
            configRef: { apiGroup: `bootstrap.${core}`, kind: "KubeadmConfigTemplate", name: "workers" },
          },
          infrastructureRef,
        },
      },
    }),
    object(`${core}/v1beta2`, "Cluster", cluster, {
      infrastructureRef: tiny("TinyCluster", cluster),
      controlPlaneRef: { apiGroup: `controlplane.${core}`, kind: "KubeadmControlPlane", name: cluster },
    }),
  ];
}

describeWithClusterApi("the Cluster API that tests start", () => {
  let kubernetes: Kubernetes;
  let workload: Kubernetes;
  let clusterApi: ClusterApi;
  beforeAll(async () => {
    [kubernetes, workload] = await Promise.all([startKubernetes(), startKubernetes()]);
    clusterApi = await startClusterApi({ kubernetes, crds: tinyCrds });
  }, 120_000);
  afterAll(async () => {
    await clusterApi?.stop();
    await Promise.all([kubernetes?.stop(), workload?.stop()]);
  });

  const apply = (namespace: string, object: ReturnType<typeof manifests>[number]) =>
    kubernetes.request(
      "POST",
      `/apis/${object.apiVersion}/namespaces/${namespace}/${object.kind.toLowerCase()}s`,
      object,
    );

  it("has three managers that are ready, and whose webhooks refuse what is wrong", async () => {
    expect(await clusterApi.ready()).toBe(true);
    const namespace = await kubernetes.freshNamespace("refused");
    const versioned = manifests("c", "latest").filter(({ kind }) => /KubeadmControlPlane|MachineDeployment/.test(kind));
    const refusals = await Promise.all(versioned.map((object) => apply(namespace, object).catch(String)));
    expect(refusals).toEqual([
      expect.stringContaining('admission webhook \\"validation.kubeadmcontrolplane'),
      expect.stringContaining('admission webhook \\"validation.machinedeployment'),
    ]);
  });

  it.runIf(process.platform === "linux")("listens on this machine's loopback address and nowhere else", async () => {
    const { items } = await kubernetes.request<{ items: { webhooks: { clientConfig: { url: string } }[] }[] }>(
      "GET",
      "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    );
    const urls = items.flatMap(({ webhooks }) => webhooks.map(({ clientConfig }) => new URL(clientConfig.url)));
    const ports = [...new Set(urls.map(({ port }) => port))];
    expect(ports).toHaveLength(3);
    const reach = (port: string, host: string) =>
      fetch(`https://${host}:${port}`).then(
        () => "answered",
        ({ cause }) => cause.code,
      );
    for (const port of ports) {
      expect(await reach(port, "127.0.0.1")).not.toBe("ECONNREFUSED"); // but that nobody vouches for its certificate
      expect(await reach(port, "127.0.0.2")).toBe("ECONNREFUSED"); // who listens on all addresses listens there, too
    }
  });

  it("takes Machines to their Nodes with kubeadm's own bootstrap data, and deletes all that there is", async () => {
    const namespace = await kubernetes.freshNamespace("tiny");
    const path = `/apis/cluster.x-k8s.io/v1beta2/namespaces/${namespace}`;
    const machines = async () => (await kubernetes.request<{ items: Machine[] }>("GET", `${path}/machines`)).items;
    const actUntil = async (done: () => Promise<boolean>) => {
      while (!(await done())) {
        await actAsTinyProvider(kubernetes, namespace, workload);
        await sleep(100);
      }
    };
    await connectWorkload(kubernetes, { namespace, cluster: "tiny", workload });
    for (const object of manifests("tiny")) await apply(namespace, object);

    await actUntil(async () => {
      const found = await machines();
      return (
        found.length === 2 && found.every(({ status }) => status?.nodeRef !== undefined && status.phase === "Running")
      );
    });
    const data = await Promise.all(
      (await machines()).map(async ({ spec }) => {
        const secret = await kubernetes.request<{ type: string; data: Record<"value" | "format", string> }>(
          "GET",
          `/api/v1/namespaces/${namespace}/secrets/${spec.bootstrap.dataSecretName}`,
        );
        expect(secret.type).toBe("cluster.x-k8s.io/secret");
        return Buffer.from(secret.data.value, "base64").toString();
      }),
    );
    const [init, join] = data.sort((a, b) => b.length - a.length);
    expect(init).toContain("kubeadm init --config");
    expect(join).toContain("kubeadm join --config");
    const [, tokenId] = /token: ([a-z0-9]{6})\./.exec(join ?? "") ?? [];
    const token = `/api/v1/namespaces/kube-system/secrets/bootstrap-token-${tokenId}`;
    expect(await workload.request("GET", token)).toMatchObject({ type: "bootstrap.kubernetes.io/token" });
    expect(await workload.request("GET", "/api/v1/nodes")).toHaveProperty("items.length", 2);

    await kubernetes.request("DELETE", `${path}/clusters/tiny`);
    const isGone = async () =>
      (await kubernetes.request<{ items: unknown[] }>("GET", `${path}/clusters`)).items.length === 0;
    await actUntil(isGone);
    expect(await machines()).toEqual([]);
    expect(await workload.request("GET", "/api/v1/nodes")).toHaveProperty("items.length", 0);
  }, 120_000);
});
