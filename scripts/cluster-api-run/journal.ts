/** The provider's audit log: its records, and what `provider-guard audit verify` says of it. */
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseRecord, type StoredRecord } from "provider-guard/audit";

export interface Journal {
  /** Ids of the changes that were asked for, in their order. */
  readonly intents: readonly string[];
  /** Of these, the ones without an outcome. */
  readonly open: readonly string[];
  /** Refusals of the guard's own, by code. */
  readonly refusals: readonly string[];
  /** Requests that waited for the rate limit. */
  readonly waited: number;
}

/** Reads what is there; a line that a crash has torn is none. */
async function readRecords(directory: string): Promise<StoredRecord[]> {
  const segments = (await readdir(directory)).filter((name) => /^\d+\.jsonl$/.test(name)).sort();
  const texts = await Promise.all(segments.map((name) => readFile(join(directory, name), "utf8")));
  return texts.flatMap((text) =>
    text.split("\n").flatMap((line) => {
      const parsed = parseRecord(line);
      return parsed.status === "ok" ? [parsed.record] : [];
    }),
  );
}

export async function readJournal(directory: string): Promise<Journal> {
  const records = await readRecords(directory);
  const ended = new Set(records.flatMap((one) => (one.type === "outcome" ? [one.call] : [])));
  const intents = records.flatMap((one) => (one.type === "intent" ? [one.call] : []));
  const attempts = records.flatMap((one) => (one.type === "outcome" || one.type === "read" ? one.attempts : []));
  return {
    intents,
    open: intents.filter((call) => !ended.has(call)),
    refusals: records.flatMap((one) => (one.type === "refusal" ? [one.code] : [])),
    waited: attempts.filter(({ waitedMs = 0 }) => waitedMs > 0).length,
  };
}

/** What the command says with `--json`, as far as it is told on. */
export interface Verdict {
  readonly status: "ok" | "tampered" | "incomplete";
  readonly records: number;
  readonly unfinished: number;
  readonly head: { readonly seq: number; readonly hash: string };
  readonly problem?: { readonly what: string };
}

/**
 * Runs `provider-guard audit verify`.
 *
 * @param cli - The package's command.
 * @param pin - The head that an earlier verdict named: what was there then must be there still.
 */
export function verify(cli: string, directory: string, pin?: Verdict["head"]): Promise<Verdict> {
  const how = pin === undefined ? ["--allow-unpinned"] : ["--head", `${pin.seq}:${pin.hash}`];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [cli, "audit", "verify", directory, "--json", ...how], (error, stdout, stderr) => {
      if (stdout === "") reject(error ?? new Error(`audit verify printed nothing: ${stderr}`));
      else resolve(JSON.parse(stdout));
    });
  });
}
