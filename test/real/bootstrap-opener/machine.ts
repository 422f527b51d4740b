import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mountSmallDisk } from "../../support/small-disk.ts";

/** How an opener ended. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A machine as far as the opener sees it: its folders, console and tools, in a temporary folder. */
export interface TestMachine {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** Starts the program that was written last; `started` is told of the process. */
  start(
    command: string | undefined,
    env?: Readonly<Record<string, string>>,
  ): { child: ChildProcess; ended: Promise<Outcome> };
  run(command?: string, env?: Readonly<Record<string, string>>): Promise<Outcome>;
  write(program: string | Uint8Array): void;
  /** The status file's line without the id: `STATE REASON`. */
  status(): string | undefined;
  console(): string[];
  /** Everything that the machine keeps on its disks, by path. */
  files(): ReadonlyMap<string, Buffer>;
  /** Mount points within the folder. */
  mounts(): string[];
  /** What a reboot does to it: what is on a tmpfs is gone. */
  reboot(): void;
  remove(): void;
}

/** The tools that stock images have, each alone; without `missing`. */
export function toolFolder(folder: string, missing: string, extra: Readonly<Record<string, string>> = {}): string {
  const bin = join(folder, "bin");
  mkdirSync(bin);
  const tools =
    "cat chmod cp curl cut date dd df gzip head id ln ls mkdir mount mv od openssl rm rmdir sed sleep sync tail tr umount wc";
  for (const tool of tools.split(" ").filter((name) => name !== missing && !(name in extra)))
    execFileSync("ln", ["-s", execFileSync("sh", ["-c", `command -v ${tool}`], { encoding: "utf8" }).trim(), bin]);
  for (const [name, text] of Object.entries(extra)) writeFileSync(join(bin, name), text, { mode: 0o755 });
  return bin;
}

/** Why the openers cannot be run here; `undefined` where they can. */
export function openerImpossible(): string | undefined {
  for (const tool of ["openssl", "curl", "dash", "bash", "busybox"]) {
    try {
      execFileSync("sh", ["-c", `command -v ${tool}`], { stdio: "ignore" });
    } catch {
      return tool;
    }
  }
  if (!/^OpenSSL ([3-9]|\d\d)\./.test(execFileSync("openssl", ["version"], { encoding: "utf8" }))) return "openssl 3";
  const disk = mountSmallDisk("64k");
  disk?.remove();
  return disk === undefined ? "the right to mount" : undefined;
}

export function testMachine(shell: string): TestMachine {
  const folder = mkdtempSync(join(tmpdir(), "opener-"));
  const run = join(folder, "run/bootstrap");
  const state = join(folder, "state/bootstrap");
  const consoleFile = join(folder, "console");
  const program = join(folder, "opener");
  const env = {
    PATH: process.env.PATH ?? "",
    PROVIDER_GUARD_RUN: run,
    PROVIDER_GUARD_STATE: state,
    PROVIDER_GUARD_CONSOLE: consoleFile,
    PROVIDER_GUARD_SIGNER: join(folder, "pinned.pem"),
    PROVIDER_GUARD_SECONDS: "4",
  };
  writeFileSync(consoleFile, "");
  const [interpreter = "sh", ...rest] = shell.split(" ");
  const mounts = () =>
    readFileSync("/proc/mounts", "utf8")
      .split("\n")
      .map((line) => line.split(" ")[1] ?? "")
      .filter((point) => point.startsWith(folder));
  const unmount = () => {
    for (const point of mounts()) execFileSync("umount", ["-l", point]);
  };
  const start: TestMachine["start"] = (command, more = {}) => {
    const args = [...rest, program, ...(command === undefined ? [] : [command])];
    const child = spawn(interpreter, args, { env: { ...env, ...more }, stdio: ["ignore", "pipe", "pipe"] });
    const text = { stdout: "", stderr: "" };
    child.stdout.on("data", (bytes) => (text.stdout += bytes));
    child.stderr.on("data", (bytes) => (text.stderr += bytes));
    const ended = new Promise<Outcome>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => resolve({ code, ...text }));
    });
    return { child, ended };
  };
  return {
    folder,
    env,
    start,
    run: (command, more) => start(command, more).ended,
    write: (bytes) => writeFileSync(program, bytes),
    status() {
      const path = join(state, "status");
      return existsSync(path) ? readFileSync(path, "utf8").trim().replace(/ \S+/, "") : undefined;
    },
    console: () => readFileSync(consoleFile, "utf8").split("\n").filter(Boolean),
    files() {
      const found = new Map<string, Buffer>();
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }))
        if (entry.isFile())
          found.set(join(entry.parentPath, entry.name), readFileSync(join(entry.parentPath, entry.name)));
      return found;
    },
    mounts,
    reboot: unmount,
    remove() {
      unmount();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
