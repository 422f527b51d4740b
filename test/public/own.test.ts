import { GuardError } from "provider-guard";
import { describe, expect, it } from "vitest";
import { AcmeError, acme, acmeOptions, managementCluster, subject } from "../support/acme.ts";
import { memoryJournal, openIn } from "../support/memory-journal.ts";

type Sent = { labels: Record<string, string>; requestId: string };
const lost = () => new AcmeError("socket hang up", { code: "ECONNRESET" });

describe("a create", () => {
  it("carries the owner's tags next to the caller's, and an idempotency token; the caller's object stays as it was", async () => {
    const { guard, client, raw, journal } = await acme();
    const input = Object.freeze({ name: "one", labels: Object.freeze({ team: "blue" }) });
    await guard.reconcile(subject("a", "m-1"), () => client.createServer(input));
    const sent = raw.sent[0]?.input as Sent;
    const intent = journal.records[0] as { call: string; token: string };
    expect(sent.labels).toMatchObject({
      team: "blue",
      "provider-guard/management-cluster": managementCluster,
      "provider-guard/provider": "infrastructure-acme",
      "provider-guard/cluster-namespace": "default",
      "provider-guard/cluster-name": "a",
      "provider-guard/cluster-uid": "uid-a",
      "provider-guard/machine-name": "m-1",
      "provider-guard/machine-uid": "uid-m-1",
      "provider-guard/intent": intent.call,
    });
    expect(sent.requestId).toBe(intent.call);
    expect(intent.token).toBe(intent.call);
  });

  it("keeps the caller's own token", async () => {
    const { guard, client, raw } = await acme();
    await guard.reconcile(subject("a"), () => client.createServer({ name: "one", requestId: "mine" }));
    expect(raw.sent[0]?.input).toMatchObject({ requestId: "mine" });
  });

  it("is refused if it brings reserved tags of its own", async () => {
    const { guard, client, raw } = await acme();
    const labels = { "provider-guard/cluster-uid": "uid-b" };
    await expect(
      guard.reconcile(subject("a"), () => client.createServer({ name: "one", labels })),
    ).rejects.toMatchObject({
      code: "ERR_OWNER_RESERVED_TAG",
      message: expect.stringContaining("provider-guard/cluster-uid"),
    });
    expect(raw.sent).toEqual([]);
  });

  it("is refused if its resource cannot carry tags, unless that was accepted", async () => {
    const operations = { createServer: { kind: "create" } } as const;
    const strict = await acme({}, { operations });
    await expect(
      strict.guard.reconcile(subject("a"), () => strict.client.createServer({ name: "x" })),
    ).rejects.toMatchObject({ code: "ERR_OWNER_UNTAGGABLE" });
    expect(strict.raw.sent).toEqual([]);
    const lenient = await acme({ ownership: { untaggable: ["createServer"] } }, { operations });
    await lenient.guard.reconcile(subject("a"), () => lenient.client.createServer({ name: "x" }));
    expect(lenient.raw.sent).toHaveLength(1);
  });

  it("is asked again with the same token and tags after its answer was lost", async () => {
    const { guard, client, raw, clock } = await acme();
    raw.answers.push(lost());
    const create = () => guard.reconcile(subject("a"), () => client.createServer({ name: "one" }));
    await expect(create()).rejects.toThrow("hang up");
    await clock.advance(60_000);
    await create();
    await create();
    const [first, again, next] = raw.sent.map(({ input }) => input as Sent);
    expect(again).toEqual(first);
    expect(next?.requestId).not.toBe(first?.requestId);
  });

  it("does not take another cluster's, another operation's or another input's open intent", async () => {
    const { guard, client, raw } = await acme();
    raw.answers.push(lost());
    await expect(guard.reconcile(subject("a"), () => client.createServer({ name: "one" }))).rejects.toThrow();
    await guard.reconcile(subject("b"), () => client.createServer({ name: "one" }));
    await guard.reconcile(subject("a"), () => client.createServer({ name: "two" }));
    await guard.reconcile(subject("a", "m"), () => client.createServer({ name: "one" }));
    expect(new Set(raw.sent.map(({ input }) => (input as Sent).requestId)).size).toBe(4);
  });

  it("is resumed with its own token by the controller that comes after a crash", async () => {
    const journal = memoryJournal();
    const before = await acme({}, {}, journal);
    before.raw.answers.push(lost());
    const create = { name: "one", labels: { team: "blue" } };
    await expect(before.guard.reconcile(subject("a"), () => before.client.createServer(create))).rejects.toThrow();

    journal.unfinished = openIn(journal.records);
    const after = await acme({ clock: before.clock }, {}, journal);
    const reordered = { labels: { team: "blue" }, name: "one" };
    await after.guard.reconcile(subject("a"), () => after.client.createServer(reordered));
    expect(after.raw.sent[0]?.input).toEqual(before.raw.sent[0]?.input);
    expect(journal.records.at(-1)).toMatchObject({ result: "ok", decisions: [{ phase: "own", verdict: "resume" }] });
  });

  it("stays open while the resumed one is throttled or refused, and closes when the cloud says it never was", async () => {
    const { guard, client, raw, clock } = await acme();
    const create = () =>
      clock.runUntil(guard.reconcile(subject("a"), () => client.createServer({ name: "one" })).catch(() => undefined));
    raw.answers.push(lost(), new AcmeError("slow down", { status: 429 }));
    await create();
    await create();
    await guard.freeze({ reason: "inspection", by: "alice" });
    await create();
    await guard.thaw({ by: "alice" });
    raw.answers.push(new AcmeError("bad", { status: 400 }));
    await create();
    await create();
    const tokens = raw.sent.map(({ input }) => (input as Sent).requestId);
    expect(tokens).toHaveLength(4);
    expect(new Set(tokens.slice(0, 3)).size).toBe(1);
    expect(tokens[3]).not.toBe(tokens[0]);
  });

  it("stays open when the resumed one never left", async () => {
    const { guard, client, raw, journal } = await acme();
    const create = () => guard.reconcile(subject("a"), () => client.createServer({ name: "one" }));
    raw.answers.push(lost());
    await expect(create()).rejects.toThrow("hang up");
    journal.failure = new GuardError("ERR_AUDIT_UNAVAILABLE", "disk full");
    await expect(create()).rejects.toMatchObject({ code: "ERR_AUDIT_UNAVAILABLE" });
    journal.failure = undefined;
    await create();
    const [first, again] = raw.sent.map(({ input }) => input as Sent);
    expect(again).toEqual(first);
  });

  it("is a new one each time where the cloud takes no token", async () => {
    const createServer = { kind: "create", tags: "labels" } as const;
    const { guard, client, raw, journal, clock } = await acme({}, { operations: { createServer } });
    raw.answers.push(lost());
    const create = () => guard.reconcile(subject("a"), () => client.createServer({ name: "one" }));
    await expect(create()).rejects.toThrow("hang up");
    await create();
    await clock.advance(1000); // or the next process, with the same seed, would make the same ids
    const next = await acme(
      { clock },
      { operations: { createServer } },
      Object.assign(journal, { unfinished: openIn(journal.records) }),
    );
    await next.guard.reconcile(subject("a"), () => next.client.createServer({ name: "one" }));
    const sent = [...raw.sent, ...next.raw.sent].map(({ input }) => (input as Sent).labels["provider-guard/intent"]);
    expect(new Set(sent).size).toBe(3);
  });

  it("is not resumed once the cloud has forgotten the token", async () => {
    const { guard, client, raw, clock } = await acme({ ownership: { resumeWindowMs: 1000 } });
    raw.answers.push(lost());
    const create = () => guard.reconcile(subject("a"), () => client.createServer({ name: "one" }));
    await expect(create()).rejects.toThrow();
    await clock.advance(1001);
    await create();
    const [first, second] = raw.sent.map(({ input }) => (input as Sent).requestId);
    expect(second).not.toBe(first);
  });
});

describe("an update or delete", () => {
  const tagsOf = (name: string, mc = managementCluster, provider = "infrastructure-acme") => ({
    "provider-guard/management-cluster": mc,
    "provider-guard/provider": provider,
    "provider-guard/cluster-namespace": "default",
    "provider-guard/cluster-name": name,
    "provider-guard/cluster-uid": `uid-${name}`,
  });

  it("of another cluster's resource is refused, once a create or read has shown whose it is", async () => {
    const { guard, client, raw, journal } = await acme();
    const { id } = await guard.reconcile(subject("a"), () => client.createServer({ name: "one" }));
    const attempt = guard.reconcile(subject("b"), () => client.deleteServer({ id }));
    await expect(attempt).rejects.toMatchObject({
      code: "ERR_OWNER_FOREIGN",
      message: expect.stringContaining("default/a"),
    });
    raw.answers.push([{ id: "srv-77", labels: tagsOf("a") }]);
    await client.listServers();
    const resize = guard.reconcile(subject("b"), () => client.resizeServer({ id: "srv-77", size: 9 }));
    await expect(resize).rejects.toMatchObject({ code: "ERR_OWNER_FOREIGN" });
    expect(raw.sent.map(({ operation }) => operation)).toEqual(["createServer", "listServers"]);
    expect(journal.records.filter(({ type }) => type === "refusal")).toHaveLength(2);
    await guard.reconcile(subject("a"), () => client.deleteServer({ id }));
  });

  it.each([
    ["another management cluster", tagsOf("a", "other-mc"), "management cluster other-mc"],
    ["another provider", tagsOf("a", managementCluster, "infrastructure-other"), "provider infrastructure-other"],
  ])("of a resource of %s is refused, also outside of a reconcile", async (_who, labels, text) => {
    const { client, raw } = await acme();
    raw.answers.push([{ id: "srv-1", labels }]);
    await client.listServers();
    await expect(client.deleteServer({ id: "srv-1" })).rejects.toMatchObject({
      code: "ERR_OWNER_FOREIGN",
      message: expect.stringContaining(text),
    });
  });

  it("cannot write or take away the tags that say so", async () => {
    const tag = { kind: "update", tags: "labels" } as const;
    const { client, raw } = await acme({}, { operations: { ...acmeOptions.operations, resizeServer: tag } });
    const labels = { "provider-guard/cluster-uid": "uid-b" };
    await expect(client.resizeServer({ id: "srv-1", labels } as never)).rejects.toMatchObject({
      code: "ERR_OWNER_RESERVED_TAG",
    });
    expect(raw.sent).toEqual([]);
  });

  it("counts where a create changes what is there already", async () => {
    const create = { ...acmeOptions.operations.createServer, targets: ["template"] } as never;
    const { guard, client, raw } = await acme({}, { operations: { ...acmeOptions.operations, createServer: create } });
    raw.answers.push([{ id: "tpl-1", labels: tagsOf("a") }]);
    await client.listServers();
    const make = () => client.createServer({ name: "x", template: "tpl-1" } as never);
    await expect(guard.reconcile(subject("b"), make)).rejects.toMatchObject({ code: "ERR_OWNER_FOREIGN" });
    await guard.reconcile(subject("a"), make);
  });

  it("asks the cloud once whose a resource is, however many ask at the same time", async () => {
    const reads: string[] = [];
    const read = async (id: string) => {
      reads.push(id);
      return id === "srv-mine" ? tagsOf("a") : id === "srv-theirs" ? tagsOf("b") : undefined;
    };
    const { guard, client, raw } = await acme({}, { read });
    const remove = (id: string) => guard.reconcile(subject("a"), () => client.deleteServer({ id }));
    const resize = (size: number) => guard.reconcile(subject("a"), () => client.resizeServer({ id: "srv-mine", size }));
    await Promise.all([resize(1), resize(2), resize(3)]);
    await resize(4);
    await expect(remove("srv-theirs")).rejects.toMatchObject({ code: "ERR_OWNER_FOREIGN" });
    await remove("srv-gone");
    expect(reads).toEqual(["srv-mine", "srv-theirs", "srv-gone"]);
    expect(raw.sent).toHaveLength(5);
  });

  it("changes nothing while the cloud cannot say whose a resource is", async () => {
    const read = async () => {
      throw new AcmeError("down", { status: 503 });
    };
    const { client, raw } = await acme({}, { read });
    await expect(client.deleteServer({ id: "srv-1" })).rejects.toMatchObject({
      code: "ERR_OWNER_UNKNOWN",
      retryable: true,
      requeueAfterMs: 10_000,
    });
    expect(raw.sent).toEqual([]);
  });

  it("looks again after a while, since people edit tags", async () => {
    let reads = 0;
    const read = async () => {
      reads++;
      return tagsOf("a");
    };
    const { guard, client, clock } = await acme({ ownership: { knownTtlMs: 1000 } }, { read });
    const resize = () => guard.reconcile(subject("a"), () => client.resizeServer({ id: "srv-1", size: 1 }));
    await resize();
    await resize();
    await clock.advance(1001);
    await resize();
    expect(reads).toBe(2);
  });
});
