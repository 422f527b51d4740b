import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { cache, withLock } from "./lock.mjs";

/** Without the `server` extra: it brings twice the size for services that nothing here talks to. */
const requirements = ["moto[s3,ssm]==5.2.*", "flask", "flask-cors", "joserfc"];

const venv = join(cache, "moto-venv");
const venvPython = join(venv, ...(process.platform === "win32" ? ["Scripts", "python.exe"] : ["bin", "python"]));
const stamp = join(venv, "provider-guard-requirements");

/** What moto needs is not on this machine; the message is one sentence that says how to get it. */
export class MotoMissing extends Error {}

const otherwise = "or use an AWS-compatible endpoint of your own: npm start -- --cloud aws --endpoint URL";

function findPython() {
  for (const candidate of ["python3", "python"]) {
    const check = "import sys; sys.exit(0 if sys.version_info >= (3, 9) else 3)";
    const found = spawnSync(candidate, ["-c", check], { stdio: "ignore" });
    if (found.status !== 0) continue;
    if (spawnSync(candidate, ["-c", "import venv, ensurepip"], { stdio: "ignore" }).status === 0) return candidate;
    throw new MotoMissing(
      `moto, the local AWS server, needs pip and venv, which this Python lacks: install them (Debian, Ubuntu: apt-get install python3-venv; Fedora: dnf install python3-pip), ${otherwise}.`,
    );
  }
  throw new MotoMissing(
    `moto, the local AWS server, needs Python 3.9 or newer, which was not found: install it (Debian, Ubuntu: apt-get install python3 python3-venv; macOS: brew install python; Windows: winget install Python.Python.3.13), ${otherwise}.`,
  );
}

/** Runs a step of the installation; on a terminal its latest line is shown, so that a slow network is seen to move. */
function step(command, args, log) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    const lines = [];
    const take = (chunk) => {
      const news = chunk
        .toString()
        .split("\n")
        .filter((line) => line.trim() !== "");
      lines.push(...news);
      const latest = news.at(-1);
      if (latest !== undefined && process.stderr.isTTY) {
        process.stderr.write(`\r\u001b[K  ${latest.trim().slice(0, (process.stderr.columns ?? 80) - 4)}`);
      }
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.once("error", reject);
    child.once("close", (code) => {
      if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
      if (code === 0) return resolve();
      log(lines.slice(-15).join("\n"));
      reject(
        new MotoMissing("moto could not be installed with pip: the lines above say why (is the network reachable?)."),
      );
    });
  });
}

/**
 * Makes the virtual environment that holds moto, unless it is there already.
 *
 * @param {{ log?: (line: string) => void }} [options]
 * @returns {Promise<string>} The Python of that environment.
 * @throws {MotoMissing} where Python or pip is missing, or the installation fails.
 */
export async function ensureMoto(options = {}) {
  const log = options.log ?? ((line) => process.stderr.write(`${line}\n`));
  const wanted = requirements.join(" ");
  const isReady = () => existsSync(venvPython) && existsSync(stamp) && readFileSync(stamp, "utf8") === wanted;
  if (isReady()) return venvPython;
  return withLock("moto-venv", async () => {
    if (isReady()) return venvPython;
    const python = findPython();
    rmSync(venv, { recursive: true, force: true });
    log("Installing moto, a local AWS server, under node_modules/.cache (140 MB, once) ...");
    const startedAt = performance.now();
    await step(python, ["-m", "venv", venv], log);
    await step(venvPython, ["-m", "pip", "install", "--disable-pip-version-check", ...requirements], log);
    writeFileSync(stamp, wanted);
    log(`Installed in ${((performance.now() - startedAt) / 1000).toFixed(0)} s.`);
    return venvPython;
  });
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

/** Ends itself when its standard input closes, so that even a killed parent leaves no server behind. */
const program = `
import os, sys, threading
def watch():
    sys.stdin.buffer.read()
    os._exit(0)
threading.Thread(target=watch, daemon=True).start()
from moto.server import main
main(sys.argv[1:])
`;

/**
 * Finds a Python that has moto, without installing anything: that of the virtual environment, else the path's.
 *
 * @returns {string | undefined}
 */
export function findMoto() {
  const check = "import importlib.util, sys; sys.exit(importlib.util.find_spec('moto') is None)";
  return [venvPython, "python3"].find((python) => spawnSync(python, ["-c", check], { stdio: "ignore" }).status === 0);
}

/**
 * Installs moto if need be, and starts it as `serveMoto` does.
 *
 * @param {{ log?: (line: string) => void, env?: NodeJS.ProcessEnv, timeoutMs?: number }} [options]
 * @returns {Promise<{ url: string, stop: () => Promise<void> }>}
 * @throws {MotoMissing} where Python or pip is missing, or the installation fails.
 */
export async function startMoto(options = {}) {
  return serveMoto(await ensureMoto(options), options);
}

/**
 * Starts moto on a free port of the loopback interface and waits until it answers.
 *
 * @param {string} python A Python that has moto.
 * @param {{ env?: NodeJS.ProcessEnv, timeoutMs?: number, signal?: AbortSignal }} [options] `signal` ends it at once, even while it starts.
 * @returns {Promise<{ url: string, stop: () => Promise<void> }>}
 */
export async function serveMoto(python, options = {}) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(python, ["-c", program, "-H", "127.0.0.1", "-p", String(port)], {
    stdio: ["pipe", "ignore", "pipe"],
    // Out of the terminal's process group: Ctrl-C ends the program first, which may still clean up in the cloud.
    detached: true,
    env: { ...process.env, MOTO_EC2_LOAD_DEFAULT_AMIS: "false", PYTHONUNBUFFERED: "1", ...options.env },
    signal: options.signal,
    killSignal: "SIGKILL",
  });
  let said = "";
  child.stderr.on("data", (chunk) => {
    said = (said + chunk.toString()).slice(-2000);
  });
  child.stdin.on("error", () => {});
  const exited = new Promise((resolve) => {
    child.once("error", resolve);
    child.once("exit", resolve);
  });
  let running = true;
  exited.then(() => {
    running = false;
  });
  const stop = async () => {
    child.stdin.end();
    const timer = setTimeout(() => child.kill("SIGKILL"), 3_000);
    await exited;
    clearTimeout(timer);
  };
  const deadline = performance.now() + (options.timeoutMs ?? 60_000);
  while (running && performance.now() < deadline) {
    const answer = await fetch(`${url}/moto-api/data.json`).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.ok) return { url, stop };
    await sleep(50);
  }
  await stop();
  throw new Error(`moto did not start:\n${said}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  ensureMoto().catch((error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
}
