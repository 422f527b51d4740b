import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { kubeConfigFile } from "../cluster-api/start.ts";
import type { Kubernetes } from "../kubernetes/start.ts";

export interface MoveOptions {
  /** What `buildClusterctl` returned. */
  readonly programs: string;
  readonly from: Kubernetes;
  readonly to: Kubernetes;
  readonly namespace: string;
}

/**
 * Runs `clusterctl move`.
 *
 * @returns Its exit code, and what it said.
 */
export async function moveClusters(options: MoveOptions): Promise<{ readonly code: number; readonly said: string }> {
  const { programs, from, to, namespace } = options;
  const folder = await mkdtemp(join(tmpdir(), "clusterctl-"));
  try {
    const [source = "", target = ""] = ["source", "target"].map((name) => join(folder, name));
    await writeFile(source, kubeConfigFile(from), { mode: 0o600 });
    await writeFile(target, kubeConfigFile(to), { mode: 0o600 });
    const line = ["move", `--kubeconfig=${source}`, `--to-kubeconfig=${target}`, `--namespace=${namespace}`];
    // It reads files of its user's, and asks the web for its latest version, unless told not to.
    const env = { HOME: folder, CLUSTERCTL_DISABLE_VERSIONCHECK: "true" };
    return await new Promise((resolve) => {
      execFile(join(programs, "clusterctl"), line, { env, timeout: 180_000 }, (error, output, words) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? -1), said: output + words });
      });
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
