import { createServer, request as httpsRequest, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import {
  ApiException,
  CoreV1Api,
  KubeConfig,
  KubernetesObjectApi,
  PatchStrategy,
  setHeaderOptions,
  Watch,
} from "@kubernetes/client-node";
import { createGuard, credentialLease, type Guard, requeueAfter } from "provider-guard";
import { kubernetes as adapterOf } from "provider-guard/kubernetes";
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from "vitest";
import { type MemoryJournal, memoryJournal } from "../support/memory-journal.ts";
import { describeWithKubernetes, type Kubernetes, startKubernetes } from "./kubernetes.ts";

/** Stands before the API server, and can keep the answer to a request to itself. */
interface LossyProxy {
  readonly url: string;
  /** How many of the next POSTs are carried out and not answered. */
  lose: number;
  readonly server: Server;
}

async function lossyProxy(kubernetes: Kubernetes): Promise<LossyProxy> {
  const { certificate, key } = await kubernetes.authority.issueForLoopback();
  const server = createServer({ cert: certificate, key }, (request, response) => {
    const { method, headers } = request;
    const path = request.url ?? "/";
    const onward = httpsRequest(`${kubernetes.url}${path}`, { method, headers, ca: kubernetes.authority.certificate });
    onward.on("response", (answer) => {
      if (method === "POST" && proxy.lose > 0) {
        proxy.lose--;
        answer.resume();
        answer.on("end", () => request.socket.destroy());
        return;
      }
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy: LossyProxy = { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, lose: 0, server };
  return proxy;
}

const cluster = (name: string) => ({ cluster: { namespace: "default", name, uid: `uid-${name}` } });

describeWithKubernetes("the Kubernetes adapter against the real API server", () => {
  let kubernetes: Kubernetes;
  let proxy: LossyProxy;
  let guard: Guard;
  let journal: MemoryJournal;
  let core: CoreV1Api;
  let bare: CoreV1Api;
  let namespace: string;

  const configOf = (server = kubernetes.url, token?: string) => {
    const options = kubernetes.kubeConfig(token);
    const config = new KubeConfig();
    config.loadFromOptions({ ...options, clusters: options.clusters.map((each) => ({ ...each, server })) });
    return config;
  };
  const map = (metadata: object, more: object = {}) => ({ apiVersion: "v1", kind: "ConfigMap", metadata, ...more });
  const lastOutcome = () => journal.records.filter(({ type }) => type !== "intent").at(-1);

  beforeAll(async () => {
    kubernetes = await startKubernetes({ flags: ["--etcd-compaction-interval=1s", "--watch-cache-sizes=secrets#0"] });
    proxy = await lossyProxy(kubernetes);
  });
  afterAll(async () => {
    proxy?.server.closeAllConnections();
    proxy?.server.close();
    await kubernetes?.stop();
  });
  beforeEach(async () => {
    namespace = await kubernetes.freshNamespace("adapter");
    journal = memoryJournal();
    guard = await createGuard({
      owner: { managementCluster: "6f9c2a51-7d0e-4a3b-9f0a-2c1d5e8b7a90", provider: "infrastructure-acme" },
      audit: journal,
      rateLimit: false,
      telemetry: false,
    });
    onTestFinished(() => guard.close());
    core = guard.wrap(configOf(proxy.url).makeApiClient(CoreV1Api), adapterOf());
    bare = configOf().makeApiClient(CoreV1Api);
  });

  it("labels what is made, so that a selector finds it, and names the provider as its manager", async () => {
    await guard.reconcile(cluster("a"), () =>
      core.createNamespacedConfigMap({ namespace, body: map({ name: "one" }) }),
    );
    const labelSelector = "provider-guard/cluster-uid=uid-a,provider-guard/provider=infrastructure-acme";
    const { items } = await bare.listNamespacedConfigMap({ namespace, labelSelector });
    expect(items.map(({ metadata }) => metadata?.name)).toEqual(["one"]);
    expect(items[0]?.metadata?.managedFields?.[0]?.manager).toBe("infrastructure-acme");
    expect(lastOutcome()).toMatchObject({
      attempts: [{ status: 201, requestId: expect.stringMatching(/^[\w-]{36}$/) }],
    });
  });

  it.each([
    ["a name", { name: "one" }],
    ["a generated name", { generateName: "m-" }],
  ])("adopts its own object with %s after a lost answer: there is one, and no second", async (_what, metadata) => {
    const create = () =>
      guard.reconcile(cluster("a"), () => core.createNamespacedConfigMap({ namespace, body: map(metadata) }));
    proxy.lose = 1;
    await expect(create()).rejects.toThrow();
    expect(lastOutcome()).toMatchObject({ result: "unknown" });
    const made = await create();
    const { items } = await bare.listNamespacedConfigMap({ namespace });
    expect(items.map((item) => item.metadata?.uid)).toEqual([made.metadata?.uid]);
    expect(lastOutcome()).toMatchObject({ result: "ok", decisions: [{ verdict: "resume" }] });
  });

  it("reads a conflict as one, and goes on calling", async () => {
    const at = { namespace, name: "one" };
    await guard.reconcile(cluster("a"), async () => {
      const made = await core.createNamespacedConfigMap({ namespace, body: map({ name: "one" }) });
      await core.replaceNamespacedConfigMap({ ...at, body: { ...made, data: { a: "1" } } });
      for (let i = 0; i < 30; i++) {
        const error = await core
          .replaceNamespacedConfigMap({ ...at, body: { ...made, data: { a: "2" } } })
          .catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(ApiException);
        expect(error).toMatchObject({ code: 409 });
      }
    });
    expect(lastOutcome()).toMatchObject({ attempts: [{ result: "conflict", code: "Conflict" }] });
    expect(guard.circuits().filter(({ state }) => state !== "closed")).toEqual([]);
  });

  it("applies twice without a new version", async () => {
    const apply = setHeaderOptions("Content-Type", PatchStrategy.ServerSideApply);
    const at = { namespace, name: "one" };
    const once = () =>
      guard.reconcile(cluster("a"), () =>
        core.patchNamespacedConfigMap({ ...at, body: map({ name: "one" }, { data: { a: "1" } }) }, apply),
      );
    const first = await once();
    const second = await once();
    expect(first.metadata?.labels?.["provider-guard/cluster-uid"]).toBe("uid-a");
    expect(second.metadata?.resourceVersion).toBe(first.metadata?.resourceVersion);
  });

  it("does not delete what somebody else made under the same name", async () => {
    const at = { namespace, name: "one" };
    await guard.reconcile(cluster("a"), () =>
      core.createNamespacedConfigMap({ namespace, body: map({ name: "one" }) }),
    );
    await bare.deleteNamespacedConfigMap(at);
    const other = await bare.createNamespacedConfigMap({ namespace, body: map({ name: "one" }) });
    const remove = () => guard.reconcile(cluster("a"), () => core.deleteNamespacedConfigMap(at));
    await expect(remove()).rejects.toMatchObject({ code: 409 });
    expect((await bare.readNamespacedConfigMap(at)).metadata?.uid).toBe(other.metadata?.uid);
  });

  it("asks whose a Secret is without reading it, and leaves another cluster's alone", async () => {
    const at = { namespace, name: "s" };
    await guard.reconcile(cluster("b"), () =>
      core.createNamespacedSecret({ namespace, body: { metadata: { name: "s" }, stringData: { password: "canary" } } }),
    );
    const fresh = guard.wrap(configOf().makeApiClient(CoreV1Api), adapterOf({ account: "asked-anew" }));
    await expect(guard.reconcile(cluster("a"), () => fresh.deleteNamespacedSecret(at))).rejects.toMatchObject({
      code: "ERR_OWNER_FOREIGN",
    });
    await guard.reconcile(cluster("b"), () => fresh.deleteNamespacedSecret(at));
    expect(JSON.stringify(journal.records)).not.toContain("canary");
  });

  it("deletes through KubernetesObjectApi the very object that it was given", async () => {
    const objects = guard.wrap(KubernetesObjectApi.makeApiClient(configOf()), adapterOf());
    const made = await guard.reconcile(cluster("a"), () => objects.create(map({ name: "one", namespace })));
    await bare.deleteNamespacedConfigMap({ namespace, name: "one" });
    await bare.createNamespacedConfigMap({ namespace, body: map({ name: "one" }) });
    await expect(guard.reconcile(cluster("a"), () => objects.delete(made))).rejects.toMatchObject({ code: 409 });
  });

  it("deletes, where that is wanted, only what is still as it was read", async () => {
    const adapter = adapterOf({ deletePreconditions: "resourceVersion" });
    const objects = guard.wrap(KubernetesObjectApi.makeApiClient(configOf()), adapter);
    const made = await guard.reconcile(cluster("a"), () => objects.create(map({ name: "one", namespace })));
    const at = { namespace, name: "one" };
    const changed = await bare.replaceNamespacedConfigMap({ ...at, body: { ...made, data: { a: "1" } } });
    await expect(guard.reconcile(cluster("a"), () => objects.delete(made))).rejects.toMatchObject({ code: 409 });
    expect((await bare.readNamespacedConfigMap(at)).data).toEqual({ a: "1" });
    const now = { ...made, metadata: { ...made.metadata, resourceVersion: changed.metadata?.resourceVersion ?? "" } };
    await guard.reconcile(cluster("a"), () => objects.delete(now as typeof made));
    await expect(bare.readNamespacedConfigMap(at)).rejects.toMatchObject({ code: 404 });
  });

  it("pages through a list, and takes a dry run for a read", async () => {
    await guard.reconcile(cluster("a"), async () => {
      for (const name of ["a", "b", "c", "d", "e"]) {
        await core.createNamespacedConfigMap({ namespace, body: map({ name }) });
      }
    });
    const names: unknown[] = [];
    let token: string | undefined;
    do {
      const page = await core.listNamespacedConfigMap({ namespace, limit: 2, ...(token && { _continue: token }) });
      names.push(...page.items.map(({ metadata }) => metadata?.name));
      token = page.metadata?._continue;
    } while (token);
    expect(names).toEqual(["a", "b", "c", "d", "e"]);
    await core.createNamespacedConfigMap({ namespace, body: map({ name: "dry" }), dryRun: "All" });
    expect(lastOutcome()).toMatchObject({ type: "read", operation: "dry-run create configmaps", result: "ok" });
    expect((await bare.listNamespacedConfigMap({ namespace })).items).toHaveLength(5);
  });

  it("tries once more with a fresh token where the server knows the old one no longer", async () => {
    const rules = [{ apiGroups: [""], resources: ["configmaps"], verbs: ["list", "watch"] }];
    const valid = await kubernetes.user({ namespace, name: "reader", rules });
    const tokens = ["expired", valid];
    const lease = credentialLease({
      fetch: async () => ({ value: tokens.shift() ?? valid, expiresAt: new Date(Date.UTC(2099, 0)) }),
    });
    onTestFinished(() => lease.close());
    const reader = guard.wrap(configOf(kubernetes.url, "none").makeApiClient(CoreV1Api), adapterOf(), {
      credentials: lease,
    });
    expect((await reader.listNamespacedConfigMap({ namespace })).items).toEqual([]);
    expect(lastOutcome()).toMatchObject({ attempts: [{ result: "unauthenticated" }, { result: "ok" }] });
    const denied = await reader.listNamespacedSecret({ namespace }).catch((error: unknown) => error);
    expect(denied).toMatchObject({ code: 403 });
    expect(requeueAfter(denied)).toBeUndefined();
  });

  it("watches, and is told when the version to go on from is gone", async () => {
    const watch = guard.wrap(new Watch(configOf()), adapterOf());
    const path = `/api/v1/namespaces/${namespace}/secrets`;
    const made = await bare.createNamespacedSecret({ namespace, body: { metadata: { name: "one" } } });
    const from = (resourceVersion: string) =>
      new Promise<string[]>((resolve) => {
        const events: string[] = [];
        const query = { resourceVersion, timeoutSeconds: 1 };
        void watch.watch(
          path,
          query,
          (type, object) => events.push(`${type} ${object.code ?? object.metadata?.name}`),
          (error) => resolve([...events, ...(error ? [`done ${(error as { statusCode?: number }).statusCode}`] : [])]),
        );
      });
    await bare.createNamespacedSecret({ namespace, body: { metadata: { name: "two" } } });
    const version = made.metadata?.resourceVersion ?? "";
    expect(await from(version)).toContain("ADDED two");
    await expect
      .poll(() => from(version), { timeout: 15_000, interval: 200 })
      .toEqual([expect.stringMatching(/ 410$/)]);
    expect(guard.circuits().filter(({ state }) => state !== "closed")).toEqual([]);
  });

  it("takes a server that was killed for an outage, and finds it again", async () => {
    const direct = guard.wrap(configOf().makeApiClient(CoreV1Api), adapterOf());
    await direct.listNamespacedConfigMap({ namespace });
    await kubernetes.kill();
    const error = await direct.listNamespacedConfigMap({ namespace }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "ECONNREFUSED" });
    expect(requeueAfter(error)).toBe(30_000);
    await kubernetes.restart();
    expect((await direct.listNamespacedConfigMap({ namespace })).items).toEqual([]);
  }, 90_000);
});
