import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { sleep, systemClock } from "../../src/core/clock.ts";
import { describeWithServer } from "./require-server.ts";

const venv = fileURLToPath(new URL("../../node_modules/.cache/moto-venv/bin/", import.meta.url));

/** A `moto_server` that starts: the one that the quickstart installs, else one on the path. */
function findMoto(): string | undefined {
  const folders = [venv, ...(process.env.PATH ?? "").split(delimiter)];
  return folders
    .map((folder) => join(folder, "moto_server"))
    .find((path) => existsSync(path) && spawnSync(path, ["--help"], { stdio: "ignore" }).status === 0);
}

/** Groups tests that need moto, a local AWS. */
export function describeWithMoto(name: string, tests: (program: string) => void): void {
  const hint = "node scripts/moto.mjs";
  describeWithServer(name, { server: "moto", program: findMoto(), hint }, tests);
}

/** A running moto. */
export interface Moto {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Ends it, and resolves once it has ended. */
  stop(): Promise<void>;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

function ending(child: ChildProcess): () => Promise<void> {
  const exited = new Promise<void>((resolve) => {
    child.once("error", () => resolve());
    child.once("exit", () => resolve());
  });
  const killWithUs = () => child.kill("SIGKILL");
  process.once("exit", killWithUs);
  return async () => {
    child.kill("SIGTERM");
    // It can outlive SIGTERM for a second.
    const timer = systemClock.setTimeout(() => child.kill("SIGKILL"), 3_000);
    await exited;
    timer.cancel();
    process.off("exit", killWithUs);
  };
}

/** Starts moto on a free port of the loopback interface, and waits until it answers. */
export async function startMoto(program: string): Promise<Moto> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(program, ["-H", "127.0.0.1", "-p", String(port)], {
    stdio: ["ignore", "ignore", "pipe"],
    env: {
      ...process.env,
      // `OwnerIds: self` is ignored: without this, every image list holds hundreds of foreign ones.
      MOTO_EC2_LOAD_DEFAULT_AMIS: "false",
      PYTHONUNBUFFERED: "1",
    },
  });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-2000);
  });
  const stop = ending(child);
  for (let tries = 0; tries < 600 && child.exitCode === null; tries++) {
    const answer = await fetch(`${url}/moto-api/data.json`).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.ok) return { url, stop };
    await sleep(systemClock, 50);
  }
  await stop();
  throw new Error(`moto did not start:\n${said}`);
}
