import { EventsV1Api, KubeConfig } from "@kubernetes/client-node";
import { GuardError } from "provider-guard";
import { eventRecorder } from "provider-guard/kubernetes";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeWithKubernetes, type Kubernetes, startKubernetes } from "./kubernetes.ts";

describeWithKubernetes("events of the real API server", () => {
  let kubernetes: Kubernetes;
  beforeAll(async () => {
    kubernetes = await startKubernetes();
  });
  afterAll(() => kubernetes?.stop());

  const apiOf = (token?: string) => {
    const config = new KubeConfig();
    config.loadFromOptions(kubernetes.kubeConfig(token));
    return config.makeApiClient(EventsV1Api);
  };
  const machine = (namespace: string) => ({
    apiVersion: "cluster.x-k8s.io/v1beta2",
    kind: "Machine",
    namespace,
    name: "m-1",
    uid: "0b9e9b1c-2f6e-4a54-9d8e-3f8d3c2b1a00",
  });
  const full = new GuardError("ERR_QUOTA_EXCEEDED", "é".repeat(2_000));

  it("are taken, counted, and made anew when they are gone, with the rights to create and update", async () => {
    const namespace = await kubernetes.freshNamespace("events");
    const rules = ["create", "update"].map((verb) => ({
      apiGroups: ["events.k8s.io"],
      resources: ["events"],
      verbs: [verb],
    }));
    const token = await kubernetes.user({ namespace, name: "recorder", rules });
    const recorder = eventRecorder({ events: apiOf(token), controller: "acme.example/machines" });
    const api = apiOf();
    const report = async () => {
      recorder.record(machine(namespace), full, "createServer");
      await recorder.flush();
      return (await api.listNamespacedEvent({ namespace })).items;
    };
    expect(await report()).toMatchObject([{ reason: "QuotaExceeded", action: "createServer", type: "Warning" }]);
    expect(await report()).toMatchObject([{ series: { count: 2 } }]);
    const [event] = await report();
    expect(event).toMatchObject({ series: { count: 3 }, regarding: machine(namespace) });
    await api.deleteNamespacedEvent({ namespace, name: event?.metadata?.name as string });
    expect(await report()).toMatchObject([{ series: { count: 4 } }]);
    expect(recorder.dropped).toBe(0);
    await recorder.close();
  });

  it("are dropped, and said to be, where they are forbidden or the server is away", async () => {
    const namespace = await kubernetes.freshNamespace("rights");
    const token = await kubernetes.user({ namespace, name: "nobody" });
    const errors: unknown[] = [];
    const onError = (error: unknown) => void errors.push(error);
    const recorder = eventRecorder({ events: apiOf(token), controller: "acme.example/machines", onError });
    recorder.record(machine(namespace), full, "createServer");
    await recorder.flush();
    expect(errors).toMatchObject([{ code: 403 }]);
    await kubernetes.kill();
    recorder.record(machine(namespace), full, "createServer");
    await recorder.flush();
    expect(recorder.dropped).toBe(2);
  }, 30_000);
});
