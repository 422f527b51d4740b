import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "tsup";
import { type Child, startProgram } from "./child.ts";

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

/** Bundles and starts a program, through another command where one is given. */
export async function startChild(
  program: URL,
  args: readonly string[],
  through: readonly string[] = [],
): Promise<Child> {
  return startProgram(await bundle(program), args, through);
}
