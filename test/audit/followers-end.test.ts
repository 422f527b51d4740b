import { readdirSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { checkpoints } from "../../src/audit/checkpoint/checkpoints.ts";
import { signer } from "../../src/audit/checkpoint/keys.ts";
import { witness } from "../../src/audit/checkpoint/witness.ts";
import type { JournalFollower } from "../../src/audit/feed.ts";
import { nodeFiles } from "../../src/audit/journal-files.ts";
import { httpSink } from "../../src/audit/shipping/http-sink.ts";
import { shipping } from "../../src/audit/shipping/shipping.ts";
import { simulatedClock } from "../../src/testing/simulated-clock.ts";
import { newKey, noticesIn, record, sizesIn } from "./checkpoint/support.ts";
import { fakeSink, journalFiles, shippedFiles } from "./shipping/support.ts";
import { cleanup, intent, openJournal, temporaryDirectory, turns } from "./support.ts";

/** A server that accepts and never answers. */
async function silent() {
  const open = new Set<Socket>();
  const seen = { requests: 0 };
  const server = createServer((socket) => {
    open.add(socket);
    seen.requests++;
    socket.on("close", () => open.delete(socket)).on("error", () => {});
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanup(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, open, seen };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turns(1);
}

describe("closing a journal", () => {
  it.each(["before", "after"])("ships its last checkpoint, listed %s shipping", async (place) => {
    const directory = temporaryDirectory();
    const clock = simulatedClock();
    const sink = fakeSink();
    const local = newKey();
    const slow = signer({
      name: local.name,
      publicKey: local.publicKey,
      async sign(bytes, signal) {
        await new Promise<void>((resolve) => clock.setTimeout(resolve, 3_000)); // as a key management service
        return local.sign(bytes, signal);
      },
    });
    const both = [checkpoints({ key: slow }), shipping({ sinks: [sink] })];
    const followers = place === "before" ? both : both.reverse();
    const journal = await openJournal(directory, { followers }, nodeFiles, { clock });
    await clock.advance(10_000);
    await record(journal, 3);
    await clock.runUntil(journal.close());
    expect(sizesIn(directory).at(-1)).toBe(5);
    expect(shippedFiles(sink)).toEqual(journalFiles(directory));
    expect(clock.pending).toBe(0);
  });

  it("delivers what those who produce record while they close", async () => {
    const directory = temporaryDirectory();
    const clock = simulatedClock();
    const sink = fakeSink();
    const last: JournalFollower = {
      start: (_feed, { enqueue }) => ({
        produces: true,
        close: async () => enqueue({ type: "notice", at: clock.now(), event: "last words" }),
      }),
    };
    const followers = [shipping({ sinks: [sink] }), last];
    const journal = await openJournal(directory, { followers }, nodeFiles, { clock });
    await clock.runUntil(journal.close());
    expect(String(shippedFiles(sink).get("00000001.jsonl"))).toContain("last words");
  });

  it("takes no longer than a signer and a sink may take, one after the other", async () => {
    const clock = simulatedClock();
    const hung = fakeSink("hung");
    hung.before = () => new Promise(() => {});
    const other = fakeSink("other");
    other.before = hung.before;
    const local = newKey();
    const key = signer({ name: local.name, publicKey: local.publicKey, sign: () => new Promise(() => {}) });
    const followers = [
      shipping({ sinks: [hung], closeTimeoutMs: 5_000 }),
      shipping({ sinks: [other], closeTimeoutMs: 4_000 }),
      checkpoints({ key, signTimeoutMs: 3_000 }),
    ];
    const journal = await openJournal(temporaryDirectory(), { followers }, nodeFiles, { clock });
    await record(journal, 1);
    await clock.runUntil(journal.close(), { maxMs: 8_001 });
    expect(clock.pending).toBe(0);
  });
});

describe("abandoning a journal", () => {
  it("stops everything at once, wherever it is, and leaves no timer or connection", async () => {
    const directory = temporaryDirectory();
    const clock = simulatedClock();
    const [sinkServer, witnessServer] = [await silent(), await silent()];
    const problems: unknown[] = [];
    const key = newKey();
    const publicKey = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";
    const witnesses = [witness({ url: witnessServer.url, publicKey })];
    const followers = [
      checkpoints({ key, witnesses, everyMs: 10_000, onProblem: (error) => problems.push(error) }),
      shipping({ sinks: [httpSink({ url: sinkServer.url })], intervalMs: 1_000 }),
    ];
    const options = { followers, keep: { days: 1 } };
    const journal = await openJournal(directory, options, nodeFiles, { clock });
    await record(journal, 2);
    await clock.advance(1_500);
    await until(() => sinkServer.seen.requests > 0 && witnessServer.seen.requests > 0);
    expect(clock.pending).toBeGreaterThan(3);
    const before = [sizesIn(directory), journalFiles(directory)];
    journal.abandon();
    await until(() => sinkServer.open.size + witnessServer.open.size === 0);
    await turns();
    expect(clock.pending).toBe(0);
    await clock.advance(86_400_000 * 3);
    expect([sizesIn(directory), journalFiles(directory)]).toEqual(before);
    expect(problems).toEqual([]);
    const next = await openJournal(directory, { followers: [checkpoints({ key })] }, nodeFiles, { clock });
    await clock.advance(1_000);
    await next.close();
    expect(noticesIn(directory)).toEqual([]);
  });

  it("ends what is being stored, and lets go of the directory then", async () => {
    const key = newKey();
    for (let round = 0; round < 10; round++) {
      const directory = temporaryDirectory();
      const clock = simulatedClock();
      const followers = [checkpoints({ key, everyRecords: 3 }), shipping({ sinks: [fakeSink()], intervalMs: 1 })];
      const journal = await openJournal(directory, { followers }, nodeFiles, { clock });
      await clock.advance(2);
      const stored = sizesIn(directory).length;
      void record(journal, 3);
      await until(() => sizesIn(directory).length > stored); // written, and not yet durable
      journal.abandon();
      await until(() => !readdirSync(directory).some((name) => name.startsWith("lock.")));
      expect(clock.pending).toBe(0);
    }
  });

  it("stops a signer that hangs, and one whose signature is on its way writes no checkpoint", async () => {
    const directory = temporaryDirectory();
    const clock = simulatedClock();
    const local = newKey();
    let signed: (bytes: Uint8Array) => void = () => {};
    let aborted = false;
    const key = signer({
      name: local.name,
      publicKey: local.publicKey,
      sign: (bytes, signal) => {
        signal.addEventListener("abort", () => (aborted = true));
        return new Promise((resolve) => {
          signed = () => void local.sign(bytes, signal).then(resolve);
        });
      },
    });
    const journal = await openJournal(directory, { followers: [checkpoints({ key })] }, nodeFiles, { clock });
    await clock.advance(0);
    journal.abandon();
    signed(Buffer.alloc(0));
    await turns();
    expect(aborted).toBe(true);
    expect(sizesIn(directory)).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it("frees the directory only once no follower is writing in it any more", async () => {
    const directory = temporaryDirectory();
    let ended: () => void = () => {};
    const follower: JournalFollower = {
      start: () => ({ close: async () => {}, abandon: () => new Promise((resolve) => (ended = resolve)) }),
    };
    const journal = await openJournal(directory, { followers: [follower] });
    journal.abandon();
    await expect(openJournal(directory)).rejects.toMatchObject({ code: "ERR_AUDIT_LOCKED" });
    ended();
    await (await openJournal(directory)).append(intent("a"));
  });
});
