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
 * A workload cluster is another `startKubernetes()`. ./cluster-api/workload.ts has `connectWorkload`,
 * to be called before the infrastructure says `provisioned`, `registerNode` in place of each machine's
 * kubelet, and `markInitialized` in place of the first `kubeadm init`. The control plane never becomes
 * Ready (there is no etcd to ask, no static pod): one replica, and NodeRef is as far as it goes.
 *
 * What Cluster API looks at again late: a MachineSet that waits for its control plane every 15 s
 * (the annotation `machineset.cluster.x-k8s.io/skip-preflight-checks: All` lets it not wait), a
 * Cluster in deletion every 5 s, a workload cluster that could not be reached after 30 s.
 */
import { beforeAll } from "vitest";
import { buildClusterApi } from "./cluster-api/build.mjs";
import { buildTimeoutMs, describeWithKubernetes } from "./kubernetes.ts";

export { type ClusterApi, startClusterApi } from "./cluster-api/start.ts";
export { actAsTinyProvider, tinyCrds, tinyGroup } from "./cluster-api/tiny-infrastructure.ts";
export { connectWorkload } from "./cluster-api/workload.ts";

/** Groups tests that need Cluster API on a Kubernetes API server, and builds both where they are not there. */
export function describeWithClusterApi(name: string, tests: () => void): void {
  describeWithKubernetes(name, () => {
    beforeAll(() => buildClusterApi(), buildTimeoutMs);
    tests();
  });
}
