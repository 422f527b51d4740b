import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileJournal, verifyJournal } from "provider-guard";
import { type SimulatedClock, simulatedClock } from "provider-guard/testing";
import { AcmeError, acme, subject } from "../support/acme.ts";
import { bundle } from "../support/bundle.ts";

const program = new URL("../../src/cli/main.ts", import.meta.url);

/** What a run of the program came to. */
export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the real program to its end. */
export async function run(...args: string[]): Promise<Run> {
  const { status, stdout, stderr } = spawnSync(process.execPath, [await bundle(program), ...args], {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    timeout: 60_000,
  });
  return { code: status, stdout, stderr };
}

/** Starts the real program, for those that go on until they are told to end. */
export async function start(...args: string[]) {
  return spawn(process.execPath, [await bundle(program), ...args], { stdio: ["ignore", "pipe", "pipe"] });
}

const folders: string[] = [];

/** A folder that is removed by {@link removeFolders}. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "cli-"));
  folders.push(path);
  return path;
}

export const removeFolders = (): void => {
  for (const path of folders.splice(0)) rmSync(path, { recursive: true, force: true });
};

export const segmentOf = (directory: string, segment = 1): string =>
  join(directory, `${String(segment).padStart(8, "0")}.jsonl`);

/** All stored lines, of all segments. */
export const linesIn = (directory: string): string[] =>
  readdirSync(directory)
    .filter((name) => /^\d{8}\.jsonl$/.test(name))
    .sort()
    .flatMap((name) => readFileSync(join(directory, name), "utf8").split("\n").slice(0, -1));

// biome-ignore lint/suspicious/noExplicitAny: stored lines are read back as plain JSON
export const parsed = (text: string): any[] =>
  text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));

/** Writes a segment's lines anew. */
export const rewrite = (directory: string, change: (lines: string[]) => string[], segment = 1): void => {
  const lines = readFileSync(segmentOf(directory, segment), "utf8").split("\n").slice(0, -1);
  writeFileSync(
    segmentOf(directory, segment),
    change(lines)
      .map((line) => `${line}\n`)
      .join(""),
  );
};

/** The journal's head, as `--head` takes it. */
export async function headOf(directory: string): Promise<string> {
  const { head } = await verifyJournal({ directory });
  return `${head?.seq}:${head?.hash}`;
}

/** One create in five seconds: the second one waits. */
const rateLimit = { rules: [{ name: "creates", operations: ["createServer"], ratePerSecond: 0.2, burst: 1 }] };

const lost = () => new AcmeError("socket hang up");

/**
 * A controller's day, on virtual time: two clusters, machines made and deleted, an answer that is lost,
 * one that says 429, a stop that refuses a deletion, a person who repairs something, and a crash after
 * which a create is resumed.
 */
export async function controllersDay(directory: string, hostile = false): Promise<void> {
  const clock = simulatedClock({ startAt: Date.UTC(2026, 0, 5, 8) });
  const name = (text: string) => (hostile ? `${text}<script>alert(1)</script>` : text);
  const life = { clock, rateLimit, audit: fileJournal({ directory }) };

  const first = await acme(life);
  const { guard, client, raw } = first;
  const go = <T>(work: Promise<T>) => clock.runUntil(work.catch((error: unknown) => error));
  await go(guard.reconcile(subject("prod", "m-1"), () => client.createServer({ name: "m-1", password: "hunter2" })));
  await clock.advance(60_000);
  raw.answers.push(new AcmeError("slow down", { status: 429, code: "TooManyRequests" }));
  await go(guard.reconcile(subject("prod", "m-2"), () => client.createServer({ name: "m-2" })));
  await clock.advance(1_800_000);
  await go(guard.reconcile(subject("prod"), () => client.listServers()));
  await go(guard.reconcile(subject("staging"), () => client.resizeServer({ id: "srv-9", size: 4 })));
  await go(guard.freeze({ reason: name("incident 42"), by: name("alice") }));
  await go(guard.reconcile(subject("prod", "m-1"), () => client.deleteServer({ id: "srv-1" })));
  await go(guard.thaw({ by: "bob" }));
  await clock.advance(3_600_000);
  const manual = { operator: name("carol"), reason: name("=disk full"), ticket: "CHG-7", ...subject("staging") };
  await go(guard.manual(manual, () => client.resizeServer({ id: "srv-9", size: 8 })));
  raw.answers.push(lost());
  await go(guard.reconcile(subject("prod", "m-3"), () => client.createServer({ name: "m-3" })));
  await go(guard.close());

  await clock.advance(Date.UTC(2026, 0, 5, 9, 32) - clock.now());
  await secondLife(clock, directory);
}

/** After the crash: the create whose answer was lost is resumed, another one's answer is lost. */
async function secondLife(clock: SimulatedClock, directory: string): Promise<void> {
  const { guard, client, raw } = await acme({ clock, rateLimit, audit: fileJournal({ directory }) });
  const go = <T>(work: Promise<T>) => clock.runUntil(work.catch((error: unknown) => error));
  await go(guard.reconcile(subject("prod", "m-3"), () => client.createServer({ name: "m-3" })));
  raw.answers.push(lost());
  await go(guard.reconcile(subject("prod", "m-4"), () => client.createServer({ name: "m-4" })));
  await go(guard.close());
}
