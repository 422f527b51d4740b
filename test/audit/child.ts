import { closeSync, openSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { fileJournal } from "../../src/audit/file-journal.ts";
import { systemClock } from "../../src/core/clock.ts";
import { isGuardError } from "../../src/core/errors.ts";
import { newId, systemRandom } from "../../src/core/id.ts";
import type { JournalContext } from "../../src/core/journal.ts";

const [job = "", directory = "", count = "1", segmentBytes] = process.argv.slice(2);
const principal = { managementCluster: "mc-uid", provider: "infrastructure-acme" };
const context: JournalContext = { clock: systemClock, random: systemRandom, principal };
const target = { cloud: "aws", service: "EC2", account: "1", region: "eu-west-1" };
const open = () =>
  fileJournal({ directory, ...(segmentBytes === undefined ? {} : { segmentBytes: Number(segmentBytes) }) }).open(
    context,
  );
// Synchronous: what was printed before a kill has left this process.
const print = (line: string) => writeSync(1, `${line}\n`);

function intent(call: string) {
  const facts = { target, operation: "RunInstances", kind: "create", owner: principal } as const;
  return { type: "intent", call, at: systemClock.now(), ...facts, input: "x".repeat(200) } as const;
}

const jobs: Record<string, () => Promise<void>> = {
  /** Holds the directory until it is killed. */
  async hold() {
    await open();
    print("held");
    setInterval(() => {}, 1000);
  },
  /** Appends at full speed until it is killed, whatever the disk says, and prints what was acknowledged. */
  async write() {
    const journal = await open();
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (;;) {
          const call = newId(systemClock, systemRandom);
          try {
            await journal.append(intent(call));
          } catch (error) {
            if (!isGuardError(error) || error.code !== "ERR_AUDIT_UNAVAILABLE") throw error;
            await new Promise((resolve) => setImmediate(resolve));
            continue;
          }
          print(call);
          journal.enqueue({ type: "outcome", call, at: systemClock.now(), result: "ok", ms: 1, attempts: [] });
        }
      }),
    );
  },
  /** Takes and gives back the directory so many times; fails if anybody else has it meanwhile. */
  async contend() {
    for (let left = Number(count); left > 0; ) {
      try {
        const journal = await open();
        const flag = join(directory, "held-by-one");
        closeSync(openSync(flag, "wx"));
        await journal.append(intent("c"));
        unlinkSync(flag);
        await journal.close();
        left--;
      } catch (error) {
        if (!isGuardError(error) || error.code !== "ERR_AUDIT_LOCKED") throw error;
      }
    }
  },
  /** Appends until it is refused, and prints why. */
  async fill() {
    process.on("SIGXFSZ", () => {}); // else the file size limit ends the process
    const journal = await open();
    for (let recorded = 0; ; recorded++) {
      try {
        await journal.append(intent(`f${recorded}`));
      } catch (error) {
        const { code = "", message = "", cause } = isGuardError(error) ? error : {};
        print(JSON.stringify({ recorded, code, message, cause: (cause as { code?: string } | undefined)?.code }));
        break;
      }
    }
    await journal.close();
  },
  /** Opens as a user without rights. */
  async unprivileged() {
    process.setuid?.(65_534);
    try {
      await open();
      print("opened");
    } catch (error) {
      print(isGuardError(error) ? `${error.code} ${error.message}` : String(error));
    }
  },
};

await jobs[job]?.();
