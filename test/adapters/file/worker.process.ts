// A process that works on a folder in one of several ways until it is done or killed.
import { writeSync } from "node:fs";
import { createRequire } from "node:module";
import { createGuard } from "provider-guard";
import { fileState } from "provider-guard/file";
import { object } from "provider-guard/object";

const [task = "", directory = "", ...figures] = process.argv.slice(2);
const say = (line: string) => writeSync(1, `${line}\n`);

/** Counts and writes a key for each count, one after the other, and says what it was told is done. */
async function write(): Promise<never> {
  const state = fileState({ directory });
  for (;;) {
    const { value } = await state.increment("n", 1);
    await state.put(`written/${value}`, "x".repeat(value % 5000), { ttlMs: 3_600_000 });
    await state.get("n"); // takes its place among the readers
    say(String(value));
  }
}

/** Counts as far as the bound lets it, several at once, and says how far it came. */
async function count(): Promise<void> {
  const state = fileState({ directory });
  say("ready");
  while ((await state.get("go")) === undefined) await new Promise(setImmediate);
  let applied = 0;
  const lane = async () => {
    while ((await state.increment("n", 1, { max: 2000 })).applied) applied++;
  };
  await Promise.all([lane(), lane(), lane()]);
  await state.close();
  say(String(applied));
}

/** Writes something and stops in the middle of the transaction. */
function stopInside(): void {
  const { open } = createRequire(import.meta.url)("lmdb") as typeof import("lmdb");
  const options = { overlappingSync: false, useVersions: true, keyEncoding: "binary", encoding: "json" } as const;
  const database = open(directory, options);
  database.transactionSync(() => {
    database.put(Buffer.from("ehalf"), ["half", null], 1);
    say("inside");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
}

/** Calls as often as its guard lets it, and says when, on a clock that all processes of a machine share. */
async function spend(): Promise<void> {
  setInterval(() => {}, 1000); // waiting for a limit alone keeps no process alive
  const [ratePerSecond, burst] = figures.map(Number) as [number, number];
  const guard = await createGuard({
    owner: { managementCluster: "mc", provider: "test" },
    audit: false,
    circuitBreaker: false,
    state: fileState({ directory }),
    rateLimit: { rules: [{ name: "shared", ratePerSecond, burst }] },
  });
  const client = { work: async () => say(String(process.hrtime.bigint())) };
  const guarded = guard.wrap(client, object({ cloud: "c", operations: { work: { kind: "read" } } }));
  const lane = async () => {
    for (;;) await guarded.work();
  };
  await Promise.all([lane(), lane()]);
}

/** Ends by itself though the store is open, or in the middle of a write. */
async function end(abruptly: boolean): Promise<void> {
  const state = fileState({ directory });
  const written = state.put("a", "1");
  if (abruptly) process.exit(7);
  await written;
  say("written");
}

if (task === "write") await write();
else if (task === "count") await count();
else if (task === "stop-inside") stopInside();
else if (task === "spend") await spend();
else if (task === "open") {
  try {
    fileState({ directory });
    say("opened");
  } catch (error) {
    say(String((error as Error).message));
  }
  await new Promise((resolve) => setTimeout(resolve, Number(process.argv[4])));
} else await end(task === "exit");
