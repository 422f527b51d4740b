import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { boundToUs, freePort } from "./programs.ts";

/** A redis-server on a port of loopback. */
export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** Runs commands on a connection of its own, which is closed afterwards. */
  admin<T>(work: (client: Redis) => Promise<T>): Promise<T>;
  /** Ends it at once, with everything that it knows. */
  kill(): Promise<void>;
  /** Starts it again on the same port; everything that it knew is lost unless it was saved. */
  start(): Promise<void>;
  /** Stops its process where it is: it accepts connections and bytes, and answers nothing. */
  pause(): void;
  resume(): void;
  /** Ends it for good, and removes its folder. */
  stop(): Promise<void>;
}

/**
 * Starts a server that ends with this process at the latest.
 *
 * @param settings - More of its command line, e.g. `--requirepass`.
 * @param admin - How to connect for {@link RedisServer.admin} then.
 */
export async function startRedis(
  program: string,
  settings: readonly string[] = [],
  admin: { readonly password?: string } = {},
): Promise<RedisServer> {
  const port = await freePort();
  const directory = await mkdtemp(join(tmpdir(), "redis-"));
  const fixed = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", directory];
  let child: ChildProcess | undefined;
  const killNow = () => child?.kill("SIGKILL");
  process.once("exit", killNow);

  async function connected<T>(work: (client: Redis) => Promise<T>, attempts: number): Promise<T> {
    const client = new Redis({
      ...admin,
      port,
      host: "127.0.0.1",
      lazyConnect: true,
      retryStrategy: (times) => (times < attempts ? 20 : null),
    });
    client.on("error", () => {});
    try {
      return await work(client);
    } finally {
      client.disconnect();
    }
  }

  const server: RedisServer = {
    port,
    url: `redis://127.0.0.1:${port}`,
    admin: (work) => connected(work, 1),
    async kill() {
      const ended = child && child.exitCode === null && child.signalCode === null ? once(child, "exit") : undefined;
      killNow();
      await ended;
    },
    async start() {
      const line = [...boundToUs, program, "--port", String(port), ...fixed, ...settings];
      child = spawn(line[0] as string, line.slice(1), { stdio: "ignore" });
      await connected((client) => client.ping(), 500);
    },
    pause() {
      child?.kill("SIGSTOP");
    },
    resume() {
      child?.kill("SIGCONT");
    },
    async stop() {
      await server.kill();
      process.off("exit", killNow);
      await rm(directory, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}
