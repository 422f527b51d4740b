import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { type FileJournalOptions, fileJournal, systemClock, verifyJournal } from "provider-guard";
import { checkpoints, environmentKey, generateKey } from "provider-guard/audit";
import { breathe, inTurns, type Row, timed } from "../row.ts";

const principal = { managementCluster: "bench", provider: "infrastructure-bench" };
const attempts = [{ n: 1, requestId: "1f6f3f0e-9a41-4a5e-8a35-2c1f6a1a9b1e", status: 200, result: "ok", ms: 120.5 }];
const facts = {
  attempts,
  kind: "read",
  operation: "DescribeInstances",
  target: { cloud: "aws", service: "EC2", account: "123456789012", region: "eu-west-1" },
  owner: { ...principal, cluster: { namespace: "default", name: "bench", uid: "0b9e9b1c-2f6e-4a54-9d8e" } },
} as const;

/** Writes a journal; after each thousand records it waits until `settled`. */
async function writeJournal(
  directory: string,
  records: number,
  options: Partial<FileJournalOptions> = {},
  settled: (written: number) => boolean = () => true,
): Promise<void> {
  const source = fileJournal({ directory, mode: "batch", maxBacklog: records, ...options });
  const journal = await source.open({ clock: systemClock, random: Math.random, principal });
  for (let index = 1; index <= records; index++) {
    await journal.append({ type: "read", call: `bench-${index}`, at: index, ms: 1, result: "ok", ...facts });
    if (index % 1000 > 0) continue;
    await journal.flush();
    while (!settled(index)) await breathe();
  }
  await journal.close();
}

/** Reads every line, hashes it, and compares with what the next one says. */
async function simpleVerify(directory: string): Promise<void> {
  let previous: string | undefined;
  for (const name of (await readdir(directory)).sort()) {
    if (!/^\d{8}\.jsonl$/.test(name)) continue;
    for await (const line of createInterface({ input: createReadStream(join(directory, name)) })) {
      const { prev } = JSON.parse(line) as { prev: string };
      if (previous !== undefined && prev !== previous) throw new Error("the chain is broken");
      previous = createHash("sha256").update("\0").update(line).digest("base64url");
    }
  }
}

/** Records that are verified in a second, and that the simple verifier reads. */
async function compare(directory: string, records: number, verify: () => Promise<void>) {
  const perSecond = async (work: () => Promise<void>) => records / ((await timed(work)) / 1000);
  const [value = 0, alternative = 0] = await inTurns(3, [
    () => perSecond(verify),
    () => perSecond(() => simpleVerify(directory)),
  ]);
  return { value, alternatives: [{ name: "readline, JSON.parse and createHash", value: alternative }] };
}

async function inFolder<T>(use: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), "provider-guard-bench-"));
  try {
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

const row = { unit: "records/s", better: "higher", goal: 300_000 } as const;

/** Checking a journal from its first to its last record. */
export const auditVerify: Row = {
  ...row,
  id: "audit-verify",
  what: "journal verified in constant memory",
  run: () =>
    inFolder(async (directory) => {
      const records = 300_000;
      await writeJournal(directory, records);
      return compare(directory, records, async () => {
        const { ok } = await verifyJournal({ directory });
        if (!ok) throw new Error("the journal does not verify");
      });
    }),
};

/** The program's path, as the package names it. */
async function program(): Promise<string> {
  const manifest = createRequire(import.meta.url).resolve("provider-guard/package.json");
  const { bin } = JSON.parse(await readFile(manifest, "utf8"));
  return join(dirname(manifest), bin["provider-guard"]);
}

/** The command, its start included, on a journal whose checkpoints it checks, too. */
export const auditVerifyCommand: Row = {
  ...row,
  id: "audit-verify-command",
  what: "journal with a signed checkpoint every 1,000 records verified by `provider-guard audit verify --key`",
  run: () =>
    inFolder(async (directory) => {
      const records = 500_000;
      const { privateKey, publicKey } = generateKey({ name: "bench.example" });
      process.env.BENCH_CHECKPOINT_KEY = privateKey;
      const key = environmentKey({ variable: "BENCH_CHECKPOINT_KEY" });
      let signed = 0;
      const follower = checkpoints({ key, everyRecords: 1000, onCheckpoint: () => signed++ });
      await writeJournal(directory, records, { followers: [follower] }, (written) => signed >= written / 1000);
      const args = [await program(), "audit", "verify", directory, "--key", publicKey, "--allow-unpinned"];
      return compare(directory, records, async () => {
        const [code] = await once(spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] }), "close");
        if (code !== 0) throw new Error("the journal does not verify");
      });
    }),
};
