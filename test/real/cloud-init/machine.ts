import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** A machine with a disk of its own: what it writes on top of a Debian that all share. */
export interface Machine {
  /** All that it has written, as a folder. */
  readonly upper: string;
  /** Folder that it sees as `/host`. It is no part of its disk. */
  readonly host: string;
  /** Boots it with the user data that its metadata service has now, and waits until cloud-init's final stage ends. */
  boot(userData: Uint8Array | string, options?: BootOptions): Promise<Boot>;
  /** Text of a file on its disk; `undefined` where it has not written one. */
  read(path: string): Promise<string | undefined>;
  /** Puts a file on its disk, while it is off. */
  write(path: string, content: string | Uint8Array, mode?: number): Promise<void>;
  remove(): Promise<void>;
}

export interface BootOptions {
  /** The single process of cloud-init 24 and later, in place of the four commands. */
  readonly allStages?: boolean;
  /** Shares the loopback device with the test, for servers of the test's own. */
  readonly loopback?: boolean;
  /** Does without the right to mount. */
  readonly mountless?: boolean;
  /** Power is lost where the machine runs `/host/pause NAME`. */
  readonly powerLossAt?: string;
  readonly vendorData?: string;
  /** Runs in the machine after the last stage. */
  readonly afterwards?: string;
}

export interface Boot {
  /** What stood on the console. */
  readonly console: string;
  /** What the stages printed. */
  readonly output: string;
  /** Exit code of each stage, and of what ran after them. */
  readonly codes: Readonly<Record<string, number>>;
}

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));
const pause = '#!/bin/sh\n[ -e "/host/lose-power-at-$1" ] || exit 0\n: >"/host/lost-power-at-$1"\nsleep 600\n';
const timeoutMs = 50_000;

/** Makes a machine that has never been booted. */
export async function createMachine(root: string): Promise<Machine> {
  const folder = await mkdtemp(join(tmpdir(), "cloud-init-"));
  const [upper, host] = [join(folder, "upper"), join(folder, "host")];
  for (const name of ["upper", "work", "disk", "host"]) await mkdir(join(folder, name));
  await writeFile(join(host, "pause"), pause, { mode: 0o755 });
  await writeFile(join(host, "boot"), await readFile(here("boot.sh")));
  await writeFile(join(host, "stages.py"), await readFile(here("stages.py")));

  async function boot(userData: Uint8Array | string, options: BootOptions = {}): Promise<Boot> {
    const seed = join(host, "seed");
    await rm(seed, { recursive: true, force: true });
    await mkdir(seed);
    await writeFile(join(seed, "meta-data"), "instance-id: i-1\nlocal-hostname: machine\n");
    await writeFile(join(seed, "user-data"), userData);
    await writeFile(join(seed, "vendor-data"), options.vendorData ?? "");
    await writeFile(join(host, "afterwards"), options.afterwards ?? "");
    for (const name of ["codes", "console", "output"]) await writeFile(join(folder, name), "");
    await rm(join(host, "codes"), { force: true });
    const paused = options.powerLossAt;
    if (paused !== undefined) await writeFile(join(host, `lose-power-at-${paused}`), "");
    await run(paused === undefined ? undefined : join(host, `lost-power-at-${paused}`), options);
    if (paused !== undefined) await rm(join(host, `lose-power-at-${paused}`));
    const codes = await readFile(join(host, "codes"), "utf8").catch(() => "");
    return {
      console: await readFile(join(folder, "console"), "utf8"),
      output: await readFile(join(folder, "output"), "utf8"),
      codes: Object.fromEntries([...codes.matchAll(/^(\S+) (\d+)$/gm)].map(([, stage, code]) => [stage, Number(code)])),
    };
  }

  /** All processes of the machine end with the group, or with the first process of their namespace. */
  function run(powerLoss: string | undefined, { allStages, loopback, mountless }: BootOptions): Promise<void> {
    const env = {
      PATH: process.env.PATH,
      ROOT: root,
      FOLDER: folder,
      NETWORK: loopback ? "" : "--net",
      STAGES: allStages ? "all" : "four",
      MOUNTLESS: mountless ? "yes" : "",
    };
    return new Promise((resolve, reject) => {
      const child = spawn("unshare", ["--mount", "--propagation", "private", "sh", here("start.sh")], {
        env,
        detached: true,
        stdio: ["ignore", "pipe", "pipe"],
      });
      let said = "";
      child.stderr.on("data", (chunk) => {
        said += chunk;
      });
      child.stdout.resume();
      const kill = () => process.kill(-(child.pid as number), "SIGKILL");
      let late = false;
      const limit = setTimeout(() => {
        late = true;
        kill();
      }, timeoutMs);
      const looking = setInterval(() => powerLoss !== undefined && existsSync(powerLoss) && kill(), 20);
      const settled = () => {
        clearTimeout(limit);
        clearInterval(looking);
      };
      child.once("error", (error) => {
        settled();
        reject(error);
      });
      // Not before all of the machine's processes have closed what they were given.
      child.once("close", (code) => {
        settled();
        const lost = powerLoss !== undefined && existsSync(powerLoss);
        if (lost || (code === 0 && powerLoss === undefined)) resolve();
        else reject(new Error(late ? `no end of the boot after ${timeoutMs} ms` : `boot ended with ${code}: ${said}`));
      });
    });
  }

  return {
    upper,
    host,
    boot,
    read: (path) => readFile(join(upper, path), "utf8").catch(() => undefined),
    async write(path, content, mode = 0o600) {
      await mkdir(join(upper, path, ".."), { recursive: true });
      await writeFile(join(upper, path), content, { mode });
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
