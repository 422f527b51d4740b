import { CoreV1Api, CustomObjectsApi, KubeConfig, Watch } from "@kubernetes/client-node";
import { memoryState, readErrorInfo } from "provider-guard";
import {
  clusterOwners,
  type MachineObject,
  type ObjectSource,
  type ObjectWatch,
  watchNodeRef,
  watchObjects,
} from "provider-guard/cluster-api";
import { managementClusterOf, objectSource } from "provider-guard/kubernetes";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { describeWithKubernetes, type Kubernetes, startKubernetes } from "./kubernetes.ts";

const group = "cluster.x-k8s.io";
const until = { timeout: 60_000, interval: 50 };

/** Kinds of the group's names that accept anything: what Cluster API says of them is tested elsewhere. */
function definition(kind: string, plural: string) {
  const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  const version = { name: "v1beta2", served: true, storage: true, schema, subresources: { status: {} } };
  return {
    ...{ apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" },
    metadata: { name: `${plural}.${group}`, annotations: { "api-approved.kubernetes.io": "unapproved, for tests" } },
    spec: { group, scope: "Namespaced", names: { kind, plural, singular: kind.toLowerCase() }, versions: [version] },
  };
}

describeWithKubernetes("the helpers for Cluster API against the real API server", () => {
  let kubernetes: Kubernetes;
  let namespace: string;
  const watches: ObjectWatch[] = [];

  const path = (plural: string, name = "", sub = "") =>
    `/apis/${group}/v1beta2/namespaces/${namespace}/${plural}${name && `/${name}`}${sub && `/${sub}`}`;

  beforeAll(async () => {
    kubernetes = await startKubernetes({ flags: ["--etcd-compaction-interval=1s", "--watch-cache=false"] });
    for (const [kind, plural] of [
      ["Machine", "machines"],
      ["Cluster", "clusters"],
    ] as const) {
      await kubernetes.request(
        "POST",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        definition(kind, plural),
      );
      await vi.waitFor(() => kubernetes.request("GET", `/apis/${group}/v1beta2/${plural}`), until);
    }
  }, 120_000);
  beforeEach(async () => {
    namespace = await kubernetes.freshNamespace("machines");
  });
  afterEach(async () => {
    for (const watch of watches.splice(0)) await watch.close();
  });
  afterAll(() => kubernetes?.stop());

  function configOf(token?: string): KubeConfig {
    const config = new KubeConfig();
    config.loadFromOptions(kubernetes.kubeConfig(token));
    return config;
  }

  function sourceOf(plural: string, token?: string, scope: { namespace?: string } = { namespace }) {
    const config = configOf(token);
    const clients = { watch: new Watch(config), list: config.makeApiClient(CustomObjectsApi) };
    return objectSource<MachineObject>({ ...clients, group, version: "v1beta2", plural, ...scope });
  }

  /** A source whose watch can be cut, and whose next one waits until it is let through. */
  function valve(inner: () => ObjectSource<MachineObject>) {
    let cut = new AbortController();
    let open: Promise<void> = Promise.resolve();
    let release = () => {};
    const source: ObjectSource<MachineObject> = {
      list: (options) => inner().list(options),
      async watch({ resourceVersion, signal }, onEvent) {
        await open;
        cut = new AbortController();
        await inner().watch({ resourceVersion, signal: AbortSignal.any([signal, cut.signal]) }, onEvent);
      },
    };
    return {
      source,
      close() {
        open = new Promise((resolve) => {
          release = resolve;
        });
        cut.abort(new Error("cut"));
      },
      open: () => release(),
    };
  }

  async function create(plural: string, name: string): Promise<string> {
    const object = {
      apiVersion: `${group}/v1beta2`,
      kind: plural === "machines" ? "Machine" : "Cluster",
      metadata: { name },
    };
    const made = await kubernetes.request<{ metadata: { uid: string } }>("POST", path(plural), object);
    return made.metadata.uid;
  }

  const remove = (plural: string, name: string) => kubernetes.request("DELETE", path(plural, name));

  async function settle(name: string, status: object): Promise<void> {
    const contentType = "application/merge-patch+json";
    await kubernetes.request("PATCH", path("machines", name, "status"), { status }, { contentType });
  }

  /** Waits until the server has forgotten a version. */
  async function compacted(source: ObjectSource<MachineObject>, resourceVersion: string): Promise<void> {
    await vi.waitFor(async () => {
      const look = new AbortController();
      const timer = setTimeout(() => look.abort(new Error("still there")), 200);
      const error = await source.watch({ resourceVersion, signal: look.signal }, () => {}).catch((caught) => caught);
      clearTimeout(timer);
      expect(readErrorInfo(error).status).toBe(410);
    }, until);
  }

  function watchMachines(source: ObjectSource<MachineObject>, state = memoryState()) {
    const told: string[] = [];
    const errors: unknown[] = [];
    const watch = watchNodeRef({
      ...{ machines: source, state, minBackoffMs: 50, maxBackoffMs: 500 },
      onMachine: ({ outcome, machine }) => void told.push(`${outcome} ${machine.uid}`),
      onError: (error) => void errors.push(error),
    });
    watches.push(watch);
    return { told, errors, watch };
  }

  it("tells Machines once, through 410 after a compaction, and knows one that was made again", {
    timeout: 120_000,
  }, async () => {
    const { source, close, open } = valve(() => sourceOf("machines"));
    const a = await create("machines", "a");
    const b = await create("machines", "b");
    const { told, watch } = watchMachines(source);
    await watch.synced();
    await settle("a", { nodeRef: { name: "n" } });
    await vi.waitFor(() => expect(told).toEqual([`node ${a}`]), until);
    const { metadata } = await source.list({});
    close();
    await remove("machines", "b");
    const again = await create("machines", "b");
    const c = await create("machines", "c");
    await settle("c", { phase: "Failed" });
    await compacted(sourceOf("machines"), metadata.resourceVersion);
    open();
    await vi.waitFor(() => expect(told).toHaveLength(3), until);
    await settle("b", { nodeRef: { name: "n" } });
    await vi.waitFor(() => expect(told).toHaveLength(4), until);
    expect(told.slice(1, 3).sort()).toEqual([`deleted ${b}`, `failed ${c}`].sort());
    expect(told[3]).toBe(`node ${again}`);
    for (const name of ["a", "b", "c"]) await remove("machines", name);
    await vi.waitFor(() => expect(watch.size).toBe(0), until);
    expect(told).toHaveLength(4);
  });

  it("goes on when the server is killed in mid-watch and comes back", { timeout: 120_000 }, async () => {
    const changes: string[] = [];
    const errors: unknown[] = [];
    const watch = watchObjects({
      ...{ source: sourceOf("machines"), minBackoffMs: 50, maxBackoffMs: 500 },
      onChange: ({ type, ref }) => void changes.push(`${type} ${ref.uid}`),
      onError: (error) => void errors.push(error),
    });
    watches.push(watch);
    await watch.synced();
    const a = await create("machines", "a");
    await vi.waitFor(() => expect(changes).toEqual([`added ${a}`]), until);
    await kubernetes.kill();
    await vi.waitFor(() => expect(errors.length).toBeGreaterThan(1), until);
    await kubernetes.restart();
    await remove("machines", "a");
    const b = await create("machines", "a");
    await vi.waitFor(() => expect(changes).toHaveLength(3), until);
    expect(changes).toEqual([`added ${a}`, `deleted ${a}`, `added ${b}`]);
    await remove("machines", "a");
  });

  it("says that a token is not accepted any more, and goes on with the next one", { timeout: 120_000 }, async () => {
    const rules = [{ apiGroups: [group], resources: ["machines"], verbs: ["get", "list", "watch"] }];
    const first = await kubernetes.user({ namespace, name: "watcher", rules });
    const valved = valve(() => current);
    let current = sourceOf("machines", first);
    const { told, errors, watch } = watchMachines(valved.source);
    await watch.synced();
    await kubernetes.request("DELETE", `/api/v1/namespaces/${namespace}/serviceaccounts/watcher`);
    await vi.waitFor(() => expect(sourceOf("machines", first).list({})).rejects.toMatchObject({ code: 401 }), until);
    valved.close();
    valved.open();
    await vi.waitFor(() => expect(errors.map((error) => readErrorInfo(error).status)).toContain(401), until);
    const a = await create("machines", "a");
    await settle("a", { nodeRef: { name: "n" } });
    current = sourceOf("machines", await kubernetes.user({ namespace, name: "watcher" }));
    await vi.waitFor(() => expect(told).toEqual([`node ${a}`]), until);
    await remove("machines", "a");
  });

  it("reads the live owners whole, also when their pages are compacted away", { timeout: 120_000 }, async () => {
    await create("clusters", "prod");
    const uids = new Set<string>();
    for (let i = 0; i < 7; i++) uids.add(await create("machines", `m-${i}`));
    const core = configOf().makeApiClient(CoreV1Api);
    const managementCluster = await managementClusterOf(core);
    const machines = sourceOf("machines", undefined, {});
    const moments = new Set<string>();
    let pages = 0;
    const owners = clusterOwners({
      managementCluster,
      managementClusterUid: (options) => managementClusterOf(core, options),
      clusters: sourceOf("clusters", undefined, {}),
      machines: {
        watch: machines.watch,
        async list(options) {
          if (++pages === 3) {
            uids.add(await create("machines", "late"));
            await compacted(machines, [...moments][0] ?? "");
          }
          const page = await machines.list(options);
          moments.add(page.metadata.resourceVersion);
          return page;
        },
      },
      pageSize: 2,
    });
    const snapshot = await owners.read();
    expect(new Set([...snapshot.machines.values()].map(({ uid }) => uid))).toEqual(uids);
    expect(snapshot.clusters.size).toBe(1);
    expect(moments.size).toBe(2); // all pages of one list show one moment
    expect(pages).toBeGreaterThan(6);
    for (let i = 0; i < 7; i++) await remove("machines", `m-${i}`);
    await expect(owners.read()).rejects.toMatchObject({ code: "ERR_OWNERS_SUSPECT", message: /7 of 8 are gone/ });
  });
});
