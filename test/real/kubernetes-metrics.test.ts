import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { KubeConfig, Metrics } from "@kubernetes/client-node";
import { createGuard, requeueAfter } from "provider-guard";
import { kubernetes as adapterOf } from "provider-guard/kubernetes";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { memoryJournal } from "../support/memory-journal.ts";
import { describeWithKubernetes, type Kubernetes, startKubernetes } from "./kubernetes.ts";

const groupVersion = "metrics.k8s.io/v1beta1";
const node = { metadata: { name: "node-1" }, timestamp: "2026-11-01T00:00:00Z", window: "10s", usage: { cpu: "250m" } };

describeWithKubernetes("Metrics through the aggregation layer of the real API server", () => {
  let kubernetes: Kubernetes;
  let server: Server;
  beforeAll(async () => {
    kubernetes = await startKubernetes();
    // Stands in for metrics-server, which needs kubelets.
    const { certificate, key } = await kubernetes.authority.issueForLoopback();
    server = createServer({ cert: certificate, key }, ({ url = "" }, response) => {
      const resources = [{ name: "nodes", singularName: "", namespaced: false, kind: "NodeMetrics", verbs: ["list"] }];
      const answers: Readonly<Record<string, object>> = {
        [`/apis/${groupVersion}`]: { kind: "APIResourceList", apiVersion: "v1", groupVersion, resources },
        [`/apis/${groupVersion}/nodes`]: {
          kind: "NodeMetricsList",
          apiVersion: groupVersion,
          metadata: {},
          items: [node],
        },
      };
      const answer = answers[url.split("?")[0] as string];
      response.writeHead(answer === undefined ? 404 : 200, { "content-type": "application/json" });
      response.end(JSON.stringify(answer ?? {}));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterAll(async () => {
    server?.closeAllConnections();
    server?.close();
    await kubernetes?.stop();
  });

  it("are reads; a service behind it that is away is an outage of that group", async () => {
    const { port } = server.address() as AddressInfo;
    await kubernetes.request("POST", "/api/v1/namespaces/kube-system/services", {
      metadata: { name: "metrics-server" },
      spec: { type: "ExternalName", externalName: "127.0.0.1", ports: [{ port }] },
    });
    await kubernetes.request("POST", "/apis/apiregistration.k8s.io/v1/apiservices", {
      metadata: { name: "v1beta1.metrics.k8s.io" },
      spec: {
        ...{ group: "metrics.k8s.io", version: "v1beta1", groupPriorityMinimum: 100, versionPriority: 100 },
        ...{ service: { namespace: "kube-system", name: "metrics-server", port }, insecureSkipTLSVerify: true },
      },
    });
    const journal = memoryJournal();
    const guard = await createGuard({
      owner: { managementCluster: "6f9c2a51-7d0e-4a3b-9f0a-2c1d5e8b7a90", provider: "infrastructure-acme" },
      ...{ audit: journal, telemetry: false },
    });
    onTestFinished(() => guard.close());
    const config = new KubeConfig();
    config.loadFromOptions(kubernetes.kubeConfig());
    const bare = new Metrics(config);
    const names = (metrics: Metrics) =>
      metrics.getNodeMetrics().then(
        ({ items }) => items.map(({ metadata }) => metadata.name),
        () => [],
      );
    await expect.poll(() => names(bare), { timeout: 30_000, interval: 200 }).toEqual(["node-1"]);

    const metrics = guard.wrap(new Metrics(config), adapterOf());
    expect(await names(metrics)).toEqual(["node-1"]);
    const read = { type: "read", operation: "list nodes", target: { service: "metrics.k8s.io" } };
    expect(journal.records).toMatchObject([{ ...read, result: "ok" }]);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    const error = await metrics.getNodeMetrics().catch((thrown: unknown) => thrown);
    expect(requeueAfter(error)).toBe(30_000);
    // The server says 503 in words, and client-node makes a 500 of whatever is no JSON.
    expect(journal.records.at(-1)).toMatchObject({ ...read, attempts: [{ result: "outage" }] });
  }, 60_000);
});
