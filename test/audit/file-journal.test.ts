import { createHash } from "node:crypto";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fileJournal } from "../../src/audit/file-journal.ts";
import { verifyJournal } from "../../src/audit/verify.ts";
import type { AuditRecord } from "../../src/core/journal.ts";
import {
  context,
  failure,
  intent,
  linesOf,
  openJournal,
  outcome,
  principal,
  read,
  recordsOf,
  segmentPath,
  startChild,
  temporaryDirectory,
} from "./support.ts";

describe("a file journal", () => {
  it("gives back what was recorded, in order, behind a header that names format, chain and principal", async () => {
    const directory = temporaryDirectory();
    const journal = await openJournal(directory);
    await journal.append(intent("a", { token: "a" }));
    journal.enqueue(outcome("a"));
    await journal.append(intent("b"));
    await journal.close();
    const [header, opened, ...rest] = recordsOf(directory);
    expect(header).toMatchObject({ seq: 0, type: "header", version: 1, segment: 1, principal });
    expect(opened).toMatchObject({ type: "notice", event: "opened" });
    expect(rest.map(({ type, call }) => [type, call])).toEqual([
      ["intent", "a"],
      ["outcome", "a"],
      ["intent", "b"],
    ]);
    expect(rest[0]).toMatchObject(JSON.parse(JSON.stringify(intent("a", { token: "a", at: rest[0].at }))));
  });

  it("chains every line to the exact bytes of the one before it", async () => {
    const directory = temporaryDirectory();
    const journal = await openJournal(directory);
    for (const call of ["ä", "日本", "😀", "\ud800", "\u2028\n"]) await journal.append(intent(call));
    await journal.close();
    let prev = Buffer.alloc(32).toString("base64url");
    for (const [seq, line] of linesOf(directory).entries()) {
      expect(line.startsWith(`{"seq":${seq},"prev":"${prev}",`)).toBe(true);
      prev = createHash("sha256").update("\0").update(line).digest("base64url");
    }
    expect(await verifyJournal({ directory })).toMatchObject({ ok: true, head: { seq: 6, hash: prev } });
  });

  it("records what was handed over, whatever happens to it afterwards", async () => {
    const directory = temporaryDirectory();
    const journal = await openJournal(directory);
    const input = { ImageId: "before" };
    const appended = journal.append(intent("a", { input }));
    journal.enqueue(intent("b", { input }));
    input.ImageId = "after";
    await appended;
    await journal.close();
    expect(recordsOf(directory).flatMap(({ input }) => input?.ImageId ?? [])).toEqual(["before", "before"]);
  });

  it("goes on in the same chain after it was closed and opened again", async () => {
    const directory = temporaryDirectory();
    for (const call of ["a", "b", "c"]) {
      const journal = await openJournal(directory);
      await journal.append(intent(call));
      await journal.close();
    }
    expect(await verifyJournal({ directory })).toMatchObject({ ok: true, records: 6, segments: 1, intents: 3 });
    expect(recordsOf(directory).filter(({ type }) => type === "header")).toHaveLength(1);
  });

  it("makes the directory for its owner alone, with all parents", async () => {
    const directory = join(temporaryDirectory(), "a", "b");
    await openJournal(directory);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(segmentPath(directory)).mode & 0o777).toBe(0o600);
  });

  it("refuses what is no plain record, and stays whole", async () => {
    const directory = temporaryDirectory();
    const journal = await openJournal(directory);
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    const bad: unknown[] = [
      intent("a", { input: circular }),
      intent("a", { input: 1n }),
      intent("a", { input: "x".repeat(6_000_000) }),
      { ...intent("a"), seq: 7 },
      { ...intent("a"), type: "header" },
      {},
      { type: "intent", toJSON: () => "text" },
    ];
    for (const record of bad) {
      const error = await failure(journal.append(record as AuditRecord));
      expect(error).toMatchObject({ code: "ERR_AUDIT_UNAVAILABLE", retryable: false });
      journal.enqueue(record as AuditRecord);
    }
    expect(journal.dropped).toBe(bad.length);
    await journal.append(intent("b"));
    await journal.close();
    expect(await verifyJournal({ directory })).toMatchObject({ ok: true, intents: 1 });
    expect(recordsOf(directory).find(({ event }) => event === "dropped")?.details).toEqual({ records: bad.length });
  });

  it("takes nothing after it was closed, and says so", async () => {
    const journal = await openJournal(temporaryDirectory());
    await Promise.all([journal.close(), journal.close()]);
    expect(await failure(journal.append(intent("a")))).toMatchObject({ code: "ERR_AUDIT_UNAVAILABLE" });
    expect((await failure(journal.flush())).message).toContain("is closed");
    journal.enqueue(read("r"));
    expect(journal.dropped).toBe(1);
    journal.abandon();
  });

  it("writes everything that was enqueued before it was closed", async () => {
    const directory = temporaryDirectory();
    const journal = await openJournal(directory);
    for (let i = 0; i < 1000; i++) journal.enqueue(read(`r${i}`));
    await journal.close();
    expect(journal.dropped).toBe(0);
    expect(await verifyJournal({ directory })).toMatchObject({ ok: true, records: 1001 });
  });

  it("has written nothing more, and settles nothing, after it was abandoned", async () => {
    const directory = temporaryDirectory();
    const journal = await openJournal(directory);
    await journal.append(intent("a"));
    let settled = false;
    const note = () => {
      settled = true;
    };
    journal.append(intent("b")).then(note, note);
    journal.abandon();
    const next = await openJournal(directory);
    expect(next.unfinished.map(({ call }) => call)).toEqual(["a"]);
    expect(settled).toBe(false);
    await next.append(intent("c"));
    expect(await verifyJournal({ directory })).toMatchObject({ ok: true, intents: 2 });
  });
});

describe("a file journal in batch mode", () => {
  it("resolves before anything is on disk, and writes it all the same", async () => {
    const directory = temporaryDirectory();
    const journal = await openJournal(directory, { mode: "batch" });
    const before = statSync(segmentPath(directory)).size;
    for (let i = 0; i < 100; i++) await journal.append(intent(`a${i}`));
    expect(statSync(segmentPath(directory)).size).toBe(before);
    await journal.flush();
    expect(await verifyJournal({ directory })).toMatchObject({ ok: true, intents: 100 });
  });

  it("drops nothing when a loop records faster than the event loop turns", async () => {
    const directory = temporaryDirectory();
    const journal = await openJournal(directory, { mode: "batch", maxBacklog: 100 });
    for (let i = 0; i < 1000; i++) {
      await journal.append(intent(`a${i}`));
      journal.enqueue(outcome(`a${i}`));
    }
    await journal.close();
    expect(journal.dropped).toBe(0);
    expect(await verifyJournal({ directory })).toMatchObject({ intents: 1000, outcomes: 1000, unfinished: 0 });
  });
});

describe("the digest for correlation", () => {
  it("is the same for the same text after a restart, and another one elsewhere", async () => {
    const [here, elsewhere] = [temporaryDirectory(), temporaryDirectory()];
    const first = await openJournal(here);
    const digest = first.correlate("text");
    expect(digest).toMatch(/^[\w-]{24}$/);
    expect(first.correlate("other")).not.toBe(digest);
    await first.close();
    expect((await openJournal(here)).correlate("text")).toBe(digest);
    expect((await openJournal(elsewhere)).correlate("text")).not.toBe(digest);
    expect(statSync(join(here, "correlation.key")).mode & 0o777).toBe(0o600);
  });

  it("is refused where the key was damaged", async () => {
    const directory = temporaryDirectory();
    await (await openJournal(directory)).close();
    writeFileSync(join(directory, "correlation.key"), "short");
    const error = await failure(openJournal(directory));
    expect(error.code).toBe("ERR_AUDIT_CORRUPT");
    expect(error.message).toContain(join(directory, "correlation.key"));
  });
});

describe("bad options and directories", () => {
  it.each([
    [{}, "audit.directory"],
    [{ directory: "" }, "audit.directory"],
    [{ directory: "a\0b" }, "audit.directory"],
    [{ directory: "/x", mode: "fast" }, "audit.mode"],
    [{ directory: "/x", maxBacklog: 0 }, "audit.maxBacklog"],
    [{ directory: "/x", resumeWindowMs: -1 }, "audit.resumeWindowMs"],
    [{ directory: "/x", rotate: true }, "rotate"],
  ])("%j is refused, naming %s", async (options, path) => {
    const error = await failure(() => fileJournal(options as never));
    expect(error.code).toBe("ERR_CONFIG_INVALID");
    expect(error.message).toContain(path);
  });

  it("a file in the directory's place is named", async () => {
    const path = join(temporaryDirectory(), "file");
    writeFileSync(path, "x");
    for (const directory of [path, join(path, "below")]) {
      const error = await failure(fileJournal({ directory }).open(context));
      expect(error.code).toBe("ERR_AUDIT_UNAVAILABLE");
      expect(error.message).toContain(path);
    }
    expect(readFileSync(path, "utf8")).toBe("x");
  });

  it.runIf(process.platform === "linux")(
    "a directory that cannot be made is named, and nobody waits for ever",
    async () => {
      const directory = "/proc/no-such-process/audit";
      const error = await failure(openJournal(directory));
      expect(error).toMatchObject({ code: "ERR_AUDIT_UNAVAILABLE", message: expect.stringContaining(directory) });
    },
  );

  it.runIf(process.getuid?.() === 0)("a directory that is not writable is named (needs root)", async () => {
    const directory = join(temporaryDirectory());
    await (await openJournal(directory)).close();
    const child = await startChild(["unprivileged", directory]);
    await child.ended;
    expect(child.lines[0]).toContain(`ERR_AUDIT_UNAVAILABLE audit journal ${directory}: permission denied`);
  });
});
