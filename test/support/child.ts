import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "tsup";

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

const bundled = new Map<string, Promise<string>>();
const cache = fileURLToPath(new URL("../../node_modules/.cache/test-programs/", import.meta.url));

async function bundleNow(program: URL): Promise<string> {
  const source = fileURLToPath(program);
  const name = basename(source, ".ts");
  await mkdir(cache, { recursive: true });
  const outDir = await mkdtemp(join(cache, `${name}-`));
  const fixed = { config: false, silent: true, clean: false, dts: false, splitting: false } as const;
  await build({
    ...fixed,
    entry: { [name]: source },
    outDir,
    format: "esm",
    target: "node20",
    noExternal: [/.*/],
    outExtension: () => ({ js: ".mjs" }),
    banner: {
      js: 'import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);',
    },
  });
  const path = join(cache, `${basename(dirname(source))}-${name}.mjs`);
  await rename(join(outDir, `${name}.mjs`), path); // at once: another run may be starting the same program
  await rm(outDir, { recursive: true });
  return path;
}

/** Bundles a program once per test file, as Node 20 runs no TypeScript. */
export function bundle(program: URL): Promise<string> {
  const known = bundled.get(program.href) ?? bundleNow(program);
  bundled.set(program.href, known);
  return known;
}

/** Starts a bundled program, through another command where one is given. */
export async function startChild(
  program: URL,
  args: readonly string[],
  through: readonly string[] = [],
): Promise<Child> {
  const [command = process.execPath, ...rest] = [...through, process.execPath, await bundle(program), ...args];
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
