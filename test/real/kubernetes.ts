/**
 * The real Kubernetes API server, for tests:
 *
 *     describeWithKubernetes("what it is about", () => {
 *       let kubernetes: Kubernetes;
 *       beforeAll(async () => {
 *         kubernetes = await startKubernetes({ flags: ["--watch-cache-sizes=secrets#0"] });
 *       });
 *       afterAll(() => kubernetes?.stop());
 *
 *       it("…", async () => {
 *         const config = new KubeConfig();
 *         config.loadFromOptions(kubernetes.kubeConfig()); // the administrator; kubeConfig(token) is somebody else
 *         const namespace = await kubernetes.freshNamespace("leases");
 *         const rules = [{ apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get", "update"] }];
 *         const token = await kubernetes.user({ namespace, name: "elector", rules });
 *       });
 *     });
 *
 * `request` sends raw JSON (CRDs: client-node drops what it does not know) and rejects with the
 * `KubernetesRequestError` of ./kubernetes/request.ts, `restart` keeps port and data, `kill` and
 * `pause` are a crash and a server that hangs. One server per test file: a start
 * takes 3 s and 280 MB. There is no controller-manager: namespaces stay Terminating, nothing is
 * garbage-collected, no ServiceAccount is made by itself. For 410 Gone on a watch, start it with
 * `--etcd-compaction-interval=1s --watch-cache-sizes=secrets#0` and wait for some seconds.
 */
import { beforeAll } from "vitest";
import { buildKubernetes, findKubernetesGo } from "./kubernetes/build.mjs";
import { describeWithServer } from "./require-server.ts";

export { type Kubernetes, startKubernetes } from "./kubernetes/start.ts";

/** A build from nothing, on a machine that is busy with other tests. */
export const buildTimeoutMs = 20 * 60_000;

/** Groups tests that need the Kubernetes API server, and builds it before them where it is not there. */
export function describeWithKubernetes(name: string, tests: () => void): void {
  const server = {
    server: "Go 1.25 or later",
    program: findKubernetesGo(),
    hint: "it builds the Kubernetes API server",
  };
  describeWithServer(name, server, () => {
    beforeAll(() => buildKubernetes(), buildTimeoutMs);
    tests();
  });
}
