import { type ChildProcess, spawn } from "node:child_process";

/** A process of its own. */
export interface Child {
  readonly process: ChildProcess;
  /** Complete lines that it printed so far. */
  readonly lines: string[];
  /** Resolves once it printed so many lines, or ended. */
  printed(count: number): Promise<void>;
  /** Resolves with exit code or signal, once everything printed was read. */
  readonly ended: Promise<number | string | null>;
}

/** Starts a program that Node runs as it is, through another command where one is given. */
export function startProgram(path: string, args: readonly string[], through: readonly string[] = []): Child {
  const [command = process.execPath, ...rest] = [...through, process.execPath, path, ...args];
  const child = spawn(command, rest, { stdio: ["ignore", "pipe", "inherit"] });
  const lines: string[] = [];
  let tail = "";
  const waiting = new Set<() => void>();
  const wake = () => {
    for (const check of waiting) check();
  };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const parts = (tail + text).split("\n");
    tail = parts.pop() ?? "";
    lines.push(...parts);
    wake();
  });
  let over = false;
  const ended = new Promise<number | string | null>((resolve) => {
    child.once("close", (code, signal) => {
      over = true;
      wake();
      resolve(code ?? signal);
    });
  });
  const printed = (count: number) =>
    new Promise<void>((resolve) => {
      const check = () => {
        if (lines.length < count && !over) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
    });
  return { process: child, lines, printed, ended };
}
