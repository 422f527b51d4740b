import { describe, expect, it } from "vitest";
import { openCheckpoint } from "../../../src/audit/checkpoint/checkpoint-note.ts";
import type { CheckpointOptions } from "../../../src/audit/checkpoint/checkpoints.ts";
import { proveInclusion, verifyInclusion } from "../../../src/audit/checkpoint/inclusion.ts";
import { parseVerifierKey } from "../../../src/audit/checkpoint/verifier-key.ts";
import { verifyCheckpoints } from "../../../src/audit/checkpoint/verify-checkpoints.ts";
import { witness } from "../../../src/audit/checkpoint/witness.ts";
import type { GuardError } from "../../../src/core/errors.ts";
import { simulatedClock } from "../../../src/testing/simulated-clock.ts";
import { failure, temporaryDirectory } from "../support.ts";
import { naiveLeaf, naiveRoot } from "./naive-merkle.ts";
import { newKey, noticesIn, openSigned, record, sizesIn, storedIn } from "./support.ts";
import { startWitness } from "./witness-server.ts";

const key = newKey();
const origin = `${key.name}/journal-1`;

async function world(more: Partial<CheckpointOptions> = {}) {
  const clock = simulatedClock();
  const directory = temporaryDirectory();
  const server = await startWitness({ origin, publicKey: key.publicKey }, () => clock.now());
  const problems: GuardError[] = [];
  // Virtual time stands still while a request is on the wire.
  const held: typeof fetch = (...of) => clock.hold(fetch(...of));
  const open = () => {
    const asked = witness({ url: server.url, publicKey: server.publicKey, fetch: held });
    const onProblem = (error: GuardError) => problems.push(error);
    return openSigned(directory, { key, origin, witnesses: [asked], onProblem, ...more }, clock);
  };
  const keys = [key.publicKey, server.publicKey];
  const cosigned = () =>
    storedIn(directory).flatMap(({ note }) => {
      const { size, cosignatures } = openCheckpoint(
        note,
        keys.map((text) => parseVerifierKey(text, "keys")),
      );
      return cosignatures.length > 0 ? [size] : [];
    });
  return { clock, directory, server, problems, open, keys, cosigned };
}

describe("a witness", () => {
  it("cosigns each checkpoint, with a proof that the tree it saw last is the beginning of this one", async () => {
    const { clock, directory, server, problems, open, keys, cosigned } = await world();
    const journal = await open();
    await clock.advance(1_000);
    for (let round = 0; round < 3; round++) {
      await record(journal, 5);
      await clock.advance(61_000);
    }
    await clock.advance(61_000); // idle: the witness says when it saw the same tree again
    await journal.close();
    expect(cosigned()).toEqual([2, 7, 12, 17, 17]);
    expect(server.answers).toEqual([200, 200, 200, 200, 200]);
    expect(server.bodies.map((body) => body.split("\n")[0])).toEqual(["old 0", "old 2", "old 7", "old 12", "old 17"]);
    expect(problems).toEqual([]);
    const found = await verifyCheckpoints({ directory, publicKeys: keys });
    expect(found).toMatchObject({ status: "ok", cosignedBy: ["witness.example.com/w1"] });
    const proof = await proveInclusion({ directory, seq: 3 });
    expect(verifyInclusion(proof, keys)).toMatchObject({ ok: true, cosignedBy: ["witness.example.com/w1"] });
    expect(verifyInclusion(proof, [key.publicKey])).toMatchObject({ ok: true, cosignedBy: [] });
  });

  it("is asked what it saw last after a restart", async () => {
    const { clock, server, problems, open, cosigned } = await world();
    const first = await open();
    await record(first, 5);
    await first.close();
    const saw = server.seen?.size as number;
    const second = await open();
    await record(second, 5);
    await clock.advance(1_000);
    await second.close();
    expect(server.answers).toContain(409);
    expect(server.bodies.map((body) => body.split("\n")[0])).toContain(`old ${saw}`);
    expect(server.seen?.size).toBe(cosigned().at(-1));
    expect(problems).toEqual([]);
  });

  it("that is down holds nothing up, and gets the newest checkpoint once it is back", async () => {
    const { clock, directory, server, problems, open, cosigned } = await world();
    server.instead = { status: 503, body: "" };
    const journal = await open();
    for (let round = 0; round < 5; round++) {
      await record(journal, 2);
      await clock.advance(61_000);
    }
    expect(new Set(sizesIn(directory)).size).toBeGreaterThan(4);
    expect(cosigned()).toEqual([]);
    expect(problems).toMatchObject([{ code: "ERR_CHECKPOINT_UNWITNESSED", retryable: true }]);
    expect(problems[0]?.message).toBe("witness witness.example.com/w1: answered 503");
    server.instead = undefined;
    await clock.advance(61_000);
    expect(cosigned().at(-1)).toBe(Math.max(...sizesIn(directory)));
    await journal.close();
    expect(noticesIn(directory)).toEqual([
      "witness-failed ERR_CHECKPOINT_UNWITNESSED",
      "witness-recovered witness.example.com/w1",
    ]);
  });

  it.each([
    ["says nothing", { status: 200, body: "" }, "sent no cosignature that verifies"],
    ["signs nothing", { status: 200, body: "— witness.example.com/w1 AAAAAAAA\n" }, "sent no cosignature"],
    ["answers without end", { status: 200, body: "x".repeat(100_000) }, "cannot be reached, or answers too much"],
    ["forgets the size", { status: 409, body: "7" }, "answered 409 without the size"],
    ["says no size", { status: 409, body: "-7\n" }, "answered 409 without the size"],
    ["contradicts itself", { status: 409, body: "0\n" }, "it saw another history"],
    ["saw more than there is", { status: 409, body: "1000000\n" }, "lines were cut off the journal"],
    ["saw another history", { status: 422, body: "" }, "it saw another history of this journal"],
    ["redirects", { status: 302, body: "" }, "cannot be reached"],
  ])("is not believed when it %s", async (_, instead, message) => {
    const { clock, server, problems, open, cosigned } = await world();
    server.instead = instead;
    const journal = await open();
    await clock.advance(30_000);
    expect(problems).toMatchObject([{ code: "ERR_CHECKPOINT_UNWITNESSED", message: expect.stringContaining(message) }]);
    expect(cosigned()).toEqual([]);
    await journal.close();
  });

  it("finds out that a journal was written anew", async () => {
    const { clock, server, problems, open } = await world();
    server.seen = { size: 2, root: naiveRoot([naiveLeaf(Buffer.from("x")), naiveLeaf(Buffer.from("y"))]) };
    const journal = await open();
    await clock.advance(1_000);
    await record(journal, 2);
    await clock.advance(61_000);
    await journal.close();
    expect(server.answers).toContain(422);
    expect(problems[0]?.message).toContain("it saw another history of this journal");
  });

  it("that never answers is given up after its time", async () => {
    const clock = simulatedClock();
    const directory = temporaryDirectory();
    const { publicKey } = await startWitness({ origin, publicKey: key.publicKey }, () => 0);
    const problems: GuardError[] = [];
    const hanging: typeof fetch = () => new Promise(() => {});
    const asked = witness({ url: "https://w.example.com", publicKey, timeoutMs: 500, fetch: hanging });
    const onProblem = (error: GuardError) => problems.push(error);
    const journal = await openSigned(directory, { key, witnesses: [asked], onProblem }, clock);
    await clock.advance(600);
    expect(problems[0]?.message).toContain("no answer within 500 ms");
    await clock.runUntil(journal.close(), { maxMs: 2_000 });
  });

  it("is named by URL and its own kind of key", async () => {
    const { publicKey } = await startWitness({ origin, publicKey: key.publicKey }, () => 0);
    const url = "https://w.example.com";
    for (const [options, path] of [
      [{ url: "ftp://x", publicKey }, "witness.url"],
      [{ url: "https://user:secret@x.example", publicKey }, "witness.url"],
      [{ url, publicKey: key.publicKey }, "witness.publicKey"],
      [{ url, publicKey, timeoutMs: 0 }, "witness.timeoutMs"],
    ] as const) {
      const error = await failure(() => witness(options));
      expect(error).toMatchObject({ code: "ERR_CONFIG_INVALID", message: expect.stringContaining(path) });
      expect(error.message).not.toContain("secret");
    }
  });
});
