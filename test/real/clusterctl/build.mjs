import { cpSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { builtOnce, go } from "../kubernetes/go-build.mjs";

const folder = fileURLToPath(new URL(".", import.meta.url));
const module = "sigs.k8s.io/cluster-api";

/** One that does not know its version takes itself for a development build. */
const flags = ["-trimpath", `-ldflags=-s -w -X ${module}/version.gitVersion=v1.13.6`];

async function make(out) {
  await go(["mod", "download", module], folder);
  const sources = (await go(["list", "-m", "-f", "{{.Dir}}", module], folder)).trim();
  await go(["build", ...flags, "-o", join(out, "clusterctl"), `${module}/cmd/clusterctl`], folder);
  cpSync(join(sources, "cmd/clusterctl/config/crd/bases"), join(out, "crds"), { recursive: true });
}

/**
 * Builds clusterctl, unless it was built before.
 *
 * @returns {Promise<string>} A folder that holds `clusterctl`, and `crds/*.yaml` of its inventory.
 */
export function buildClusterctl() {
  return builtOnce({ name: "clusterctl", folder, make });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(await buildClusterctl());
