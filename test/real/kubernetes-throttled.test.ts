import { request } from "node:https";
import { ApiException, CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { createGuard, requeueAfter } from "provider-guard";
import { kubernetes as adapterOf } from "provider-guard/kubernetes";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { memoryJournal } from "../support/memory-journal.ts";
import { describeWithKubernetes, type Kubernetes, startKubernetes } from "./kubernetes.ts";

const flowControl = "/apis/flowcontrol.apiserver.k8s.io/v1";
const apiVersion = "flowcontrol.apiserver.k8s.io/v1";

describeWithKubernetes("a client that the real API server throttles by Priority and Fairness", () => {
  let kubernetes: Kubernetes;
  beforeAll(async () => {
    kubernetes = await startKubernetes();
  });
  afterAll(() => kubernetes?.stop());

  it("learns, waits as long as it is told, counts no outage, and tells which queue was full", async () => {
    const namespace = await kubernetes.freshNamespace("throttled");
    const rules = ["list", "create"].map((verb) => ({ apiGroups: [""], resources: ["configmaps"], verbs: [verb] }));
    const token = await kubernetes.user({ namespace, name: "eager", rules });
    interface Made {
      readonly metadata: { readonly uid: string };
    }
    // One request at a time, and no queue to wait in.
    const limited = { nominalConcurrencyShares: 0, borrowingLimitPercent: 0, limitResponse: { type: "Reject" } };
    const narrow = await kubernetes.request<Made>("POST", `${flowControl}/prioritylevelconfigurations`, {
      ...{ apiVersion, kind: "PriorityLevelConfiguration", metadata: { name: "narrow" } },
      spec: { type: "Limited", limited },
    });
    const resourceRules = [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"], namespaces: ["*"] }];
    const schema = await kubernetes.request<Made>("POST", `${flowControl}/flowschemas`, {
      ...{ apiVersion, kind: "FlowSchema", metadata: { name: "eager" } },
      spec: {
        priorityLevelConfiguration: { name: "narrow" },
        matchingPrecedence: 100,
        rules: [
          { subjects: [{ kind: "ServiceAccount", serviceAccount: { name: "eager", namespace } }], resourceRules },
        ],
      },
    });
    const config = new KubeConfig();
    config.loadFromOptions(kubernetes.kubeConfig(token));
    const bare = config.makeApiClient(CoreV1Api);
    const listed = (core: CoreV1Api) =>
      core.listNamespacedConfigMap({ namespace }).then(
        () => 200,
        (error: ApiException<unknown>) => error.code,
      );
    /** Takes the seat: the server waits for the rest of a body. */
    const hold = () => {
      const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", "content-length": "100" };
      const url = `${kubernetes.url}/api/v1/namespaces/${namespace}/configmaps`;
      const sent = request(url, { method: "POST", headers, ca: kubernetes.authority.certificate, agent: false });
      sent.on("error", () => {});
      sent.on("response", (answer) => answer.resume());
      sent.write("{");
      onTestFinished(() => void sent.destroy());
      return sent;
    };
    let held = hold();
    const isFull = async () => {
      if ((await listed(bare)) === 429) return true;
      held.destroy(); // it may have come before the server read its rules, and sit elsewhere
      held = hold();
      return false;
    };
    await expect.poll(isFull, { timeout: 30_000, interval: 500 }).toBe(true);

    const journal = memoryJournal();
    const spans = new InMemorySpanExporter();
    const guard = await createGuard({
      owner: { managementCluster: "6f9c2a51-7d0e-4a3b-9f0a-2c1d5e8b7a90", provider: "infrastructure-acme" },
      audit: journal,
      telemetry: { tracerProvider: new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }) },
    });
    onTestFinished(() => guard.close());
    const core = guard.wrap(config.makeApiClient(CoreV1Api), adapterOf());
    const error = await core.listNamespacedConfigMap({ namespace }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ApiException);
    expect(error).toMatchObject({ code: 429 });
    expect(requeueAfter(error)).toBe(1_000);
    expect(journal.records.at(-1)).toMatchObject({
      result: "failed",
      attempts: [{ result: "throttled", status: 429, requestId: expect.stringMatching(/^[\w-]{36}$/) }],
    });
    const [bucket] = guard.limits();
    expect(bucket).toMatchObject({ bucket: "kubernetes", ratePerSecond: 10, maxRatePerSecond: 20 }); // half of the table's
    const queue = {
      "http.response.header.x-kubernetes-pf-flowschema-uid": [schema.metadata.uid],
      "http.response.header.x-kubernetes-pf-prioritylevel-uid": [narrow.metadata.uid],
    };
    const attempts = () => spans.getFinishedSpans().filter(({ name }) => name.endsWith(" attempt"));
    expect(attempts().map(({ attributes }) => attributes)).toMatchObject([queue]);

    for (let i = 0; i < 4; i++) expect(await listed(core)).toBe(429); // each waits for its second
    expect(journal.records.at(-1)).toMatchObject({ attempts: [{ waitedMs: expect.any(Number) }] });
    expect(guard.circuits().filter(({ state }) => state !== "closed")).toEqual([]);

    held.destroy();
    await expect.poll(() => listed(core), { timeout: 30_000 }).toBe(200);
    expect(attempts().at(-1)?.attributes).toMatchObject(queue);
  }, 120_000);
});
