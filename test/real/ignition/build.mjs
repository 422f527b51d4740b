import { execFile, spawnSync } from "node:child_process";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { builtOnce, findGo, go } from "../kubernetes/go-build.mjs";

const folder = fileURLToPath(new URL(".", import.meta.url));
const module = "github.com/coreos/ignition/v2";

/** As a distribution without SELinux sets it. */
const settings = { "version.Raw": "2.24.0", "distro.selinuxRelabel": "false" };
const stamps = Object.entries(settings).map(([name, value]) => `-X ${module}/internal/${name}=${value}`);
const flags = ["-trimpath", "-mod=readonly", "-buildvcs=false", `-ldflags=-s -w ${stamps.join(" ")}`];

/**
 * Finds what builds Ignition: Go, a C compiler, and the headers of libblkid. Nothing is built.
 *
 * @returns {string | undefined} Go's version.
 */
export function findIgnitionGo() {
  const { status } = spawnSync("cc", ["-fsyntax-only", "-include", "blkid/blkid.h", "-x", "c", "/dev/null"]);
  return status === 0 ? findGo(folder) : undefined;
}

/** The command is an internal package, which the module alone may build: in a copy, for Go's is read-only. */
async function make(out) {
  await go(["mod", "download", module], folder);
  const published = (await go(["list", "-m", "-f", "{{.Dir}}", module], folder)).trim();
  const sources = join(out, "sources");
  cpSync(published, sources, { recursive: true });
  spawnSync("chmod", ["-R", "u+w", sources]);
  const env = { ...process.env, CGO_ENABLED: "1", GOWORK: "off", GOFLAGS: "" };
  const line = ["build", ...flags, "-o", join(out, "ignition"), "./internal"];
  await promisify(execFile)("go", line, { cwd: sources, env, timeout: 20 * 60_000 });
  rmSync(sources, { recursive: true });
}

/**
 * Builds Ignition, unless it was built before.
 *
 * @returns {Promise<string>} Its path.
 */
export async function buildIgnition() {
  return join(await builtOnce({ name: "ignition", folder, make }), "ignition");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(await buildIgnition());
