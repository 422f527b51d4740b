import { setTimeout as sleep } from "node:timers/promises";
import {
  CoordinationV1Api,
  CoreV1Api,
  CustomObjectsApi,
  EventsV1Api,
  KubeConfig,
  Watch,
} from "@kubernetes/client-node";
import { createGuard, GuardError, readErrorInfo, requeueAfter } from "provider-guard";
import { clusterOwners, watchObjects } from "provider-guard/cluster-api";
import {
  kubernetes as adapterOf,
  configMapState,
  eventRecorder,
  leaseElector,
  managementClusterOf,
  objectSource,
} from "provider-guard/kubernetes";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { memoryJournal } from "../support/memory-journal.ts";
import { freePort } from "../support/programs.ts";
import { createCertificateAuthority } from "./kubernetes/certificates.ts";
import { describeWithKubernetes, type Kubernetes, startKubernetes } from "./kubernetes.ts";

const managementCluster = "6f9c2a51-7d0e-4a3b-9f0a-2c1d5e8b7a90";
const group = "cluster.x-k8s.io";
/** How long each helper is looked at, and what it may ask for in that time. */
const lookMs = 3_000;
const mostAsked = 15;

describeWithKubernetes("a kubeconfig without access to the real API server", () => {
  let kubernetes: Kubernetes;
  beforeAll(async () => {
    kubernetes = await startKubernetes();
  });
  afterAll(() => kubernetes?.stop());

  const ways = {
    "leads nowhere": async () => ({ server: `https://127.0.0.1:${await freePort()}` }),
    "trusts another authority": async () => {
      const { certificate } = await createCertificateAuthority();
      return { caData: Buffer.from(certificate).toString("base64") };
    },
    "has a token that nobody knows": async () => ({ token: "nobodys" }),
    "is of somebody without rights": async () => {
      const namespace = await kubernetes.freshNamespace("rights");
      return { token: await kubernetes.user({ namespace, name: "nobody" }) };
    },
  };

  const meaning = (error: unknown) => {
    const { class: kind, status } = readErrorInfo(error);
    return status === undefined ? kind : `${kind} ${status}`;
  };

  it.each([
    ["leads nowhere", "outage", true],
    ["trusts another authority", "outage", true],
    ["has a token that nobody knows", "unauthenticated 401", false],
    ["is of somebody without rights", "denied 403", false],
  ] as const)(
    "that %s is told by each helper as what it is, and asked with pauses",
    async (way, expected, retryable) => {
      const { server, caData, token }: { server?: string; caData?: string; token?: string } = await ways[way]();
      const options = kubernetes.kubeConfig(token);
      const clusters = options.clusters.map((each) => ({
        ...each,
        ...(server && { server }),
        ...(caData && { caData }),
      }));
      const config = new KubeConfig();
      config.loadFromOptions({ ...options, clusters });
      const namespace = "default";
      const counting = async () => {
        const journal = memoryJournal();
        const guard = await createGuard({
          owner: { managementCluster, provider: "infrastructure-acme" },
          ...{ audit: journal, telemetry: false, rateLimit: false, circuitBreaker: false },
        });
        onTestFinished(() => guard.close());
        const asked = () => journal.records.filter(({ type }) => type !== "intent").length;
        return { guard, journal, asked };
      };

      // What watches, in the background.
      const watcher = await counting();
      const adapter = adapterOf();
      const objects = watcher.guard.wrap(config.makeApiClient(CustomObjectsApi), adapter);
      const watch = watcher.guard.wrap(new Watch(config), adapter);
      const watchErrors: unknown[] = [];
      const machines = objectSource({ watch, list: objects, group, version: "v1beta2", plural: "machines" });
      const watching = watchObjects({
        source: machines,
        onChange: () => {},
        onError: (error) => watchErrors.push(error),
      });
      onTestFinished(() => watching.close());

      // What campaigns.
      const campaign = await counting();
      const leases = campaign.guard.wrap(config.makeApiClient(CoordinationV1Api), adapterOf());
      const leaseErrors: unknown[] = [];
      const elector = leaseElector({
        ...{ leases, namespace, name: "acme", identity: "a", retryPeriodMs: 300 },
        onEvent: (event) => void (event.type === "error" && leaseErrors.push(event.error)),
      });
      onTestFinished(() => elector.close());

      await sleep(lookMs);
      expect([...new Set(watchErrors.map(meaning))]).toEqual([expected]);
      expect([...new Set(leaseErrors.map(meaning))]).toEqual([expected]);
      for (const { asked } of [watcher, campaign]) {
        expect(asked()).toBeGreaterThan(0);
        expect(asked()).toBeLessThanOrEqual(mostAsked);
      }
      expect(() => elector.check()).toThrow(expect.objectContaining({ code: "ERR_LEADER_LOST" }));

      // What is asked once: each says so once.
      const core = config.makeApiClient(CoreV1Api);
      const state = configMapState({ core, namespace, name: "state", timeoutMs: 5_000 });
      await expect(state.get("n")).rejects.toMatchObject({ code: "ERR_STATE_UNAVAILABLE", retryable });
      const unwritten: unknown[] = [];
      const events = config.makeApiClient(EventsV1Api);
      const recorder = eventRecorder({ events, controller: "acme", onError: (error) => unwritten.push(error) });
      const machine = { apiVersion: `${group}/v1beta2`, kind: "Machine", namespace, name: "m", uid: "u" };
      recorder.record(machine, new GuardError("ERR_QUOTA_EXCEEDED", "full"), "create");
      await recorder.close();
      expect(unwritten.map(meaning)).toEqual([expected]);
      const asked = await managementClusterOf(core).catch((error: unknown) => error);
      if (way === "is of somebody without rights") {
        expect(asked).toMatchObject({ code: "ERR_CONFIG_INVALID", message: expect.stringContaining("kube-system") });
      } else expect(meaning(asked)).toBe(expected);
      const owners = clusterOwners({
        ...{ clusters: machines, machines, managementCluster },
        managementClusterUid: () => managementClusterOf(core),
      });
      const before = watcher.asked();
      const unread = await owners.read().catch((error: unknown) => error);
      expect(unread).toBeInstanceOf(Error);
      expect(watcher.asked() - before).toBeLessThanOrEqual(mostAsked);

      // And a client of one's own: when to look again.
      const listed = await objects
        .listClusterCustomObject({ group, version: "v1beta2", plural: "machines" })
        .catch((e) => e);
      expect(meaning(listed)).toBe(expected);
      expect(requeueAfter(listed)).toBe(
        { outage: 30_000, "unauthenticated 401": 60_000, "denied 403": undefined }[expected],
      );
    },
    60_000,
  );
});
