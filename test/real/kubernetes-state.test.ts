import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import { configMapState } from "provider-guard/kubernetes";
import { simulatedClock } from "provider-guard/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stateStoreContract } from "../support/state-store-contract.ts";
import { describeWithKubernetes, type Kubernetes, startKubernetes } from "./kubernetes.ts";

describeWithKubernetes("state in ConfigMaps of the real API server", () => {
  let kubernetes: Kubernetes;
  beforeAll(async () => {
    kubernetes = await startKubernetes();
  });
  afterAll(() => kubernetes?.stop());

  const coreOf = (token?: string) => {
    const config = new KubeConfig();
    config.loadFromOptions(kubernetes.kubeConfig(token));
    return config.makeApiClient(CoreV1Api);
  };

  stateStoreContract("ConfigMap, on a real API server,", async () => {
    const namespace = await kubernetes.freshNamespace("state");
    const clock = simulatedClock();
    const open = () => configMapState({ core: coreOf(), namespace, name: "state", clock, timeoutMs: 30_000 });
    return { store: open(), clock, another: async () => open() };
  });

  describe("and", () => {
    it("works with the right to get, create and update alone, and says what is missing without", async () => {
      const namespace = await kubernetes.freshNamespace("rights");
      const rule = (verbs: string[]) => ({ apiGroups: [""], resources: ["configmaps"], verbs });
      const rules = [rule(["get"]), rule(["create"]), rule(["update"])];
      const able = await kubernetes.user({ namespace, name: "able", rules });
      const state = configMapState({ core: coreOf(able), namespace, name: "state" });
      expect(await state.increment("n", 1, { ttlMs: 60_000 })).toEqual({ applied: true, value: 1 });
      expect(await state.increment("n", 1)).toEqual({ applied: true, value: 2 });
      const unable = await kubernetes.user({ namespace, name: "unable", rules: rules.slice(0, 1) });
      const reader = configMapState({ core: coreOf(unable), namespace, name: "state" });
      expect(await reader.get("n")).toMatchObject({ value: "2" });
      await expect(reader.put("n", "3")).rejects.toMatchObject({
        code: "ERR_STATE_UNAVAILABLE",
        retryable: false,
        message: expect.stringContaining("allow get, create and update of configmaps"),
      });
    });

    it("fills a ConfigMap to what the server takes, and not further", async () => {
      const namespace = await kubernetes.freshNamespace("full");
      const state = configMapState({ core: coreOf(), namespace, name: "state", shards: 1, timeoutMs: 30_000 });
      let kept = 0;
      const fill = async () => {
        for (; ; kept++) await state.put(`key-${kept}`, "é".repeat(20_000));
      };
      await expect(fill()).rejects.toMatchObject({ code: "ERR_STATE_UNAVAILABLE", message: /is full/ });
      const left = 1_048_576 - kept * (40_000 + 50);
      await state.put("last", "x".repeat(left - 200));
      for (let i = 0; i < kept; i++) expect((await state.get(`key-${i}`))?.value).toHaveLength(20_000);
      await state.delete("key-0");
      await state.put("key-0", "é".repeat(20_000));
    });

    it("rejects while the server is killed, counts on afterwards, and loses nothing", async () => {
      const namespace = await kubernetes.freshNamespace("killed");
      const state = configMapState({ core: coreOf(), namespace, name: "state", timeoutMs: 2_000 });
      await state.increment("n", 1);
      await kubernetes.kill();
      await expect(state.increment("n", 1)).rejects.toMatchObject({ code: "ERR_STATE_UNAVAILABLE", retryable: true });
      await kubernetes.restart();
      expect(await state.increment("n", 1)).toMatchObject({ value: 2 });
      kubernetes.pause();
      await expect(state.get("n")).rejects.toMatchObject({ code: "ERR_STATE_UNAVAILABLE", retryable: true });
      kubernetes.resume();
      expect(await state.get("n")).toMatchObject({ value: "2" });
    }, 60_000);

    it("counts exactly while three replicas count, and says how fast", async () => {
      const namespace = await kubernetes.freshNamespace("speed");
      const open = (name: string) => configMapState({ core: coreOf(), namespace, name, shards: 1, timeoutMs: 30_000 });
      const measure = async (name: string, replicas: number, inFlight: number, each: number, filled = 0) => {
        const stores = Array.from({ length: replicas }, () => open(name));
        if (filled > 0) await stores[0]?.put("filling", "x".repeat(filled));
        const from = performance.now();
        await Promise.all(
          stores.map(async (store) => {
            for (let done = 0; done < each; done += inFlight) {
              await Promise.all(Array.from({ length: inFlight }, () => store.increment("n", 1)));
            }
          }),
        );
        const perSecond = Math.round((replicas * each * 1000) / (performance.now() - from));
        expect(await stores[0]?.get("n")).toMatchObject({ value: String(replicas * each) });
        return `${replicas} replica(s), ${inFlight} at once, ${filled} bytes kept: ${perSecond} writes/s a shard`;
      };
      const lines = [
        await measure("one", 1, 1, 100),
        await measure("many", 1, 50, 2_000),
        await measure("three", 3, 1, 40),
        await measure("three-many", 3, 50, 1_000),
        await measure("filled", 1, 1, 30, 100_000),
        await measure("full", 1, 1, 30, 1_000_000),
      ];
      console.info(lines.join("\n"));
    }, 60_000);
  });
});
