import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CoordinationV1Api, CoreV1Api, EventsV1Api, KubeConfig, Watch } from "@kubernetes/client-node";
import { createGuard, credentialLease, GuardError, readErrorInfo } from "provider-guard";
import { watchObjects } from "provider-guard/cluster-api";
import {
  kubernetes as adapterOf,
  configMapState,
  eventRecorder,
  leaseElector,
  objectSource,
} from "provider-guard/kubernetes";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { memoryJournal } from "../support/memory-journal.ts";
import { describeWithKubernetes, type Kubernetes, startKubernetes } from "./kubernetes.ts";

const issuer = "https://kubernetes.default.svc";
const until = { timeout: 60_000, interval: 50 };
const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");

/** For so long after its end the server still takes a token. */
const leewayS = 60;

/** A token as the server itself issues them, which grants none for less than ten minutes. */
function tokenOf(key: KeyObject, namespace: string, account: { name: string; uid: string }, lifetimeMs: number) {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    ...{ iss: issuer, aud: [issuer], iat: now - 120, nbf: now - 120, exp: now + lifetimeMs / 1000 - leewayS },
    sub: `system:serviceaccount:${namespace}:${account.name}`,
    "kubernetes.io": { namespace, serviceaccount: account },
  };
  const text = `${encoded({ alg: "ES256", typ: "JWT" })}.${encoded(claims)}`;
  return `${text}.${sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

describeWithKubernetes("what goes on while the real API server does not", () => {
  const keys = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  let kubernetes: Kubernetes;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "keys-"));
    const file = join(folder, "issuer.pem");
    await writeFile(file, keys.publicKey.export({ type: "spki", format: "pem" }));
    kubernetes = await startKubernetes({ flags: [`--service-account-key-file=${file}`] });
  });
  afterAll(async () => {
    await kubernetes?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const configOf = (token?: string) => {
    const config = new KubeConfig();
    config.loadFromOptions(kubernetes.kubeConfig(token));
    return config;
  };

  /** A guard whose journal counts requests. */
  async function counting() {
    const journal = memoryJournal();
    const guard = await createGuard({
      owner: { managementCluster: "6f9c2a51-7d0e-4a3b-9f0a-2c1d5e8b7a90", provider: "infrastructure-acme" },
      audit: journal,
      telemetry: false,
      rateLimit: false,
      circuitBreaker: false, // it would count for them
    });
    onTestFinished(() => guard.close());
    return { guard, attempts: () => journal.records.flatMap((each) => ("attempts" in each ? each.attempts : [])) };
  }

  it("a watch whose token expires goes on with the next one, and misses and repeats nothing", async () => {
    const namespace = await kubernetes.freshNamespace("expiry");
    const rules = ["list", "watch"].map((verb) => ({ apiGroups: [""], resources: ["configmaps"], verbs: [verb] }));
    await kubernetes.user({ namespace, name: "watcher", rules });
    const { metadata } = await kubernetes.request<{ metadata: { name: string; uid: string } }>(
      "GET",
      `/api/v1/namespaces/${namespace}/serviceaccounts/watcher`,
    );
    const account = { name: metadata.name, uid: metadata.uid };
    let issued = 0;
    const lease = credentialLease({
      // The lease believes that its first token lives for long, as if a clock were wrong or a key had been rotated.
      fetch: async () => {
        const value = tokenOf(keys.privateKey, namespace, account, issued++ === 0 ? 5_000 : 3_600_000);
        return { value, expiresAt: new Date(Date.now() + 3_600_000) };
      },
    });
    onTestFinished(() => lease.close());
    const { guard, attempts } = await counting();
    const adapter = adapterOf();
    const core = guard.wrap(configOf("none").makeApiClient(CoreV1Api), adapter, { credentials: lease });
    const watch = guard.wrap(new Watch(configOf("none")), adapter, { credentials: lease });
    const source = objectSource({
      watch,
      list: (request, options) => core.listNamespacedConfigMap({ ...request, namespace }, options),
      version: "v1",
      plural: "configmaps",
      namespace,
      watchMs: 1_000, // a watch that is open is not looked at again: the token counts when it connects
    });
    const told: string[] = [];
    const errors: unknown[] = [];
    const watching = watchObjects({
      source,
      onChange: ({ type, ref }) => told.push(`${type} ${ref.name}`),
      onError: (error) => errors.push(error),
    });
    onTestFinished(() => watching.close());
    await watching.synced();
    const bare = configOf().makeApiClient(CoreV1Api);
    const refused = () => attempts().filter(({ result }) => result === "unauthenticated").length;
    let made = 0;
    const make = () => bare.createNamespacedConfigMap({ namespace, body: { metadata: { name: `m-${made++}` } } });
    while (refused() === 0 && made < 300) {
      await make();
      await sleep(100);
    }
    for (let i = 0; i < 5; i++) await make();
    await expect.poll(() => told.length, until).toBe(made);
    expect([...told].sort()).toEqual(Array.from({ length: made }, (_, i) => `added m-${i}`).sort());
    expect(refused()).toBe(1);
    expect(issued).toBe(2);
    expect(errors).toEqual([]);
    // One list, and a connect for each watch of one to two seconds: no loop.
    expect(attempts().length).toBeLessThan(made);
  }, 120_000);

  it("watch, Lease, state and events outlive a server that is killed, and none of them hammers it", async () => {
    const namespace = await kubernetes.freshNamespace("killed");
    const config = configOf();
    const bare = config.makeApiClient(CoreV1Api);
    const parts = { watch: await counting(), lease: await counting() };
    const adapter = adapterOf();
    const listing = parts.watch.guard.wrap(configOf().makeApiClient(CoreV1Api), adapter);
    const told: string[] = [];
    const errors: unknown[] = [];
    const watching = watchObjects({
      source: objectSource({
        watch: parts.watch.guard.wrap(new Watch(configOf()), adapter),
        list: (request, options) => listing.listNamespacedConfigMap({ ...request, namespace }, options),
        version: "v1",
        plural: "configmaps",
        namespace,
        labelSelector: "watched=yes",
      }),
      onChange: ({ type, ref }) => told.push(`${type} ${ref.name}`),
      onError: (error) => errors.push(error),
      minBackoffMs: 100,
      maxBackoffMs: 1_000,
    });
    onTestFinished(() => watching.close());
    const elector = leaseElector({
      leases: parts.lease.guard.wrap(configOf().makeApiClient(CoordinationV1Api), adapter),
      ...{ namespace, name: "acme", identity: "a" },
      ...{ leaseDurationMs: 3_000, renewDeadlineMs: 2_000, retryPeriodMs: 300 },
    });
    onTestFinished(() => elector.close());
    let stored = 0;
    const counted =
      <A extends unknown[], R>(send: (...args: A) => R) =>
      (...args: A) => {
        stored++;
        return send(...args);
      };
    const core = {
      readNamespacedConfigMap: counted(bare.readNamespacedConfigMap.bind(bare)),
      createNamespacedConfigMap: counted(bare.createNamespacedConfigMap.bind(bare)),
      replaceNamespacedConfigMap: counted(bare.replaceNamespacedConfigMap.bind(bare)),
    };
    const state = configMapState({ core, namespace, name: "state", timeoutMs: 2_000 });
    const unwritten: unknown[] = [];
    const recorder = eventRecorder({
      events: config.makeApiClient(EventsV1Api),
      controller: "acme.example/machines",
      onError: (error) => unwritten.push(error),
    });
    onTestFinished(() => recorder.close());
    const machine = { apiVersion: "cluster.x-k8s.io/v1beta2", kind: "Machine", namespace, name: "m-1", uid: "u-1" };
    const report = async () => {
      recorder.record(machine, new GuardError("ERR_QUOTA_EXCEEDED", "full"), "createServer");
      await recorder.flush();
    };
    const labels = { watched: "yes" };
    const make = (name: string) => bare.createNamespacedConfigMap({ namespace, body: { metadata: { name, labels } } });
    const increment = () => state.increment("n", 1);

    await watching.synced();
    await make("before");
    const first = await elector.elected();
    await increment();
    await report();
    await expect.poll(() => told, until).toEqual(["added before"]);

    const counts = () => [parts.watch.attempts().length, parts.lease.attempts().length, stored];
    const before = counts();
    await kubernetes.kill();
    await expect.poll(() => first.signal.aborted, until).toBe(true);
    await expect(increment()).rejects.toMatchObject({ code: "ERR_STATE_UNAVAILABLE", retryable: true });
    await report();
    await sleep(3_000); // an outage long enough for a hot loop to show
    const [watched, leased, asked] = counts().map((count, i) => count - (before[i] as number)) as [
      number,
      number,
      number,
    ];
    expect(watched).toBeGreaterThan(1);
    expect(errors.map((error) => readErrorInfo(error).class)).toContain("outage");
    expect(unwritten).toHaveLength(1);
    // Each failure doubles the pause up to a second; the Lease is asked for each 300 to 600 ms; a state's call is one.
    expect(watched).toBeLessThan(60);
    expect(leased).toBeLessThan(60);
    expect(asked).toBeLessThan(5);
    await kubernetes.restart();

    await make("after");
    await expect.poll(() => told, until).toEqual(["added before", "added after"]);
    expect((await elector.elected()).token).toBeGreaterThan(first.token);
    expect(await increment()).toMatchObject({ value: 2 });
    await report();
    const { items } = await config.makeApiClient(EventsV1Api).listNamespacedEvent({ namespace });
    expect(items).toMatchObject([{ reason: "QuotaExceeded", series: { count: 3 } }]);
  }, 120_000);
});
