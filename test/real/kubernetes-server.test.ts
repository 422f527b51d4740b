import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { KubeConfig, VersionApi } from "@kubernetes/client-node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startChild } from "../support/bundle.ts";
import { describeWithKubernetes, type Kubernetes, startKubernetes } from "./kubernetes.ts";

interface ApiObject {
  readonly metadata: { readonly name: string; readonly resourceVersion: string };
  readonly data?: Readonly<Record<string, string>>;
}

describeWithKubernetes("the Kubernetes API server that tests start", () => {
  let kubernetes: Kubernetes;
  beforeAll(async () => {
    kubernetes = await startKubernetes({ flags: ["--etcd-compaction-interval=1s", "--watch-cache-sizes=secrets#0"] });
  });
  afterAll(() => kubernetes?.stop());

  it("answers client-node, over TLS that is verified", async () => {
    const config = new KubeConfig();
    config.loadFromOptions(kubernetes.kubeConfig());
    expect((await config.makeApiClient(VersionApi).getCode()).gitVersion).toBe("v1.35.4");
  });

  it("denies a stranger, and lets a user do what its rules say and nothing else", async () => {
    const namespace = await kubernetes.freshNamespace("rights");
    const secrets = `/api/v1/namespaces/${namespace}/secrets`;
    await expect(kubernetes.request("GET", secrets, undefined, { token: "nobody's" })).rejects.toMatchObject({
      status: 401,
    });
    const rules = [{ apiGroups: [""], resources: ["secrets"], verbs: ["list"] }];
    const token = await kubernetes.user({ namespace, name: "reader", rules });
    expect(await kubernetes.request("GET", secrets, undefined, { token })).toMatchObject({ items: [] });
    await expect(kubernetes.request("POST", secrets, { metadata: { name: "s" } }, { token })).rejects.toMatchObject({
      status: 403,
    });
    await expect(kubernetes.request("GET", "/api/v1/secrets", undefined, { token })).rejects.toMatchObject({
      status: 403,
    });
    const clusterRules = [{ apiGroups: [""], resources: ["nodes"], verbs: ["list"] }];
    const everywhere = await kubernetes.user({ namespace, name: "watcher", clusterRules });
    expect(await kubernetes.request("GET", "/api/v1/nodes", undefined, { token: everywhere })).toHaveProperty("items");
  });

  it("keeps data, port and tokens over a kill and a restart", async () => {
    const namespace = await kubernetes.freshNamespace("kept");
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    await kubernetes.request("POST", path, { metadata: { name: "a" }, data: { k: "v" } });
    const rules = [{ apiGroups: [""], resources: ["configmaps"], verbs: ["get"] }];
    const token = await kubernetes.user({ namespace, name: "reader", rules });
    await kubernetes.kill();
    await expect(kubernetes.request("GET", `${path}/a`)).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await kubernetes.restart();
    expect(await kubernetes.request<ApiObject>("GET", `${path}/a`, undefined, { token })).toMatchObject({
      data: { k: "v" },
    });
  });

  it("answers nothing while it is paused, and what it was asked once it goes on", async () => {
    kubernetes.pause();
    const answer = kubernetes.request("GET", "/readyz");
    expect(await Promise.race([answer, sleep(300, "silence")])).toBe("silence");
    kubernetes.resume();
    expect(await answer).toBe("ok");
  });

  it("answers 410 to a watch from before the last compaction", async () => {
    const namespace = await kubernetes.freshNamespace("gone");
    const path = `/api/v1/namespaces/${namespace}/secrets`;
    const first = await kubernetes.request<ApiObject>("POST", path, { metadata: { name: "a" } });
    await kubernetes.request("POST", path, { metadata: { name: "b" } });
    const query = `watch=true&timeoutSeconds=1&resourceVersion=${first.metadata.resourceVersion}`;
    const outcome = () => kubernetes.request("GET", `${path}?${query}`).then(JSON.stringify, String);
    await expect.poll(outcome, { timeout: 15_000, interval: 200 }).toMatch(/"code":\s*410|answered 410/);
  });

  it.runIf(process.platform === "linux")(
    "leaves no server behind where the test that started it is killed",
    async () => {
      const parent = await startChild(new URL("./server-parent.ts", import.meta.url), []);
      await parent.printed(1);
      const isRunning = () => existsSync(`/proc/${parent.lines[0]}`);
      expect(isRunning()).toBe(true);
      parent.process.kill("SIGKILL");
      await expect.poll(isRunning).toBe(false);
    },
  );

  it("says with the server's own words why it did not start", async () => {
    await expect(startKubernetes({ flags: ["--no-such-flag"] })).rejects.toThrow(/unknown flag: --no-such-flag/);
  });
});
