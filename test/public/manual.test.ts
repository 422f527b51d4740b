import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileJournal } from "provider-guard";
import { describe, expect, it, onTestFinished } from "vitest";
import { acme, subject } from "../support/acme.ts";

const alice = { operator: "alice@example.com", reason: "the volume is stuck", ticket: "CHG-42" };

function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "manual-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

describe("guard.manual", () => {
  it("names the person in intents, reads and refusals, and nowhere else", async () => {
    const { guard, client, journal } = await acme();
    const { cluster } = subject("a");
    await guard.manual({ ...alice, cluster }, async () => {
      await client.createServer({ name: "by hand" });
      await client.listServers();
    });
    await expect(guard.manual(alice, () => client.createServer({ name: "whose?" }))).rejects.toMatchObject({
      code: "ERR_OWNER_MISSING",
      message: expect.stringMatching(/guard\.reconcile\(\{ cluster.*guard\.manual\(\{.* cluster/),
    });
    await client.listServers();
    const kinds = journal.records.map((record) => [record.type, "manual" in record && record.manual]);
    expect(kinds).toEqual([
      ["intent", alice],
      ["outcome", false],
      ["read", alice],
      ["refusal", alice],
      ["read", undefined],
    ]);
    expect(journal.records[0]).toMatchObject({ owner: { cluster: { name: "a" } } });
  });

  it("is stored in the journal's lines, and whatever was said stays as it was", async () => {
    const directory = temporaryDirectory();
    const { guard, client } = await acme({ audit: fileJournal({ directory }) });
    const said = { operator: "alice", reason: 'quote " and \u2028 line' };
    await guard.manual(said, () => client.deleteServer({ id: "srv-1" }));
    said.operator = "mallory";
    await guard.close();
    const lines = readFileSync(join(directory, "00000001.jsonl"), "utf8").trim().split("\n");
    const records = lines.map((line) => JSON.parse(line));
    expect(records.find(({ type }) => type === "intent").manual).toEqual({ ...said, operator: "alice" });
  });

  it("passes the same phases: an emergency stop holds for people, too", async () => {
    const { guard, client, raw, journal } = await acme();
    await guard.freeze({ reason: "incident 42", by: "bob" });
    await expect(guard.manual(alice, () => client.deleteServer({ id: "srv-1" }))).rejects.toMatchObject({
      code: "ERR_FREEZE_ACTIVE",
    });
    expect(raw.sent).toEqual([]);
    expect(journal.records.at(-1)).toMatchObject({ type: "refusal", manual: alice });
  });

  it("keeps the cluster of the reconcile around it, and its person in a reconcile inside", async () => {
    const { guard, client, journal } = await acme();
    await guard.reconcile(subject("outer"), () => guard.manual(alice, () => client.createServer({ name: "x" })));
    await guard.manual(alice, () => guard.reconcile(subject("inner"), () => client.createServer({ name: "y" })));
    const bob = { operator: "bob", reason: "takes over" };
    await guard.manual(alice, () => guard.manual(bob, () => client.listServers()));
    const named = journal.records.filter(({ type }) => type !== "outcome");
    expect(named).toMatchObject([
      { manual: alice, owner: { cluster: { name: "outer" } } },
      { manual: alice, owner: { cluster: { name: "inner" } } },
      { manual: bob },
    ]);
  });

  it("keeps two people apart who work at the same time, and passes on what fn throws, at once or later", async () => {
    const { guard, client, journal } = await acme();
    const bob = { operator: "bob", reason: "elsewhere" };
    const slowly = async () => {
      await Promise.resolve();
      await client.listServers();
      await Promise.resolve();
      await client.listServers();
    };
    await Promise.all([guard.manual(alice, slowly), guard.manual(bob, slowly), slowly()]);
    const operators = journal.records.map((record) => ("manual" in record ? record.manual?.operator : undefined));
    const count = (operator?: string) => operators.filter((one) => one === operator).length;
    expect([count(alice.operator), count("bob"), count()]).toEqual([2, 2, 2]);
    const fail = () => {
      throw new Error("at once");
    };
    await expect(guard.manual(alice, fail)).rejects.toThrow("at once");
    await expect(guard.manual(alice, async () => fail())).rejects.toThrow("at once");
    await client.listServers();
    expect(journal.records.at(-1)).not.toHaveProperty("manual.operator"); // nobody's any more
  });

  it("names the person in what fn began and did not wait for, and in nothing that only runs beside it", async () => {
    const { guard, client, journal } = await acme();
    let escaped: Promise<unknown> | undefined;
    let goOn = () => {};
    const gate = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    let handed: (() => Promise<unknown>) | undefined;
    await guard.manual(alice, () => {
      escaped = gate.then(() => client.deleteServer({ id: "srv-1" }));
      handed = () => client.deleteServer({ id: "srv-2" });
    });
    goOn();
    await escaped;
    await handed?.(); // somebody else runs it: it is theirs
    const intents = journal.records.filter(({ type }) => type === "intent");
    expect(intents.map((record) => "manual" in record && record.manual)).toEqual([alice, undefined]);
  });

  it("is shown by explain, where it says what is recorded", async () => {
    const { guard, client } = await acme();
    const question = { client, operation: "deleteServer", input: [{ id: "srv-1" }] };
    const manual = await guard.manual(alice, () => String(guard.explain(question)));
    expect(manual).toContain("manual operation of alice@example.com");
    expect(String(guard.explain(question))).not.toContain("manual");
  });

  it("ends the waits inside when its signal aborts, and runs nothing once it has", async () => {
    const rules = [{ name: "slow", ratePerSecond: 1, burst: 1 }];
    const { guard, client, raw, clock } = await acme({ rateLimit: { rules } });
    const controller = new AbortController();
    const options = { signal: controller.signal };
    const twice = async () => {
      await client.listServers();
      await client.listServers();
    };
    const ended = expect(guard.manual(alice, twice, options)).rejects.toThrow("enough");
    await clock.advance(100);
    controller.abort(new Error("enough"));
    await ended;
    await expect(guard.manual(alice, twice, options)).rejects.toThrow("enough");
    expect(raw.sent).toHaveLength(1);
  });

  it.each([
    [undefined, "ERR_CONFIG_INVALID", "manual"],
    [{ reason: "r" }, "ERR_CONFIG_INVALID", "manual.operator"],
    [{ ...alice, operator: " " }, "ERR_CONFIG_INVALID", "manual.operator"],
    [{ ...alice, operator: "a".repeat(257) }, "ERR_CONFIG_INVALID", "manual.operator"],
    [{ ...alice, operator: "alice\u001b[2K\nbob" }, "ERR_CONFIG_INVALID", "manual.operator"],
    [{ ...alice, ticket: "CHG\r42" }, "ERR_CONFIG_INVALID", "manual.ticket"],
    [{ ...alice, reason: "" }, "ERR_CONFIG_INVALID", "manual.reason"],
    [{ ...alice, reason: "a".repeat(2001) }, "ERR_CONFIG_INVALID", "manual.reason"],
    [{ ...alice, ticket: 42 }, "ERR_CONFIG_INVALID", "manual.ticket"],
    [{ ...alice, approver: "bob" }, "ERR_CONFIG_INVALID", "manual"],
    [{ ...alice, machine: subject("a", "m").machine }, "ERR_OWNER_INVALID", "manual.cluster"],
    [{ ...alice, cluster: { namespace: "d", name: "a" } }, "ERR_OWNER_INVALID", "manual.cluster.uid"],
  ])("refuses what names nobody, before anything runs: %#", async (operation, code, path) => {
    const { guard } = await acme();
    let ran = false;
    const run = guard.manual(operation as never, () => {
      ran = true;
    });
    await expect(run).rejects.toMatchObject({ code, message: expect.stringContaining(path) });
    expect(ran).toBe(false);
  });
});
