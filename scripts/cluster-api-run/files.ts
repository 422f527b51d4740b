/** The files of a run: everything temporary in one folder, which goes with this process, and what is kept. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { UsageError } from "../../examples/quickstart/options.ts";
import { kubeConfigFile } from "../../test/real/cluster-api/start.ts";
import type { Kubernetes } from "../../test/real/kubernetes/start.ts";
import type { Stage } from "./stage.ts";

export interface Folders {
  readonly temporary: string;
  readonly audit: string;
  readonly logs: string;
}

/** @throws {@link UsageError} where another run's files are in the way. */
export function makeFolders(out: string | undefined): Folders {
  const kept = out === undefined ? undefined : resolve(out);
  for (const name of ["audit", "logs"]) {
    const directory = join(kept ?? "", name);
    if (kept !== undefined && existsSync(directory) && readdirSync(directory).length > 0) {
      throw new UsageError(`--out: ${directory} is not empty; another run's files stay as they are`);
    }
  }
  const temporary = mkdtempSync(join(tmpdir(), "provider-guard-capi-"));
  process.once("exit", () => rmSync(temporary, { recursive: true, force: true, maxRetries: 10 }));
  process.env.TMPDIR = temporary; // that of every process which is started from here on
  const [audit, logs] = [join(kept ?? temporary, "audit"), join(kept ?? temporary, "logs")];
  for (const directory of [audit, logs]) mkdirSync(directory, { recursive: true });
  return { temporary, audit, logs };
}

/** What each process of the provider printed, and every request that reached the cloud. */
export async function writeLogs({ providers, lab }: Stage, directory: string): Promise<void> {
  const linesOf = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join("");
  for (const [index, { lines }] of providers.entries()) {
    await writeFile(join(directory, `provider-${index + 1}.jsonl`), linesOf(lines));
  }
  await writeFile(join(directory, "requests.jsonl"), linesOf(lab.cloud.log.map((one) => JSON.stringify(one))));
}

/** The administrator's. @returns Its path. */
export async function writeKubeConfig(kubernetes: Kubernetes, directory: string): Promise<string> {
  const path = join(directory, "kubeconfig");
  await writeFile(path, kubeConfigFile(kubernetes), { mode: 0o600 });
  return path;
}
