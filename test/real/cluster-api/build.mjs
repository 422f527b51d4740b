import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { chmod, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { builtOnce, go } from "../kubernetes/go-build.mjs";

const folder = fileURLToPath(new URL(".", import.meta.url));
const module = "sigs.k8s.io/cluster-api";

/** The managers by their names, and the folders of the module that hold each one's program and manifests. */
const managers = {
  core: ".",
  "bootstrap-kubeadm": "bootstrap/kubeadm",
  "controlplane-kubeadm": "controlplane/kubeadm",
};

/** A manager that does not know its version says v0.0.0, and refuses to work with objects of a later one. */
const stamps = { gitVersion: "v1.13.6", gitMajor: "1", gitMinor: "13", gitTreeState: "clean" };
const values = Object.entries(stamps).map(([name, value]) => `-X ${module}/version.${name}=${value}`);
const flags = ["-trimpath", `-ldflags=-s -w ${values.join(" ")}`];

/** Webhooks listen on every interface, and no flag says otherwise: this is all that is changed in the sources. */
const patch = { from: "webhook.Options{", to: 'webhook.Options{\n\t\t\t\tHost: "127.0.0.1",' };

/** Where the module's sources are not needed to build its managers, and big. */
const unneeded = /\/(docs|logos|CHANGELOG|hack|scripts)$/;

/** Copies what Go keeps read-only. */
async function copyWritable(from, to) {
  cpSync(from, to, { recursive: true, filter: (path) => !unneeded.test(path.slice(from.length)) });
  const entries = await readdir(to, { recursive: true, withFileTypes: true });
  await chmod(to, 0o700);
  for (const entry of entries) await chmod(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o700 : 0o600);
}

async function make(out) {
  await go(["mod", "download", module], folder);
  const published = (await go(["list", "-m", "-f", "{{.Dir}}", module], folder)).trim();
  const work = mkdtempSync(join(tmpdir(), "cluster-api-build-"));
  try {
    const sources = join(work, "cluster-api");
    await copyWritable(published, sources);
    cpSync(join(folder, "go.sum"), join(work, "go.sum"));
    writeFileSync(
      join(work, "go.mod"),
      `${readFileSync(join(folder, "go.mod"), "utf8")}\nreplace ${module} => ./cluster-api\n`,
    );
    for (const [name, path] of Object.entries(managers)) {
      const main = join(sources, path, "main.go");
      const parts = readFileSync(main, "utf8").split(patch.from);
      if (parts.length !== 2) throw new Error(`${path}/main.go has ${parts.length - 1} of "${patch.from}", not one`);
      writeFileSync(main, parts.join(patch.to));
      mkdirSync(join(out, name));
      await go(["build", ...flags, "-o", join(out, name, "manager"), join(module, path)], work);
      cpSync(join(sources, path, "config/crd/bases"), join(out, name, "crds"), { recursive: true });
      cpSync(join(sources, path, "config/webhook/manifests.yaml"), join(out, name, "webhooks.yaml"));
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/**
 * Builds Cluster API's core, kubeadm bootstrap and kubeadm control plane, unless they were built before.
 *
 * @returns {Promise<string>} A folder with one for each, which holds `manager`, `crds/*.yaml` and `webhooks.yaml`.
 */
export function buildClusterApi() {
  return builtOnce({ name: "cluster-api-managers", folder, make });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(await buildClusterApi());
