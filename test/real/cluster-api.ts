/**
 * The real Cluster API, core, kubeadm bootstrap and kubeadm control plane, for tests:
 *
 *     describeWithClusterApi("what it is about", () => {
 *       let kubernetes: Kubernetes; // the management cluster
 *       let clusterApi: ClusterApi;
 *       beforeAll(async () => {
 *         kubernetes = await startKubernetes();
 *         clusterApi = await startClusterApi({ kubernetes, crds: [the infrastructure provider's, as raw JSON] });
 *       });
 *       afterAll(async () => {
 *         await clusterApi?.stop();
 *         await kubernetes?.stop();
 *       });
 *     });
 *
 * A workload cluster is another `startKubernetes()`: `connectWorkload` before the infrastructure says
 * `provisioned`, `registerNode` in place of each machine's kubelet, `markInitialized` in place of the
 * first `kubeadm init`. The control plane never becomes Ready (there is no etcd to ask, no static
 * pod): one replica, and NodeRef is as far as it goes. Deletion of a Cluster is polled every 5 s.
 */
import { beforeAll } from "vitest";
import { buildClusterApi } from "./cluster-api/build.mjs";
import { buildTimeoutMs, describeWithKubernetes } from "./kubernetes.ts";

export type { CustomResourceDefinition } from "./cluster-api/manifests.ts";
export { type ClusterApi, startClusterApi } from "./cluster-api/start.ts";
export { actAsTinyProvider, tinyCrds, tinyGroup } from "./cluster-api/tiny-infrastructure.ts";
export { connectWorkload, markInitialized, registerNode } from "./cluster-api/workload.ts";

/** Groups tests that need Cluster API on a Kubernetes API server, and builds both where they are not there. */
export function describeWithClusterApi(name: string, tests: () => void): void {
  describeWithKubernetes(name, () => {
    beforeAll(() => buildClusterApi(), buildTimeoutMs);
    tests();
  });
}
