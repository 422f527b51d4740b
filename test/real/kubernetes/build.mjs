import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { builtOnce, findGo, go } from "./go-build.mjs";

const folder = fileURLToPath(new URL(".", import.meta.url));
const version = "1.35.4";
/** Without them the server calls itself v0.0.0-master, and clients look at its version. */
const stamps = Object.entries({
  gitVersion: `v${version}`,
  gitMajor: version.split(".")[0],
  gitMinor: version.split(".")[1],
  gitTreeState: "clean",
  buildDate: "1970-01-01T00:00:00Z",
}).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`);
const flags = ["-trimpath", `-ldflags=-s -w ${stamps.join(" ")}`];

/**
 * Finds the Go that builds the server; nothing is built.
 *
 * @returns {string | undefined} Its version.
 */
export const findKubernetesGo = () => findGo(folder);

/**
 * Builds the Kubernetes API server with etcd inside, unless it was built from these sources before.
 *
 * @returns {Promise<string>} Its path.
 */
export async function buildKubernetes() {
  const out = await builtOnce({
    name: "kubernetes-api-server",
    folder,
    make: (target) => go(["build", ...flags, "-o", join(target, "kube-apiserver"), "."], folder),
  });
  return join(out, "kube-apiserver");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(await buildKubernetes());
