import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { GarbageCollector } from "../../garbage/collector-interface.ts";
import { UsageError } from "../command.ts";

/** What every command of the family takes. */
export const configOption = { config: { type: "string", default: "provider-guard.gc.mjs" } } as const;

export const configHelp = `  --config FILE       a module whose default export is a collector, or a function that makes one
                      (default: provider-guard.gc.mjs); it may be { collector, close }, too`;

/** A collector with what ends it. */
export interface Opened {
  readonly collector: GarbageCollector;
  close(): Promise<void>;
}

const isCollector = (value: unknown): value is GarbageCollector =>
  ["scan", "plan", "sweep", "status"].every((name) => typeof Object(value)[name] === "function");

/** Loads the collector that a file makes. @throws {@link UsageError}, naming the file. */
async function open(file: string): Promise<Opened> {
  const path = resolve(file);
  let made: unknown;
  try {
    const module = (await import(pathToFileURL(path).href)) as { readonly default?: unknown };
    made = typeof module.default === "function" ? await module.default() : await module.default;
  } catch (error) {
    throw new UsageError(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (isCollector(made)) return { collector: made, close: async () => (made as GarbageCollector).close() };
  const { collector, close } = Object(made) as { collector?: unknown; close?: unknown };
  if (!isCollector(collector)) {
    throw new UsageError(
      `${path}: the default export has to be a collector of garbageCollector, or a function that returns one`,
    );
  }
  return {
    collector,
    async close() {
      collector.close();
      if (typeof close === "function") await close();
    },
  };
}

/** Works with the collector of a file, and ends it afterwards. */
export async function withCollector<R>(file: string, work: (collector: GarbageCollector) => Promise<R>): Promise<R> {
  const { collector, close } = await open(file);
  try {
    return await work(collector);
  } finally {
    await close();
  }
}

/** What the commands end with, beside those of every command. */
export const gcExitCodes = { done: 0, attention: 1, incomplete: 3, notFound: 4 } as const;

export const exitHelp = `Exit code: 0 done, 1 something needs a person (a breaker, stuck or failed resources), 2 an error,
3 a pass was not complete, 4 there is no such resource.`;
