import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileJournal } from "provider-guard";
import { checkpoints, generateKey } from "provider-guard/audit";
import { simulatedClock } from "provider-guard/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newKey } from "../audit/checkpoint/support.ts";
import { acme, subject } from "../support/acme.ts";
import { folder, headOf, linesIn, parsed, removeFolders, rewrite, run } from "./support.ts";

const key = newKey();
const otherKey = generateKey({ name: "audit.example.com/other" }).publicKey;
let directory: string;
/** Checkpoints, as somebody kept them elsewhere. */
const kept: string[] = [];
let call: string;

/** A journal with two checkpoints, made by a real guard. */
async function signedJournal(path: string, notes: string[], machines: number): Promise<void> {
  const clock = simulatedClock({ startAt: Date.UTC(2026, 0, 5, 8) });
  const follower = checkpoints({ key, everyRecords: 4, onCheckpoint: (note) => notes.push(note) });
  const { guard, client } = await acme({ clock, audit: fileJournal({ directory: path, followers: [follower] }) });
  for (let i = 0; i < machines; i++) {
    await clock.runUntil(guard.reconcile(subject("prod", `m-${i}`), () => client.createServer({ name: `m-${i}` })));
  }
  await clock.runUntil(guard.close());
}

beforeAll(async () => {
  directory = folder();
  await signedJournal(directory, kept, 6);
  call = parsed(linesIn(directory).join("\n")).find(({ type }) => type === "intent").call;
});
afterAll(removeFolders);

const file = (text: string): string => {
  const path = join(folder(), "file.txt");
  writeFileSync(path, text);
  return path;
};

describe("audit prove", () => {
  it("proves a call or a line to somebody who has the log's key alone", async () => {
    const proof = join(folder(), "proof.txt");
    for (const [wanted, seq] of [
      [call, 2],
      ["0", 0],
      ["5", 5],
    ] as const) {
      const made = await run("audit", "prove", directory, wanted, "--output", proof);
      expect(made).toEqual({ code: 0, stdout: "", stderr: "" });
      const { code, stdout } = await run("audit", "prove", "--check", proof, "--key", key.publicKey, "--json");
      expect([code, JSON.parse(stdout)]).toEqual([
        0,
        expect.objectContaining({ ok: true, seq, line: linesIn(directory)[seq] }),
      ]);
    }
    const human = await run("audit", "prove", "--check", proof, "--key", key.publicKey);
    expect(human.stdout).toMatch(
      /^proved: line 5 of \d+ in audit\.example\.com\/acme\/\w+, signed 2026-01-05T08:.*\n\{"seq":5,/,
    );
  });

  it("exits 1 for a proof that was changed or that another log signed", async () => {
    const { stdout: proof } = await run("audit", "prove", directory, call);
    const cases: [string, string][] = [
      [proof.replace(/.$/m, "A"), key.publicKey],
      [proof, otherKey],
      ["", key.publicKey],
    ];
    for (const [text, publicKey] of cases) {
      const { code, stdout, stderr } = await run("audit", "prove", "--check", file(text), "--key", publicKey);
      expect({ code, stderr, stdout }).toEqual({
        code: 1,
        stderr: "",
        stdout: expect.stringMatching(/^not proved: .+\n$/),
      });
    }
  });

  it("exits 2 with one line for a call that there is not, and for options that do not go together", async () => {
    for (const args of [
      [directory, "nobody"],
      [directory, "4711"],
      [folder(), "0"],
      [directory],
      [directory, call, "--key", key.publicKey],
      ["--check", file("x")],
      ["--check", join(folder(), "nothing"), "--key", key.publicKey],
      ["--check", file("x"), "--key", "nonsense"],
      ["--check", file("x"), "--key", key.publicKey, directory],
    ]) {
      const { code, stdout, stderr } = await run("audit", "prove", ...args);
      expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: "" });
      expect(stderr).toMatch(/^provider-guard audit prove: .+\n$/);
    }
  });
});

describe("audit verify with checkpoints", () => {
  const verify = async (path: string, ...options: string[]) => {
    const { code, stdout } = await run("audit", "verify", path, "--json", ...options);
    return { code, ...JSON.parse(stdout || "{}") };
  };

  it("pins a checkpoint that was kept, and tells what is signed", async () => {
    const head = file(kept[0] as string);
    expect(await verify(directory, "--head", head, "--key", key.publicKey)).toMatchObject({
      code: 0,
      status: "ok",
      pinned: true,
      signed: { trees: kept.length, cosignedBy: [] },
    });
    expect((await verify(directory, "--head", kept.at(-1) as string, "--key", key.publicKey)).code).toBe(0);
    const human = await run("audit", "verify", directory, "--head", head, "--key", key.publicKey);
    expect(human.stdout).toMatch(
      /^\d+ checkpoints over \d+ lines, the last at 2026-01-05T08:.*; \d+ lines? not signed yet$/m,
    );
  });

  it("exits 3 with a key and no pin, and 1 for a journal that was cut under its checkpoints", async () => {
    expect(await verify(directory, "--key", key.publicKey)).toMatchObject({ code: 3, status: "incomplete" });
    const cut = folder();
    await signedJournal(cut, [], 6);
    rewrite(cut, (lines) => lines.slice(0, 5));
    expect(await verify(cut, "--key", key.publicKey)).toMatchObject({ code: 1, status: "tampered" });
    expect((await verify(cut, "--allow-unpinned")).code).toBe(0); // the chain alone cannot know
  });

  it("exits 1 for a journal that was written and signed anew, once a checkpoint is pinned", async () => {
    const other = folder();
    await signedJournal(other, [], 7);
    const found = await verify(other, "--head", file(kept.at(-1) as string), "--key", key.publicKey);
    expect(found).toMatchObject({ code: 1, status: "tampered" });
  });

  it("exits 2 for a checkpoint without key, of another log, or a file that is not there", async () => {
    const head = file(kept[0] as string);
    for (const options of [
      ["--head", head],
      ["--head", head, "--key", otherKey],
      ["--head", join(folder(), "nothing"), "--key", key.publicKey],
      ["--head", file(""), "--key", key.publicKey],
      ["--head", file("nonsense\n\nnonsense"), "--key", key.publicKey],
      ["--head", await headOf(directory), "--key", "nonsense"],
    ]) {
      const { code, stderr } = await run("audit", "verify", directory, ...options);
      expect([options, code]).toEqual([options, 2]);
      expect(stderr).toMatch(/^provider-guard audit verify: .+\n$/);
    }
    expect(readFileSync(head, "utf8")).toBe(kept[0]);
  });
});
