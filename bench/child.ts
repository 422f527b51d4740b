// Starts the programs that some rows need in a process of their own.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** Path of a `*.process.ts` file as it was built, beside `main.js`. */
export const processPath = (name: string): string =>
  fileURLToPath(new URL(`./rows/${name}.process.js`, import.meta.url));

export function start(file: string, nodeArguments: readonly string[] = [], args: readonly string[] = []): ChildProcess {
  return spawn(process.execPath, [...nodeArguments, file, ...args], { stdio: ["ignore", "pipe", "inherit"] });
}

/** The first line that a child prints. */
export async function firstLine(child: ChildProcess): Promise<string> {
  let text = "";
  for await (const chunk of child.stdout ?? []) {
    text += chunk;
    const end = text.indexOf("\n");
    if (end >= 0) return text.slice(0, end);
  }
  throw new Error("the child printed nothing");
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill();
  await exited;
}

/** Runs a program to its end and returns the JSON that it prints. */
export async function output(
  file: string,
  nodeArguments: readonly string[],
  args: readonly string[],
): Promise<unknown> {
  const child = start(file, nodeArguments, args);
  const line = await firstLine(child);
  await stop(child);
  return JSON.parse(line);
}
