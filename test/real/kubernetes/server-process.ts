import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { boundToUs } from "../../support/programs.ts";

/** A server's process, bounded in time. */
export interface ServerProcess {
  readonly pid: number;
  /** Asks until it answers `true`; fails with the server's last words where it ends first, or takes too long. */
  readyWhen(answers: () => Promise<boolean>, timeoutMs: number): Promise<void>;
  /** Ends it at once, wherever it is, and resolves once it has ended. */
  kill(): Promise<void>;
  /** Stops it where it is (`SIGSTOP`): it accepts connections and answers nothing. */
  pause(): void;
  resume(): void;
}

/**
 * Starts a server that ends with this process at the latest. Its standard input is held open: one
 * that reads it sees this process end on any system.
 *
 * @param line - Program and arguments.
 * @param env - Added to this process's environment.
 * @param signal - Ends it at once, wherever it is.
 */
export function startProcess(
  line: readonly string[],
  env: Readonly<Record<string, string>> = {},
  signal?: AbortSignal,
): ServerProcess {
  const program = line[0];
  const [command = "", ...args] = [...boundToUs, ...line];
  const child = spawn(command, args, {
    stdio: ["pipe", "ignore", "pipe"],
    env: { ...process.env, ...env },
    killSignal: "SIGKILL",
    ...(signal !== undefined && { signal }),
  });
  let lastWords = "";
  let isRunning = true;
  child.stdin.on("error", () => {});
  child.stderr.on("data", (chunk: Buffer) => {
    lastWords = (lastWords + chunk.toString()).slice(-4_000);
  });
  const ended = new Promise<void>((resolve) => {
    const end = (how: unknown) => {
      isRunning = false;
      lastWords += `\n(${program} ended: ${how})`;
      resolve();
    };
    child.once("error", end);
    child.once("exit", (code, signal) => end(signal ?? `exit code ${code}`));
  });
  const kill = async () => {
    child.kill("SIGKILL");
    await ended;
  };
  return {
    pid: child.pid ?? 0,
    async readyWhen(answers, timeoutMs) {
      const deadline = performance.now() + timeoutMs;
      while (isRunning && performance.now() < deadline) {
        if (await answers().catch(() => false)) return;
        await Promise.race([sleep(50), ended]);
      }
      await kill();
      throw new Error(`${program} did not become ready (it had ${timeoutMs} ms):\n${lastWords}`);
    },
    kill,
    pause() {
      child.kill("SIGSTOP");
    },
    resume() {
      child.kill("SIGCONT");
    },
  };
}
