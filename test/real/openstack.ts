import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Cloud } from "./openstack/cloud.ts";
import { configure } from "./openstack/config.ts";
import { daemonsIn, freePorts } from "./openstack/daemons.ts";
import { provideDatabases, startDatabase } from "./openstack/databases.ts";
import { type Layout, listeners } from "./openstack/layout.ts";
import { startQueue } from "./openstack/queue.ts";
import { startServices } from "./openstack/services.ts";
import { describeWithServer } from "./require-server.ts";

/** An OpenStack on loopback: Keystone, Placement, Nova with the fake hypervisor, Glance, Neutron. */
export interface OpenStack extends Cloud {
  /** What a service has logged so far: its trail. */
  log(service: "keystone" | "nova" | "glance" | "neutron"): string;
  stop(): Promise<void>;
}

/** Debian's packages of it, with their versions; `undefined` where one is not installed. */
function installed(): string | undefined {
  const list = readFileSync(fileURLToPath(new URL("openstack/packages", import.meta.url)), "utf8")
    .trim()
    .split("\n");
  const format = ["Package", "Version", "db:Status-Status"].map((field) => `\${${field}}`).join(" ");
  const { status, stdout } = spawnSync("/usr/bin/dpkg-query", ["--show", "--showformat", `${format}\n`, ...list], {
    encoding: "utf8",
  });
  const lines = status === 0 ? stdout.trim().split("\n") : [""];
  return lines.every((line) => line.endsWith(" installed")) ? lines.join("\n") : undefined;
}

/** Groups tests that need OpenStack's services; they get the versions of its packages. */
export function describeWithOpenStack(name: string, tests: (versions: string) => void): void {
  const hint = "Debian 12: apt-get install --no-install-recommends $(cat test/real/openstack/packages)";
  describeWithServer(name, { server: "OpenStack", program: installed(), hint }, tests);
}

/** Starts one in a folder of its own; it ends with this process at the latest. */
export async function startOpenStack(versions: string): Promise<OpenStack> {
  const directory = await mkdtemp(join(tmpdir(), "openstack-"));
  const layout: Layout = { directory, ports: await freePorts(listeners) };
  const daemons = daemonsIn(directory);
  const stop = async () => {
    await daemons.stop();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await configure(layout);
    await Promise.all([
      startQueue(layout, daemons),
      provideDatabases(layout, versions).then(() => startDatabase(layout, daemons)),
    ]);
    const cloud = await startServices(layout, daemons);
    return { ...cloud, log: (service) => readFileSync(join(directory, `${service}.trail`), "utf8"), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
