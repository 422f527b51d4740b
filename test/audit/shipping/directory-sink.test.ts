import { randomInt } from "node:crypto";
import { appendFileSync, existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock, verifyJournal } from "provider-guard";
import { directorySink, type ShippedObject } from "provider-guard/audit";
import { describe, expect, it } from "vitest";
import { startChild } from "../../support/bundle.ts";
import { cleanup, temporaryDirectory } from "../support.ts";
import { journalFiles, shippingJournal } from "./support.ts";

const context = { signal: new AbortController().signal, clock: systemClock };

const objectAt = (offset: number, text: string): ShippedObject => ({
  name: `chain/00000001.jsonl/${offset}`,
  chain: "chain",
  file: "00000001.jsonl",
  offset,
  bytes: Buffer.from(text),
  sha256: "",
});

describe("shipping to a directory", () => {
  const copyOf = (directory: string) => join(directory, "chain", "00000001.jsonl");

  it("makes a copy that is a journal itself", async () => {
    const directory = temporaryDirectory();
    const target = join(temporaryDirectory(), "not", "there", "yet");
    const { clock, record, journal } = await shippingJournal(
      directory,
      { sinks: [directorySink({ directory: target })], maxPartBytes: 700 },
      { segmentBytes: 4096 },
    );
    for (let i = 0; i < 4; i++) {
      await record(6);
      await clock.advance(5_000);
    }
    await clock.runUntil(journal.close());
    const [chain = ""] = readdirSync(target);
    expect(journalFiles(join(target, chain))).toEqual(journalFiles(directory));
    expect(await verifyJournal({ directory: join(target, chain) })).toMatchObject({
      ok: true,
      records: expect.any(Number),
    });
    expect(statSync(target).mode & 0o777).toBe(0o700);
  });

  it("takes again what it has already, and goes on with what it has in part", async () => {
    const directory = temporaryDirectory();
    const sink = directorySink({ directory });
    await sink.put(objectAt(0, "one\n"), context);
    await sink.put(objectAt(4, "two\n"), context);
    await sink.put(objectAt(0, "one\n"), context);
    truncateSync(copyOf(directory), 6); // as a crash leaves it
    await sink.put(objectAt(4, "two\nthree\n"), context);
    expect(readFileSync(copyOf(directory), "utf8")).toBe("one\ntwo\nthree\n");
  });

  it.each<[string, (path: string) => void, string]>([
    ["is missing", (path) => writeFileSync(`${path}.elsewhere`, ""), "is missing"],
    ["was cut", (path) => writeFileSync(path, "on"), "was cut to 2 bytes"],
    ["was changed", (path) => appendFileSync(path, "one\ntwX\n"), "differs from the journal after byte 4"],
  ])("takes no more and leaves everything as it is where the copy %s", async (_what, tamper, message) => {
    const directory = temporaryDirectory();
    const sink = directorySink({ directory });
    await sink.put({ ...objectAt(0, "x\n"), file: "other.jsonl" }, context);
    tamper(copyOf(directory));
    const before = existsSync(copyOf(directory)) ? readFileSync(copyOf(directory), "utf8") : undefined;
    const put = sink.put(objectAt(4, "two\n"), context);
    await expect(put).rejects.toMatchObject({
      code: "ERR_AUDIT_NOT_SHIPPED",
      message: expect.stringContaining(message),
    });
    expect(existsSync(copyOf(directory)) ? readFileSync(copyOf(directory), "utf8") : undefined).toBe(before);
  });

  it("has every byte of a journal whose process is killed again and again", async () => {
    const directory = temporaryDirectory();
    const target = temporaryDirectory();
    const program = new URL("child.ts", import.meta.url);
    for (let round = 0; round < 15; round++) {
      const child = await startChild(program, ["write", directory, target]);
      cleanup(() => child.process.kill("SIGKILL"));
      await child.printed(randomInt(1, 40));
      child.process.kill("SIGKILL");
      expect(await child.ended).toBe("SIGKILL");
    }
    const last = await startChild(program, ["finish", directory, target]);
    expect(await last.ended).toBe(0);
    const [chain = ""] = readdirSync(target);
    const shipped = journalFiles(join(target, chain));
    expect(shipped).toEqual(journalFiles(directory));
    expect(shipped.size).toBeGreaterThan(1);
    expect(await verifyJournal({ directory: join(target, chain) })).toMatchObject({ ok: true });
  }, 60_000);
});
