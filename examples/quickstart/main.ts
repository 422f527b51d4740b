/**
 * The quickstart: `npm start`. Reads the command line, makes the runs, prints what they came to.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as realSleep } from "node:timers/promises";
import { isGuardError } from "provider-guard";
import { help, type Options, readOptions, UsageError } from "./options.ts";
import { type Progress, progress } from "./progress.ts";
import { simulate } from "./simulation.ts";
import { complaints, type Runs, summaryTable } from "./summary.ts";

/** On a terminal a virtual second takes so many real milliseconds: slow enough to follow at first, and never long in all. */
const pace = { firstSeconds: 120, firstMs: 25, laterMs: 5 };

/** Where the audit log goes: kept if somebody says where, else gone with this process. */
function auditDirectory({ out }: Options): string {
  if (out === undefined) {
    const temporary = mkdtempSync(join(tmpdir(), "provider-guard-quickstart-"));
    process.once("exit", () => rmSync(temporary, { recursive: true, force: true }));
    return join(temporary, "audit");
  }
  const directory = join(out, "audit");
  if (existsSync(directory) && readdirSync(directory).length > 0) {
    throw new UsageError(`--out: ${directory} is not empty; another run's audit log stays as it is`);
  }
  return directory;
}

/** Holds virtual time back on a terminal. */
function pacer(): (virtualMs: number) => Promise<void> {
  const startedAt = performance.now();
  return async (virtualMs) => {
    const first = Math.min(virtualMs / 1000, pace.firstSeconds);
    const dueMs = first * pace.firstMs + (virtualMs / 1000 - first) * pace.laterMs;
    const earlyMs = dueMs - (performance.now() - startedAt);
    if (earlyMs > 1) await realSleep(earlyMs);
  };
}

async function runsOnSimulator({ seed, json }: Options, shown: Progress, audit: string): Promise<Runs> {
  const run = (title: string, directory: string | undefined) => {
    shown.title(title);
    const slowly = process.stdout.isTTY && !json ? pacer() : undefined;
    return simulate({ seed, progress: shown, audit: directory, pace: slowly });
  };
  return {
    bare: await run(`The bare client, seed ${seed}`, undefined),
    guarded: await run(`The guarded client, seed ${seed}`, audit),
  };
}

async function runOnAws(options: Options, shown: Progress, audit: string, signal: AbortSignal): Promise<Runs> {
  const { runAws } = await import("./aws-run.ts"); // the SDK is loaded only where it is used
  shown.title(`The guarded client on ${options.endpoint}`);
  return { guarded: await runAws(options, shown, audit, signal) };
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(help);
    return 0;
  }
  const audit = auditDirectory(options);
  const shown = progress(process.stdout, options.json);
  const interrupted = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      // On AWS the first one cleans up; whoever insists gets out at once.
      if (options.cloud === "aws" && !interrupted.signal.aborted) return interrupted.abort();
      shown.end();
      process.exit(130);
    });
  }
  const runs =
    options.cloud === "aws"
      ? await runOnAws(options, shown, audit, interrupted.signal)
      : await runsOnSimulator(options, shown, audit);
  const wrong = complaints(runs);
  if (options.json)
    process.stdout.write(`${JSON.stringify({ seed: options.seed, ok: wrong.length === 0, ...runs }, null, 2)}\n`);
  else {
    process.stdout.write(`\n${summaryTable(runs)}\n`);
    if (options.out !== undefined) process.stdout.write(`\nThe audit log is in ${audit}\n`);
  }
  for (const complaint of wrong) process.stderr.write(`quickstart: the guarded run: ${complaint}\n`);
  if (interrupted.signal.aborted) return 130;
  return wrong.length === 0 ? 0 : 1;
}

process.stdout.on("error", () => process.exit(0)); // whoever read this has seen enough, e.g. head

try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof UsageError) {
    process.stderr.write(`quickstart: ${error.message}\nSee npm start -- --help\n`);
    process.exitCode = 2;
  } else {
    process.stderr.write(
      `quickstart: ${isGuardError(error) ? `${error.code}: ${error.message}` : (error as Error).stack}\n`,
    );
    process.exitCode = 1;
  }
}
