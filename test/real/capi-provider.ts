/**
 * The example provider under the real Cluster API, with the rights of its own manifests, for tests:
 *
 *     describeWithLab("what it is about", (start) => {
 *       let lab: Lab;
 *       beforeAll(async () => {
 *         lab = await start();
 *       }, 180_000);
 *       afterAll(() => lab?.stop());
 *
 *       it("…", async () => {
 *         const namespace = await lab.kubernetes.freshNamespace("blue");
 *         await connectWorkload(lab.kubernetes, { namespace, cluster: "blue", workload: lab.workload });
 *         const stopKubelets = standInForKubelets(lab, { namespace, workload: lab.workload });
 *         const provider = await lab.startProvider();
 *         await lab.apply(...clusterManifests({ namespace, name: "blue", network: await lab.makeNetwork() }));
 *         await expect.poll(async () => (await lab.running(namespace)).length, patient).toBe(2);
 *         await stopKubelets();
 *       });
 *     });
 *
 * The provider is the example's own program, bundled as a user would bundle it: nothing in it knows of
 * tests. A lab takes 1 GB and about ten seconds to start: one per test file, or two where the
 * second is started `beside` the first, as another management cluster of the same cloud.
 */
import { fileURLToPath } from "node:url";
import { bundle } from "../support/bundle.ts";
import { type Lab, type LabOptions, startLab } from "./capi-provider/lab.ts";
import { describeWithClusterApi } from "./cluster-api.ts";
import { describeWithMoto } from "./moto.ts";

export { standInForKubelets } from "./capi-provider/kubelets.ts";
export { type Found, type Lab, reasonOf } from "./capi-provider/lab.ts";
export {
  acme,
  bootstrapSecret,
  type ClusterManifestOptions,
  clusterManifests,
  core,
  type Manifest,
  type Network,
  opensNamespace,
  pathOf,
  readManifests,
} from "./capi-provider/manifests.ts";
export type { Provider } from "./capi-provider/provider.ts";
export { region } from "./capi-provider/servers.ts";
export { connectWorkload } from "./cluster-api/workload.ts";

const example = new URL("../../examples/capi-provider/", import.meta.url);
export const manifests = fileURLToPath(new URL("manifests", example));

/** How long what goes through Cluster API's own loops may take on a busy machine. */
export const patient = { timeout: 90_000, interval: 200 };

/** What changes only the fields that it names. */
export const merge = { contentType: "application/merge-patch+json" };

type Start = (options?: Pick<LabOptions, "flags" | "beside" | "featureGates">) => Promise<Lab>;

/** Groups tests of the example provider; each calls `start` once. */
export function describeWithLab(name: string, tests: (start: Start) => void): void {
  describeWithMoto(name, (python) => {
    describeWithClusterApi("under the real Cluster API", () => {
      tests(async (options = {}) => {
        const program = await bundle(new URL("main.ts", example));
        return startLab({ python, program, manifests, ...options });
      });
    });
  });
}
