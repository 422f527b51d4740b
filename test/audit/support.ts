import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "tsup";
import { afterAll, afterEach } from "vitest";
import type { FileJournal, FileJournalOptions } from "../../src/audit/file-journal.ts";
import { fileJournalOn } from "../../src/audit/file-journal.ts";
import { type JournalFiles, nodeFiles } from "../../src/audit/journal-files.ts";
import { systemClock } from "../../src/core/clock.ts";
import { GuardError } from "../../src/core/errors.ts";
import { systemRandom } from "../../src/core/id.ts";
import type { IntentRecord, JournalContext, OutcomeRecord, ReadRecord } from "../../src/core/journal.ts";

export const principal = { managementCluster: "mc-uid", provider: "infrastructure-acme" };
export const context: JournalContext = { clock: systemClock, random: systemRandom, principal };

const owner = { ...principal, cluster: { namespace: "default", name: "prod-ü", uid: "c-uid" } };
const target = { cloud: "aws", service: "EC2", account: "1", region: "eu-west-1" };

export function intent(call: string, more: Partial<IntentRecord> = {}): IntentRecord {
  const facts = { target, operation: "RunInstances", kind: "create", owner } as const;
  return { type: "intent", call, at: systemClock.now(), ...facts, input: { ImageId: "ami-1" }, ...more };
}

export function outcome(call: string, more: Partial<OutcomeRecord> = {}): OutcomeRecord {
  return { type: "outcome", call, at: systemClock.now(), result: "ok", ms: 1, attempts: [], ...more };
}

export function read(call: string): ReadRecord {
  const facts = { target, operation: "DescribeInstances", kind: "read", owner } as const;
  return { type: "read", call, at: systemClock.now(), ...facts, result: "ok", ms: 1, attempts: [] };
}

const cleanups: (() => unknown)[] = [];

/** Undone after the test, the last first. */
export const cleanup = (step: () => unknown): void => void cleanups.push(step);

afterEach(async () => {
  for (const step of cleanups.splice(0).reverse()) await step();
});

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "audit-"));
  cleanup(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export async function openJournal(
  directory: string,
  options: Partial<FileJournalOptions> = {},
  files: JournalFiles = nodeFiles,
  on: Partial<JournalContext> = {},
): Promise<FileJournal> {
  const journal = await fileJournalOn(files, { directory, ...options }).open({ ...context, ...on });
  cleanup(() => journal.close());
  return journal;
}

export const segmentPath = (directory: string): string => join(directory, "00000001.jsonl");

/** The segment's lines, without the newlines. */
export const linesOf = (directory: string): string[] =>
  readFileSync(segmentPath(directory), "utf8").split("\n").slice(0, -1);

// biome-ignore lint/suspicious/noExplicitAny: stored lines are read back as plain JSON
export const recordsOf = (directory: string): any[] => linesOf(directory).map((line) => JSON.parse(line));

/** What a step failed with. */
export async function failure(step: Promise<unknown> | (() => unknown)): Promise<GuardError> {
  try {
    await (typeof step === "function" ? step() : step);
  } catch (error) {
    if (error instanceof GuardError) return error;
    throw error;
  }
  throw new Error("expected a GuardError");
}

/** Turns of the event loop, for what must not happen by itself. */
export async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

let bundled: Promise<string> | undefined;
let bundleDirectory: string | undefined;

afterAll(() => {
  if (bundleDirectory !== undefined) rmSync(bundleDirectory, { recursive: true, force: true });
});

/** Bundles the child program once per test file, as Node 20 runs no TypeScript. */
function childProgram(): Promise<string> {
  bundled ??= (async () => {
    const outDir = mkdtempSync(join(tmpdir(), "audit-child-"));
    bundleDirectory = outDir;
    const entry = { child: fileURLToPath(new URL("child.ts", import.meta.url)) };
    const outExtension = () => ({ js: ".mjs" });
    const fixed = { config: false, silent: true, clean: false, dts: false, splitting: false } as const;
    await build({ ...fixed, entry, outDir, format: "esm", target: "node20", noExternal: [/.*/], outExtension });
    return join(outDir, "child.mjs");
  })();
  return bundled;
}

/** A process of its own that works on a journal. */
export interface Child {
  readonly process: ChildProcess;
  /** Complete lines that it printed so far. */
  readonly lines: string[];
  /** Resolves once it printed so many lines, or ended. */
  printed(count: number): Promise<void>;
  /** Resolves with exit code or signal, once everything printed was read. */
  readonly ended: Promise<number | string | null>;
}

export async function startChild(args: readonly string[], through: readonly string[] = []): Promise<Child> {
  const [command = process.execPath, ...rest] = [...through, process.execPath, await childProgram(), ...args];
  const child = spawn(command, rest, { stdio: ["ignore", "pipe", "inherit"] });
  cleanup(() => child.kill("SIGKILL"));
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
