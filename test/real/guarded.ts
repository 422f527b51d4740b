import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type AuditRecord,
  createGuard,
  fileJournal,
  type Guard,
  type GuardOptions,
  type Subject,
  type Verification,
  verifyJournal,
} from "provider-guard";

/** Whose resources the tests make. */
export const subject: Subject = {
  cluster: { namespace: "default", name: "blue", uid: "0a1b2c3d-cluster-blue" },
  machine: { namespace: "default", name: "blue-1", uid: "0a1b2c3d-machine-blue-1" },
};

/** Another cluster of the same management cluster. */
export const stranger: Subject = { cluster: { namespace: "default", name: "red", uid: "0a1b2c3d-cluster-red" } };

/** A real guard with a journal in a folder of its own. */
export interface GuardedRun {
  readonly guard: Guard;
  /** Of the journal. */
  readonly directory: string;
  /** Closes the guard, and checks its journal. */
  finish(): Promise<{ readonly verification: Verification; readonly records: readonly AuditRecord[]; text: string }>;
  /** Closes the guard if nobody did, and removes the journal. */
  clean(): Promise<void>;
}

async function linesOf(directory: string): Promise<string[]> {
  const files = (await readdir(directory)).filter((name) => name.endsWith(".jsonl")).sort();
  const texts = await Promise.all(files.map((name) => readFile(join(directory, name), "utf8")));
  return texts.flatMap((text) => text.split("\n")).filter((line) => line !== "");
}

/** Makes a guard. */
export async function guardedRun(options: Partial<GuardOptions> = {}): Promise<GuardedRun> {
  const directory = await mkdtemp(join(tmpdir(), "provider-guard-aws-"));
  const owner = { managementCluster: "6f9c2a51-7d0e-4a3b", provider: "infrastructure-test" };
  const guard = await createGuard({ owner, audit: fileJournal({ directory }), ...options });
  return {
    guard,
    directory,
    async finish() {
      await guard.close();
      const lines = await linesOf(directory);
      const records = lines.map((line) => JSON.parse(line) as AuditRecord);
      return { verification: await verifyJournal({ directory }), records, text: lines.join("\n") };
    },
    async clean() {
      await guard.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
