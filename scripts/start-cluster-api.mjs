import { spawn } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build as bundle } from "tsup";
import { findKubernetesGo } from "../test/real/kubernetes/build.mjs";
import { build } from "./build.mjs";
import { root, withLock } from "./lock.mjs";
import { findMoto } from "./moto.mjs";

const folder = join(root, "scripts", "cluster-api-run");

/** Bundles the run and the provider; packages, this one among them, are found by their names. */
const bundled = () =>
  withLock("start-cluster-api", async () => {
    const entry = { run: join(folder, "main.ts"), provider: join(root, "examples", "capi-provider", "main.ts") };
    const outDir = join(folder, "dist");
    const tsconfig = join(root, "tsconfig.build.json");
    const fixed = { config: false, silent: true, format: "esm", target: "node20", platform: "node", dts: false };
    await bundle({ ...fixed, entry, outDir, tsconfig, splitting: false, sourcemap: true, skipNodeModulesBundle: true });
    return { provider: join(outDir, "provider.js"), ...(await import(pathToFileURL(join(outDir, "run.js")).href)) };
  });

/** How long nothing is said while a step goes on. */
const quietMs = 30_000;

/**
 * Runs one of the repository's build programs, whose errors and progress are shown, in a process group
 * of its own: what compilers and installers start ends with it.
 *
 * @param {string} program
 * @param {AbortSignal} signal
 * @returns {Promise<string>} The last line that it printed.
 */
function step(program, signal) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const child = spawn(process.execPath, [join(root, program)], {
      stdio: ["ignore", "pipe", "inherit"],
      detached: true,
    });
    const startedAt = performance.now();
    const timer = setInterval(() => {
      process.stderr.write(`  ${program}: ${Math.round((performance.now() - startedAt) / 1000)} s so far ...\n`);
    }, quietMs);
    const end = () => child.exitCode === null && process.kill(-child.pid, "SIGKILL");
    signal.addEventListener("abort", end);
    let printed = "";
    child.stdout.on("data", (chunk) => {
      printed += chunk;
    });
    child.once("error", reject);
    child.once("close", (code) => {
      clearInterval(timer);
      signal.removeEventListener("abort", end);
      if (code === 0) resolve(printed.trim().split("\n").at(-1));
      else reject(new Error(`${program} failed: the lines above say why (is the network reachable?)`));
    });
  });
}

const goMissing =
  "Cluster API and the Kubernetes API server are built from source, which needs Go 1.25 or newer, and none was found: install it (https://go.dev/dl) and put it on the PATH.";

/**
 * Builds and installs what is missing: the servers once, the package when its sources changed.
 *
 * @param {AbortSignal} signal
 * @param {string} provider The bundled provider.
 */
async function prepare(signal, provider) {
  if (findKubernetesGo() === undefined) throw new Error(goMissing);
  await step("scripts/moto.mjs", signal);
  const kubernetes = await step("test/real/kubernetes/build.mjs", signal);
  const clusterApi = await step("test/real/cluster-api/build.mjs", signal);
  signal.throwIfAborted();
  await build({ quiet: true });
  signal.throwIfAborted();
  return {
    python: findMoto(),
    programs: { kubernetes, clusterApi },
    provider,
    manifests: join(root, "examples", "capi-provider", "manifests"),
    cli: join(root, "dist", "cli.js"),
  };
}

process.setSourceMapsEnabled(true);
// A notice about future SDK versions, in the middle of the progress lines.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";
const { main, provider } = await bundled();
process.exitCode = await main(process.argv.slice(2), (signal) => prepare(signal, provider));
