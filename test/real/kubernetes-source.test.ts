import { CoreV1Api, CustomObjectsApi, KubeConfig, Watch } from "@kubernetes/client-node";
import type { ObjectEvent } from "provider-guard/cluster-api";
import { type KubernetesObject, managementClusterOf, objectSource } from "provider-guard/kubernetes";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeWithKubernetes, type Kubernetes, startKubernetes } from "./kubernetes.ts";

describeWithKubernetes("lists and watches of the real API server", () => {
  let kubernetes: Kubernetes;
  beforeAll(async () => {
    kubernetes = await startKubernetes({ flags: ["--etcd-compaction-interval=1s", "--watch-cache-sizes=secrets#0"] });
  });
  afterAll(() => kubernetes?.stop());

  function clients(token?: string) {
    const config = new KubeConfig();
    config.loadFromOptions(kubernetes.kubeConfig(token));
    return {
      core: config.makeApiClient(CoreV1Api),
      watch: new Watch(config),
      list: config.makeApiClient(CustomObjectsApi),
    };
  }

  function secretsOf(namespace: string, token?: string) {
    const { core, watch } = clients(token);
    const source = objectSource({
      watch,
      list: (request, options) => core.listNamespacedSecret({ ...request, namespace }, options),
      version: "v1",
      plural: "secrets",
      namespace,
    });
    const make = async (name: string) => {
      const made = await core.createNamespacedSecret({ namespace, body: { metadata: { name } } });
      return made.metadata?.resourceVersion as string;
    };
    return { source, core, make };
  }

  it("lists all pages of one moment, and watches on from there", async () => {
    const namespace = await kubernetes.freshNamespace("source");
    const { source, core, make } = secretsOf(namespace);
    for (const name of ["a", "b", "c"]) await make(name);
    const first = await source.list({ limit: 2 });
    await make("d"); // after that moment
    const second = await source.list({ limit: 2, continue: first.metadata.continue as string });
    expect([...first.items, ...second.items].map(({ metadata }) => metadata?.name)).toEqual(["a", "b", "c"]);
    expect(first.items[0]).toMatchObject({ apiVersion: "v1", kind: "Secret" });
    expect(first.metadata.remainingItemCount).toBe(1);
    expect(second.metadata.continue ?? "").toBe("");

    const events: ObjectEvent<KubernetesObject>[] = [];
    const controller = new AbortController();
    const { resourceVersion } = second.metadata;
    const watching = source.watch({ resourceVersion, signal: controller.signal }, (event) => events.push(event));
    watching.catch(() => {});
    await expect.poll(() => events.length, { timeout: 10_000 }).toBe(1);
    await core.deleteNamespacedSecret({ namespace, name: "d" });
    await expect.poll(() => events.length, { timeout: 10_000 }).toBe(2);
    controller.abort(new Error("enough"));
    await expect(watching).rejects.toThrow("enough");
    expect(events.map(({ type, object }) => [type, object.metadata?.name])).toEqual([
      ["ADDED", "d"],
      ["DELETED", "d"],
    ]);
  });

  it("throws 410 for a version and for a page that are gone", async () => {
    const namespace = await kubernetes.freshNamespace("gone");
    const { source, make } = secretsOf(namespace);
    const resourceVersion = await make("a");
    await make("b");
    const { metadata } = await source.list({ limit: 1 });
    const watched = () => {
      const signal = AbortSignal.timeout(1_000);
      return source.watch({ resourceVersion, signal }, () => {}).catch((error) => error.statusCode);
    };
    await expect.poll(watched, { timeout: 15_000 }).toBe(410);
    const listed = () => source.list({ limit: 1, continue: metadata.continue as string }).catch((error) => error.code);
    await expect.poll(listed, { timeout: 15_000 }).toBe(410);
  }, 40_000);

  it("ends when the server was asked to end, and throws when it is killed", async () => {
    const namespace = await kubernetes.freshNamespace("ends");
    const { watch, list } = clients();
    const source = objectSource({
      watch,
      list,
      group: "coordination.k8s.io",
      version: "v1",
      plural: "leases",
      namespace,
      watchMs: 1_000,
      random: () => 0,
    });
    const { items, metadata } = await source.list({});
    expect(items).toEqual([]);
    await source.watch({ resourceVersion: metadata.resourceVersion, signal: new AbortController().signal }, () => {});
    const { source: secrets, make } = secretsOf(namespace);
    const resourceVersion = await make("a");
    const events: unknown[] = [];
    const watching = secrets.watch({ resourceVersion, signal: new AbortController().signal }, (event) => {
      events.push(event);
    });
    watching.catch(() => {});
    await make("b");
    await expect.poll(() => events.length, { timeout: 10_000 }).toBe(1);
    await kubernetes.kill();
    await expect(watching).rejects.toThrow();
    await kubernetes.restart();
    expect((await secrets.list({})).items).toHaveLength(2);
  }, 60_000);

  it("throws 403 where a list or a watch is forbidden, and says which right kube-system takes", async () => {
    const namespace = await kubernetes.freshNamespace("rights");
    const token = await kubernetes.user({ namespace, name: "nobody" });
    const { source } = secretsOf(namespace, token);
    await expect(source.list({})).rejects.toMatchObject({ code: 403 });
    const watching = source.watch({ resourceVersion: "1", signal: new AbortController().signal }, () => {});
    await expect(watching).rejects.toMatchObject({ statusCode: 403 });
    await expect(managementClusterOf(clients(token).core)).rejects.toMatchObject({ code: "ERR_CONFIG_INVALID" });
    const clusterRules = [
      { apiGroups: [""], resources: ["namespaces"], resourceNames: ["kube-system"], verbs: ["get"] },
    ];
    const able = await kubernetes.user({ namespace, name: "able", clusterRules });
    const { metadata } = await clients().core.readNamespace({ name: "kube-system" });
    expect(await managementClusterOf(clients(able).core)).toBe(metadata?.uid);
  });
});
