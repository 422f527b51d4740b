import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { type FileJournal, fileJournalOn } from "../../src/audit/file-journal.ts";
import type { FileJournalOptions } from "../../src/audit/file-journal-options.ts";
import { type JournalFiles, nodeFiles } from "../../src/audit/journal-files.ts";
import { systemClock } from "../../src/core/clock.ts";
import { GuardError } from "../../src/core/errors.ts";
import { systemRandom } from "../../src/core/id.ts";
import type { IntentRecord, JournalContext, OutcomeRecord, ReadRecord } from "../../src/core/journal.ts";

import { startChild as startProgram } from "../support/bundle.ts";
import type { Child } from "../support/child.ts";

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

const program = new URL("child.ts", import.meta.url);

/** Starts a process that works on a journal; it ends with the test. */
export async function startChild(args: readonly string[], through: readonly string[] = []): Promise<Child> {
  const child = await startProgram(program, args, through);
  cleanup(() => child.process.kill("SIGKILL"));
  return child;
}
