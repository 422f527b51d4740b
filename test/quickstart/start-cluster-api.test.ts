import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { CustomObjectsApi, KubeConfig } from "@kubernetes/client-node";
import { verifyJournal } from "provider-guard";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Facts } from "../../scripts/cluster-api-run/facts.ts";
import type { LoggedRequest } from "../real/cloud-proxy.ts";
import { describeWithClusterApi } from "../real/cluster-api.ts";
import { describeWithMoto } from "../real/moto.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
/** How long what goes through real servers may take on a busy machine. */
const patient = { timeout: 250_000, interval: 20 };

const script = join(root, "scripts", "start-cluster-api.mjs");

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "start-cluster-api-"));
});
afterAll(() => rm(folder, { recursive: true }));

interface Run {
  readonly out: string;
  readonly err: string;
  readonly ended: Promise<number | string | null>;
  kill(signal: NodeJS.Signals): void;
}

/** Starts a command with a folder of its own for everything temporary. */
function start(line: readonly string[], env: NodeJS.ProcessEnv = {}): Run {
  const [command = "", ...args] = line;
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, TMPDIR: folder, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = { out: "", err: "" };
  child.stdout.on("data", (chunk) => {
    said.out += chunk;
  });
  child.stderr.on("data", (chunk) => {
    said.err += chunk;
  });
  const ended = new Promise<number | string | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(code ?? signal));
  });
  return {
    get out() {
      return said.out;
    },
    get err() {
      return said.err;
    },
    ended,
    kill: (signal) => child.kill(signal),
  };
}

const command = (...args: string[]) => start([process.execPath, script, ...args]);

/** What still runs of all that was started with our folder in its environment. */
async function leftProcesses(): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map(async (pid) => {
      const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
      if (!environment.split("\0").some((one) => one.startsWith(`TMPDIR=${folder}`))) return "";
      return (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).replaceAll("\0", " ");
    }),
  );
  return lines.filter((line) => line !== "");
}

describe("npm run start:cluster-api, asked in a way that needs no server", () => {
  it("explains itself", async () => {
    const run = command("--help");
    expect(await run.ended).toBe(0);
    expect(run.out).toContain("Usage: npm run start:cluster-api");
    expect(run.err).toBe("");
  });

  it("names a wrong option", async () => {
    const run = command("--clusters", "1");
    expect(await run.ended).toBe(2);
    expect(run.err).toContain('--clusters: expected a whole number from 2 to 10, got "1"');
    expect(run.out).toBe("");
  });

  it("says in one sentence that Go is missing, and what to do", async () => {
    const run = start([process.execPath, script], { PATH: join(folder, "nothing") });
    expect(await run.ended).toBe(1);
    expect(run.err).toMatch(
      /^start:cluster-api: [^\n]+ needs Go 1\.25 or newer, and none was found: install it [^\n]+\n$/,
    );
    expect(await readdir(folder)).toEqual([]);
  });
});

describeWithMoto("npm run start:cluster-api", () => {
  describeWithClusterApi("under the real Cluster API", () => {
    it("shows a whole life with a crash, and what it reports is what the cloud and the audit log say", async () => {
      const out = join(folder, "kept");
      const run = start(["npm", "run", "--silent", "start:cluster-api", "--", "--json", "--out", out]);
      expect(await run.ended, run.err).toBe(0);
      const report: Facts & { readonly ok: boolean; readonly failed: readonly string[] } = JSON.parse(run.out);
      expect(report).toMatchObject({ ok: true, failed: [], clusters: 3, workers: 2, exit: 0 });

      // Three clusters of three machines, and two of a MachineDeployment that grew.
      expect(report.joined).toHaveLength(11);
      expect(Object.keys(report.instances).sort()).toEqual([...report.joined].sort());
      const ids = Object.values(report.instances).flat();
      expect(new Set(ids).size).toBe(11);
      expect(report.adopted.length).toBeGreaterThan(0);
      expect(ids).toEqual(expect.arrayContaining([...report.adopted, ...report.deleted.instances]));
      expect(report.left).toMatchObject({ instances: 0, securityGroups: 0 });

      const linesOf = async (name: string) => (await readFile(join(out, "logs", name), "utf8")).trim().split("\n");
      const requests: LoggedRequest[] = (await linesOf("requests.jsonl")).map((line) => JSON.parse(line));
      const launches = requests.filter(({ operation }) => operation === "RunInstances");
      const counts = Object.values(report.calls.RunInstances ?? {});
      expect(counts.reduce((sum, count) => sum + count)).toBe(launches.length);
      expect(report.calls.RunInstances?.lost).toBe(1); // the answer that nobody was left to read
      // The proxy answers one token once: what was asked again made nothing.
      const tokens = launches.filter(({ result }) => result === 200 || result === "lost").map((one) => one.clientToken);
      expect(new Set(tokens).size).toBe(11);
      for (const process of ["provider-1.jsonl", "provider-2.jsonl"]) {
        expect((await linesOf(process)).map((line) => JSON.parse(line).event)).toContain("elected");
      }
      const { head } = report.crash.audit;
      const verdict = await verifyJournal({ directory: join(out, "audit"), head });
      expect(verdict).toMatchObject({ status: "ok", records: report.audit.records, intents: expect.any(Number) });
      expect(verdict.records).toBeGreaterThan(report.crash.audit.records);

      expect(run.err).toContain("a stand-in for the kubelet registers the Nodes");
      expect(await leftProcesses()).toEqual([]);
      expect(await readdir(folder)).toEqual(["kept"]);

      const again = command("--out", out);
      expect(await again.ended).toBe(2);
      expect(again.err).toContain("is not empty; another run's files stay as they are");
    }, 500_000);

    it("leaves everything running for a look with kubectl where it is asked to, until Ctrl-C", async () => {
      const run = command("--keep", "--json", "--clusters", "2", "--workers", "1");
      await expect.poll(() => run.err, patient).toMatch(/until Ctrl-C| {4}at /);
      const config = new KubeConfig();
      config.loadFromFile(/KUBECONFIG=(\S+)/.exec(run.err)?.[1] ?? "");
      const place = { group: "cluster.x-k8s.io", version: "v1beta2", namespace: "default", plural: "machines" };
      const { items } = await config.makeApiClient(CustomObjectsApi).listNamespacedCustomObject(place);
      expect(items).toHaveLength(4); // of the first cluster: the second one is deleted
      expect(JSON.parse(run.out)).toMatchObject({
        ok: true,
        left: { instances: 4, objects: { Cluster: 1, Machine: 4 } },
      });
      run.kill("SIGINT");
      expect(await run.ended, run.err).toBe(0);
      await expect.poll(leftProcesses).toEqual([]);
    }, 400_000);

    it.each([
      ["servers start", /Cluster API's controllers and moto start/, ["SIGTERM"]],
      ["clusters are applied, by somebody who insists", /applied cluster-1/, ["SIGINT", "SIGINT"]],
    ] as const)(
      "leaves no process and no file where it is interrupted while %s",
      async (_when, line, signals) => {
        const before = await readdir(folder);
        const run = command("--json");
        await expect.poll(() => run.err, patient).toMatch(line);
        for (const signal of signals) {
          run.kill(signal);
          await sleep(5);
        }
        expect(await run.ended, run.err).toBe(130);
        expect(run.out).toBe("");
        await expect.poll(leftProcesses).toEqual([]);
        expect(await readdir(folder)).toEqual(before);
      },
      300_000,
    );
  });
});
