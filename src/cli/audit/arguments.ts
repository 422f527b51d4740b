import { access, constants, open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { parseVerifierKeys } from "../../audit/checkpoint/verifier-key.ts";
import { exitCodes, UsageError } from "../command.ts";
import { printable, type Terminal } from "../terminal.ts";
import { type JournalReader, listSegments, type SegmentFile } from "./journal-reader.ts";

/** How the options that all commands share are explained, in a column of this width. */
export const sharedHelp = (width = 14): string =>
  `  ${"--progress".padEnd(width)}  shows how far it is, also where standard error is no terminal
  ${"--help".padEnd(width)}  prints this`;

/** @throws {@link UsageError} unless there is exactly one word, the journal's directory. */
export function oneDirectory(positionals: readonly string[]): string {
  const [directory, extra] = positionals;
  if (directory === undefined || directory === "") throw new UsageError("name the journal's directory");
  if (extra !== undefined) throw new UsageError(`expected one directory, got "${extra}" too`);
  return directory;
}

/** @throws {@link UsageError} unless the text is a whole number in the range. */
export function wholeNumber(option: string, text: string, max: number): number {
  const value = Number(text);
  if (!/^\d{1,15}$/.test(text) || value > max) {
    throw new UsageError(`${option}: expected a whole number from 0 to ${max}, got "${text}"`);
  }
  return value;
}

/**
 * The segments of a journal.
 * @throws An `Error` when there are none.
 */
export async function segmentsOf(directory: string): Promise<readonly SegmentFile[]> {
  const segments = await listSegments(directory);
  if (segments.length === 0)
    throw new Error(`${directory} holds no journal; name the directory that the controller writes to`);
  return segments;
}

/**
 * Says what is wrong with the lines that were read, if anything.
 * @returns The exit code.
 */
export function closeReading({ damage }: JournalReader, directory: string, terminal: Terminal): number {
  if (damage === undefined) return exitCodes.ok;
  const { segment, seq, offset, what, expected, actual } = damage;
  terminal.say(
    `${directory}: damaged at segment ${segment}, seq ${seq}, byte ${offset}: ${what} Expected ${expected}, got ${actual}. What can be read was read; provider-guard audit verify tells more`,
  );
  return exitCodes.tampered;
}

/** Tells how far reading is, in percent of the bytes that were there when it began. */
export function reading(terminal: Terminal, segments: readonly SegmentFile[], what = "read") {
  const total = segments.reduce((sum, { size }) => sum + size, 0);
  const before = new Map<number, number>();
  let sum = 0;
  for (const { segment, size } of segments) {
    before.set(segment, sum);
    sum += size;
  }
  return ({ segment, offset }: { readonly segment: number; readonly offset: number }): void => {
    const done = (before.get(segment) ?? total) + offset;
    terminal.progress(`${what} ${Math.min(100, Math.floor((done / Math.max(1, total)) * 100))} %`);
  };
}

/** Writes what was asked for into a file; it may tell more than other users should know. */
export async function write(path: string, text: string): Promise<void> {
  await named("--output", path, async () => {
    const file = await open(path, "w", 0o600);
    try {
      await file.writeFile(text);
    } finally {
      await file.close();
    }
  });
}

/** @throws An `Error` when no file can be written there; to be told before long work, not after it. */
export const writable = (path: string): Promise<void> =>
  named("--output", path, async () => {
    if ((await stat(path).catch(() => undefined))?.isDirectory()) throw new Error("is a directory");
    await access(dirname(path), constants.W_OK);
  });

/** Runs a step on a file that an option names, and says so where the step fails. */
export async function named<T>(option: string, path: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    const reason = (error as Error).message.split(", ")[0];
    throw new Error(`${option} ${printable(path)}: ${reason}`);
  }
}

/**
 * The keys that `--key` names, to be used as they are.
 * @throws {@link UsageError}
 */
export function keysOf(texts: readonly string[]): readonly string[] {
  // What was given instead may be a secret.
  if (!texts.every(isKey)) throw new UsageError("--key: expected a public key as NAME+ID+BASE64");
  return texts;
}

function isKey(text: string): boolean {
  try {
    return parseVerifierKeys([text], "--key").length === 1;
  } catch {
    return false;
  }
}
