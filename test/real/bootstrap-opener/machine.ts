import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { constants, gunzipSync } from "node:zlib";
import { mountSmallDisk } from "../../support/small-disk.ts";
import { describeWithServer } from "../require-server.ts";

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
  /** A PATH with the tools that stock images have, without `missing`, and scripts of one's own in place of others. */
  path(changes: { readonly missing?: string; readonly scripts?: Readonly<Record<string, string>> }): { PATH: string };
  /** The same PATH, where power fails before the Nth tool: everything that was started with it is killed. */
  fatalPath(at: number): { PATH: string };
  /** The same PATH, whose tools first write their arguments and environment into the file. */
  tracedPath(file: string): { PATH: string };
  /** The status file's line without the id: `STATE REASON`. */
  status(): string | undefined;
  console(): string[];
  /** Everything that lies in the folder, by path. */
  files(): ReadonlyMap<string, Buffer>;
  /** Mount points within the folder. */
  mounts(): string[];
  /** Puts a tmpfs of this size on a folder of the machine. */
  mount(size: string, at: string): void;
  /** Files that hold the text: as it is, in base64, or in gzip. */
  holding(text: string): string[];
  /** What a reboot does to it: what is on a tmpfs is gone. */
  reboot(): void;
  remove(): void;
}

const tools =
  "cat chmod curl cut date df grep gzip head id ln ls mkdir mount mv od openssl rm rmdir sed sleep sync tail tr umount wc".split(
    " ",
  );
/** What busybox is not; everything else is its own applet where its shell is tested. */
const alone = new Set(["curl", "openssl"]);

const which = (tool: string) => execFileSync("sh", ["-c", `command -v ${tool}`], { encoding: "utf8" }).trim();

/** Why the openers cannot be run here; `undefined` where they can. */
function openerImpossible(): string | undefined {
  for (const tool of ["openssl", "curl", "dash", "bash", "busybox"]) {
    try {
      which(tool);
    } catch {
      return tool;
    }
  }
  if (!/^OpenSSL ([3-9]|\d\d)\./.test(execFileSync("openssl", ["version"], { encoding: "utf8" }))) return "openssl 3";
  const disk = mountSmallDisk("64k");
  disk?.remove();
  return disk === undefined ? "the right to mount" : undefined;
}

/** Runs the tests once for each shell that machines have. */
export function describeOpener(
  name: string,
  tests: (shell: string) => void,
  shells: readonly string[] = ["dash", "bash", "busybox sh"],
): void {
  const missing = openerImpossible();
  const program = missing === undefined ? "openssl" : undefined;
  const hint = "apt-get install openssl curl dash bash busybox, as root";
  for (const shell of shells)
    describeWithServer(`${name}, by ${shell}`, { server: missing ?? "openssl 3", program, hint }, () => tests(shell));
}

function filesIn(folder: string): ReadonlyMap<string, Buffer> {
  const found = new Map<string, Buffer>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) found.set(path, readFileSync(path));
  }
  return found;
}

/** Whether the bytes hold the text: as it is, in base64, or in gzip. */
function holds(bytes: Buffer, text: string): boolean {
  const forms = [0, 1, 2].map((shift) => {
    const encoded = Buffer.from("\0".repeat(shift) + text).toString("base64");
    return encoded.slice(shift === 0 ? 0 : 4, -4);
  });
  const zipped = bytes.indexOf(Buffer.from([0x1f, 0x8b, 8]));
  const all = zipped < 0 ? [bytes] : [bytes, unzipped(bytes.subarray(zipped))];
  return all.some((one) => [text, ...forms].some((form) => one.includes(form)));
}

/** What comes out of gzip before its end, or before it breaks. */
function unzipped(bytes: Buffer): Buffer {
  try {
    return gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH });
  } catch {
    return Buffer.alloc(0);
  }
}

export function testMachine(shell: string): TestMachine {
  const folder = mkdtempSync(join(tmpdir(), "opener-"));
  const run = join(folder, "run/bootstrap");
  const state = join(folder, "state/bootstrap");
  const consoleFile = join(folder, "console");
  const program = join(folder, "opener");
  const path: TestMachine["path"] = ({ missing, scripts = {} }) => {
    const bin = mkdtempSync(join(folder, "bin-"));
    for (const tool of tools.filter((name) => name !== missing && !(name in scripts)))
      symlinkSync(which(shell.startsWith("busybox") && !alone.has(tool) ? "busybox" : tool), join(bin, tool));
    for (const [name, text] of Object.entries(scripts)) writeFileSync(join(bin, name), text, { mode: 0o755 });
    return { PATH: bin };
  };
  const env = {
    ...path({}),
    PROVIDER_GUARD_RUN: run,
    PROVIDER_GUARD_STATE: state,
    PROVIDER_GUARD_CONSOLE: consoleFile,
    PROVIDER_GUARD_SIGNER: join(folder, "pinned.pem"),
    PROVIDER_GUARD_SECONDS: "4",
  };
  writeFileSync(consoleFile, "");
  const [interpreter, ...rest] = [which(shell.split(" ")[0] ?? "sh"), ...shell.split(" ").slice(1)] as [
    string,
    ...string[],
  ];
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
    const child = spawn(interpreter, args, {
      env: { ...env, ...more },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
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
    path,
    fatalPath(at) {
      const { PATH } = path({});
      const taken = join(PATH, ".taken.");
      // Each takes the first number that is free: tools of one pipeline come at the same time.
      const text = (tool: string) =>
        `#!${which("dash")}\nset -C\nn=1\nuntil true >${taken}$n; do n=$((n + 1)); done 2>&-\n[ $n != ${at} ] || kill -9 0\nexec ${PATH}/${tool} "$@"\n`;
      return path({ scripts: Object.fromEntries(tools.map((tool) => [tool, text(tool)])) });
    },
    tracedPath(file) {
      const { PATH } = path({});
      const sh = which("dash");
      const trace = (tool: string) =>
        `#!${sh}\n{ printf '%s\\n' "${tool} $*"; ${which("cat")} /proc/self/environ; echo; } >>${file}\nexec ${PATH}/${tool} "$@"\n`;
      return path({ scripts: Object.fromEntries(tools.map((tool) => [tool, trace(tool)])) });
    },
    run: (command, more) => start(command, more).ended,
    write: (bytes) => writeFileSync(program, bytes),
    status() {
      const path = join(state, "status");
      return existsSync(path) ? readFileSync(path, "utf8").trim().replace(/ \S+/, "") : undefined;
    },
    console: () => readFileSync(consoleFile, "utf8").split("\n").filter(Boolean),
    mounts,
    mount: (size, at) =>
      void execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size},mode=700`, "tmpfs", join(folder, at)]),
    files: () => filesIn(folder),
    holding: (text) => [...filesIn(folder)].filter(([, bytes]) => holds(bytes, text)).map(([path]) => path),
    reboot: unmount,
    remove() {
      unmount();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
