import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type CheckpointOptions, checkpoints } from "../../../src/audit/checkpoint/checkpoints.ts";
import { type CheckpointKey, environmentKey } from "../../../src/audit/checkpoint/keys.ts";
import { generateKey } from "../../../src/audit/checkpoint/private-key.ts";
import type { FileJournal } from "../../../src/audit/file-journal.ts";
import type { FileJournalOptions } from "../../../src/audit/file-journal-options.ts";
import { nodeFiles } from "../../../src/audit/journal-files.ts";
import { type SimulatedClock, simulatedClock } from "../../../src/testing/simulated-clock.ts";
import { intent, openJournal } from "../support.ts";

/** A new key pair, without a file. */
export function newKey(name = "audit.example.com/acme"): CheckpointKey {
  process.env.CHECKPOINT_TEST_KEY = generateKey({ name }).privateKey;
  try {
    return environmentKey({ variable: "CHECKPOINT_TEST_KEY" });
  } finally {
    delete process.env.CHECKPOINT_TEST_KEY;
  }
}

/** A journal that is signed while it is written. */
export function openSigned(
  directory: string,
  options: CheckpointOptions,
  clock: SimulatedClock = simulatedClock(),
  journal: Partial<FileJournalOptions> = {},
): Promise<FileJournal> {
  return openJournal(directory, { followers: [checkpoints(options)], ...journal }, nodeFiles, { clock });
}

export async function record(journal: FileJournal, count: number, prefix = "c"): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, index) => journal.append(intent(`${prefix}${index}`))));
}

/** What is stored beside the segments, in the order of the files. */
// biome-ignore lint/suspicious/noExplicitAny: stored lines are read back as plain JSON
export const storedIn = (directory: string): any[] =>
  readdirSync(directory)
    .filter((name) => name.endsWith(".checkpoints.jsonl"))
    .sort()
    .flatMap((name) => readFileSync(join(directory, name), "utf8").split("\n").slice(0, -1))
    .map((line) => JSON.parse(line));

export const sizesIn = (directory: string): number[] =>
  storedIn(directory).map(({ note }) => Number(note.split("\n")[1]));

/** All lines of all segments, without the newlines. */
export const journalLines = (directory: string): string[] =>
  readdirSync(directory)
    .filter((name) => /^\d{8}\.jsonl$/.test(name))
    .sort()
    .flatMap((name) => readFileSync(join(directory, name), "utf8").split("\n").slice(0, -1));

export const noticesIn = (directory: string): string[] =>
  journalLines(directory)
    .map((line) => JSON.parse(line))
    .filter(({ type, event }) => type === "notice" && /checkpoint|witness/.test(event))
    .map(({ event, details }) => `${event} ${details.code ?? details.size ?? details.witness}`);
