import {
  CoreV1Api,
  KubeConfig,
  PatchStrategy,
  RbacAuthorizationV1Api,
  setHeaderOptions,
} from "@kubernetes/client-node";
import { createGuard, type Guard } from "provider-guard";
import { kubernetes as adapterOf } from "provider-guard/kubernetes";
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from "vitest";
import { createdByPut } from "../../adapters/kubernetes/request.ts";
import { type MemoryJournal, memoryJournal } from "../support/memory-journal.ts";
import type { KubernetesRequestError } from "./kubernetes/request.ts";
import { describeWithKubernetes, type Kubernetes, startKubernetes } from "./kubernetes.ts";

const managementCluster = "6f9c2a51-7d0e-4a3b-9f0a-2c1d5e8b7a90";
const cluster = (name: string) => ({ cluster: { namespace: "default", name, uid: `uid-${name}` } });
const map = (name: string, more: object = {}, data: Record<string, string> = {}) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, ...more },
  data,
});
const apply = setHeaderOptions("Content-Type", PatchStrategy.ServerSideApply);
const foreign = { code: "ERR_OWNER_FOREIGN" };

describeWithKubernetes("whose an object is, on the real API server", () => {
  let kubernetes: Kubernetes;
  let guard: Guard;
  let journal: MemoryJournal;
  let bare: CoreV1Api;
  let core: CoreV1Api;
  let roles: RbacAuthorizationV1Api;
  let namespace: string;

  const configOf = (token?: string) => {
    const config = new KubeConfig();
    config.loadFromOptions(kubernetes.kubeConfig(token));
    return config;
  };
  const names = async () =>
    (await bare.listNamespacedConfigMap({ namespace })).items.map(({ metadata }) => metadata?.name).sort();
  const make = (owner: string, name: string, labels: Record<string, string> = {}) =>
    guard.reconcile(cluster(owner), () => core.createNamespacedConfigMap({ namespace, body: map(name, { labels }) }));
  const labelsOf = async (name: string) =>
    (await bare.readNamespacedConfigMap({ namespace, name })).metadata?.labels ?? {};
  const mutations = () => journal.records.filter(({ type }) => type === "outcome");

  beforeAll(async () => {
    kubernetes = await startKubernetes();
  });
  afterAll(() => kubernetes?.stop());
  beforeEach(async () => {
    namespace = await kubernetes.freshNamespace("owners");
    journal = memoryJournal();
    guard = await createGuard({
      owner: { managementCluster, provider: "infrastructure-acme" },
      audit: journal,
      rateLimit: false,
      telemetry: false,
    });
    onTestFinished(() => guard.close());
    const adapter = adapterOf();
    bare = configOf().makeApiClient(CoreV1Api);
    core = guard.wrap(configOf().makeApiClient(CoreV1Api), adapter);
    roles = guard.wrap(configOf().makeApiClient(RbacAuthorizationV1Api), adapter);
  });

  it("a collection in which another cluster owns anything is not deleted", async () => {
    for (let i = 0; i < 3; i++) await make("a", `a-${i}`, { app: "x" });
    await make("b", "b-0", { app: "x" });
    const remove = (labelSelector?: string) =>
      guard.reconcile(cluster("a"), () =>
        core.deleteCollectionNamespacedConfigMap({ namespace, ...(labelSelector && { labelSelector }) }),
      );
    await expect(remove()).rejects.toMatchObject({
      ...foreign,
      message: expect.stringMatching(/deletecollection configmaps: .*\* belongs to cluster default\/b \(uid-b\)/),
    });
    await expect(remove("app=x")).rejects.toMatchObject(foreign);
    expect(await names()).toEqual(["a-0", "a-1", "a-2", "b-0"]);
    expect(journal.records.filter((record) => record.type === "intent").map(({ kind }) => kind)).not.toContain(
      "delete",
    );
    await make("a", "a-3", { app: "y" });
    await remove("app=y");
    await remove("provider-guard/cluster-uid=uid-a");
    expect(await names()).toEqual(["b-0"]);
  });

  it("a collection of one's own is deleted without what others make between the look and the delete", async () => {
    await make("a", "a-0", { app: "x" });
    const meddler = {
      name: "meddler",
      ring: "operation" as const,
      after: "own" as const,
      async intercept(_call: unknown, next: () => Promise<unknown>) {
        const labels = { app: "x", "provider-guard/cluster-uid": "uid-b" };
        await bare.createNamespacedConfigMap({ namespace, body: map("late", { labels }) });
        return next();
      },
    };
    const owner = { managementCluster, provider: "infrastructure-acme" };
    const meddled = await createGuard({ owner, audit: false, interceptors: [meddler] });
    onTestFinished(() => meddled.close());
    const slow = meddled.wrap(configOf().makeApiClient(CoreV1Api), adapterOf());
    await meddled.reconcile(cluster("a"), () =>
      slow.deleteCollectionNamespacedConfigMap({ namespace, labelSelector: "app=x" }),
    );
    expect(await names()).toEqual(["late"]);
  });

  it("a collection selected by one's own labels needs no look, and no right to list", async () => {
    const rules = [{ apiGroups: [""], resources: ["configmaps"], verbs: ["deletecollection"] }];
    const token = await kubernetes.user({ namespace, name: "sweeper", rules });
    const sweeper = guard.wrap(configOf(token).makeApiClient(CoreV1Api), adapterOf());
    await make("a", "a-0");
    await make("b", "b-0");
    const selector = `provider-guard/management-cluster=${managementCluster}, provider-guard/provider == infrastructure-acme`;
    const remove = (labelSelector: string) =>
      guard.reconcile(cluster("a"), () => sweeper.deleteCollectionNamespacedConfigMap({ namespace, labelSelector }));
    await expect(remove(selector)).rejects.toMatchObject({ code: "ERR_OWNER_UNKNOWN" }); // which of the clusters?
    await remove(`${selector},provider-guard/cluster-uid=uid-a`);
    expect(await names()).toEqual(["b-0"]);
  });

  it("a collection without any owner may be deleted, and so may one of the provider's outside of a reconcile", async () => {
    await bare.createNamespacedConfigMap({ namespace, body: map("nobody") });
    await guard.reconcile(cluster("a"), () => core.deleteCollectionNamespacedConfigMap({ namespace }));
    expect(await names()).toEqual([]);
    await make("a", "a-0");
    await make("b", "b-0");
    await core.deleteCollectionNamespacedConfigMap({ namespace });
    expect(await names()).toEqual([]);
  });

  it("an apply makes an object its own, changes it, and takes fields from other managers by force alone", async () => {
    const at = { namespace, name: "one" };
    const once = (data: Record<string, string>, more: object = {}) =>
      guard.reconcile(cluster("a"), () =>
        core.patchNamespacedConfigMap({ ...at, body: map("one", {}, data), ...more }, apply),
      );
    const made = await once({ a: "1", b: "1" });
    expect(await labelsOf("one")).toMatchObject({ "provider-guard/cluster-uid": "uid-a" });
    expect((await once({ a: "1", b: "1" })).metadata?.resourceVersion).toBe(made.metadata?.resourceVersion);
    expect((await once({ a: "2" })).data).toEqual({ a: "2" }); // what it no longer names goes
    expect(await labelsOf("one")).toMatchObject({ "provider-guard/cluster-uid": "uid-a" });
    const other = { ...at, body: map("one", {}, { a: "3" }), fieldManager: "other", force: true };
    await bare.patchNamespacedConfigMap(other, apply);
    await expect(once({ a: "4" })).rejects.toMatchObject({ code: 409 });
    expect(mutations().at(-1)).toMatchObject({
      result: "failed",
      attempts: [{ result: "conflict", code: "Conflict" }],
    });
    expect((await once({ a: "4" }, { force: true })).data).toEqual({ a: "4" });
    expect(guard.circuits().filter(({ state }) => state !== "closed")).toEqual([]);
  });

  it("an apply to another cluster's object is refused, by force too", async () => {
    await make("b", "one");
    const body = map("one", {}, { a: "1" });
    for (const force of [false, true]) {
      const once = () => core.patchNamespacedConfigMap({ namespace, name: "one", body, force }, apply);
      await expect(guard.reconcile(cluster("a"), once)).rejects.toMatchObject(foreign);
    }
    expect((await bare.readNamespacedConfigMap({ namespace, name: "one" })).data).toBeUndefined();
  });

  it("an apply to what is nobody's changes it and does not become its owner", async () => {
    const at = { namespace, name: "one" };
    const { metadata } = await bare.createNamespacedConfigMap({
      namespace,
      body: map("one", { labels: { team: "x" } }),
    });
    const once = (data: Record<string, string>) =>
      guard.reconcile(cluster("a"), () => core.patchNamespacedConfigMap({ ...at, body: map("one", {}, data) }, apply));
    const changed = await once({ a: "1" });
    expect(changed).toMatchObject({ data: { a: "1" }, metadata: { uid: metadata?.uid } });
    expect(await labelsOf("one")).toEqual({ team: "x" });
    await bare.deleteNamespacedConfigMap(at);
    await expect(once({ a: "2" })).rejects.toMatchObject({ code: 409 }); // it would be made without an owner
    expect(await names()).toEqual([]);
  });

  it("an update of a kind that it may create puts the owner in, and leaves what is nobody's to nobody", async () => {
    const rules = [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }];
    const role = (name: string) => ({ metadata: { name }, rules });
    const put = (owner: string, name: string) =>
      guard.reconcile(cluster(owner), () => roles.replaceNamespacedRole({ namespace, name, body: role(name) }));
    const made = await put("a", "mine");
    expect(made.metadata?.labels).toMatchObject({ "provider-guard/cluster-uid": "uid-a" });
    expect((await put("a", "mine")).metadata).toMatchObject({ uid: made.metadata?.uid, labels: made.metadata?.labels });
    await expect(put("b", "mine")).rejects.toMatchObject(foreign);
    await expect(roles.replaceNamespacedRole({ namespace, name: "none", body: role("none") })).rejects.toMatchObject({
      code: "ERR_OWNER_MISSING",
    });
    const bareRoles = configOf().makeApiClient(RbacAuthorizationV1Api);
    await bareRoles.createNamespacedRole({ namespace, body: role("nobodys") });
    expect((await put("a", "nobodys")).metadata?.labels).toBeUndefined();
    const read = await roles.readNamespacedRole({ namespace, name: "mine" });
    await guard.reconcile(cluster("a"), () => roles.replaceNamespacedRole({ namespace, name: "mine", body: read }));
    await bareRoles.deleteNamespacedRole({ namespace, name: "mine" });
    const back = () => roles.replaceNamespacedRole({ namespace, name: "mine", body: read });
    await expect(guard.reconcile(cluster("a"), back)).rejects.toMatchObject({ code: 409 }); // it carries a UID
    const operations = journal.records.flatMap((record) => (record.type === "intent" ? [record.operation] : []));
    expect(new Set(operations)).toEqual(new Set(["put roles", "update roles"]));
  });

  it("the kinds that an update creates are those of the server, and Leases and Events", async () => {
    interface Resource {
      readonly name: string;
      readonly kind: string;
      readonly namespaced: boolean;
      readonly verbs: readonly string[];
    }
    const { groups } = await kubernetes.request<{ groups: { preferredVersion: { groupVersion: string } }[] }>(
      "GET",
      "/apis",
    );
    const versions = ["v1", ...groups.map(({ preferredVersion }) => preferredVersion.groupVersion)];
    const found: string[] = [];
    for (const version of versions) {
      const root = version === "v1" ? "/api/v1" : `/apis/${version}`;
      const { resources } = await kubernetes.request<{ resources: Resource[] }>("GET", root);
      for (const { name, kind, namespaced, verbs } of resources) {
        if (name.includes("/") || !verbs.includes("update")) continue;
        const path = `${root}/${namespaced ? `namespaces/${namespace}/` : ""}${name}/probe`;
        const body = { apiVersion: version, kind, metadata: { name: "probe", ...(namespaced && { namespace }) } };
        const status = await kubernetes.request("PUT", path, body).then(
          () => 201,
          (error: KubernetesRequestError) => error.status,
        );
        if (status !== 404) found.push(`${version === "v1" ? "core" : version.split("/")[0]}/${name}`);
      }
    }
    const ownerless = ["coordination.k8s.io/leases", "core/events", "events.k8s.io/events"];
    expect(found.sort()).toEqual([...createdByPut, ...ownerless].sort());
  });
});
