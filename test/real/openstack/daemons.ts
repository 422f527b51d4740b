import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Programs that end together, and with this process at the latest. Each writes to `<name>.log`. */
export interface Daemons {
  /** Runs a program to its end. @throws with the end of its log, where it fails. */
  run(name: string, command: readonly string[], env?: NodeJS.ProcessEnv): Promise<void>;
  /** Starts a program, and waits until it listens on a port of loopback or a socket. @throws as `run`. */
  start(name: string, command: readonly string[], on?: number | string, env?: NodeJS.ProcessEnv): Promise<void>;
  /** Ends them all, the last one first. @param signal - `SIGKILL` by default: nothing of theirs is kept. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Debian's own programs, whatever else is on the machine; no proxy, no credential, times in UTC. */
const environment = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LANG: "C.UTF-8", TZ: "UTC" };

/** Ends a program with all that it has forked: each leads a group of its own. */
function kill({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // they have ended
  }
}

/** Reads groups of processes, and ends them when whoever writes their numbers ends, however that happens. */
const reaper = 'while read -r pid; do set -- "$@" "-$pid"; done; kill -s KILL -- "$@"';

const ended = ({ exitCode, signalCode }: ChildProcess) => exitCode !== null || signalCode !== null;

const listens = (on: number | string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = typeof on === "number" ? connect(on, "127.0.0.1") : connect(on);
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });

/** Ports that are free now. */
export async function freePorts<K extends string>(names: readonly K[]): Promise<Record<K, number>> {
  const servers = names.map(() => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return Object.fromEntries(names.map((name, index) => [name, ports[index]])) as Record<K, number>;
}

/** @param directory - Where their logs are, and their home. */
export function daemonsIn(directory: string, timeoutMs = 240_000): Daemons {
  const running: ChildProcess[] = [];
  const killAll = () => running.forEach((child) => void kill(child, "SIGKILL"));
  process.once("exit", killAll);
  const watcher = spawn("/bin/sh", ["-c", reaper], { stdio: ["pipe", "ignore", "ignore"], detached: true });
  watcher.unref();
  watcher.stdin.on("error", () => {}); // it is gone after `stop`

  function launch(name: string, command: readonly string[], env: NodeJS.ProcessEnv | undefined): ChildProcess {
    const log = openSync(join(directory, `${name}.log`), "a");
    const [program = "", ...rest] = command;
    const child = spawn(program, rest, {
      cwd: directory,
      env: { ...environment, HOME: directory, PYTHONPATH: `${directory}/python`, ...env },
      stdio: ["ignore", log, log],
      detached: true, // Ctrl-C is for whoever runs the tests, who ends these
    });
    closeSync(log);
    running.push(child);
    if (child.pid !== undefined) watcher.stdin.write(`${child.pid}\n`);
    return child;
  }

  function failed(name: string, what: string): Error {
    const log = join(directory, `${name}.log`); // gone, where all were stopped meanwhile
    return new Error(`${name} ${what}:\n${existsSync(log) ? readFileSync(log, "utf8").slice(-3000) : ""}`);
  }

  return {
    async run(name, command, env) {
      const child = launch(name, command, env);
      const timer = setTimeout(() => kill(child, "SIGKILL"), timeoutMs).unref();
      const [code] = await once(child, "exit");
      clearTimeout(timer);
      running.splice(running.indexOf(child), 1);
      if (code !== 0) throw failed(name, "failed");
    },
    async start(name, command, on, env) {
      const child = launch(name, command, env);
      const deadline = performance.now() + timeoutMs;
      while (on !== undefined && !(await listens(on))) {
        if (ended(child)) throw failed(name, "ended");
        if (performance.now() > deadline) throw failed(name, "does not listen");
        await sleep(50);
      }
    },
    async stop(signal = "SIGKILL") {
      for (const child of running.reverse()) {
        const exit = ended(child) ? undefined : once(child, "exit");
        kill(child, signal);
        await exit;
      }
      watcher.kill("SIGKILL");
      process.off("exit", killAll);
    },
  };
}
