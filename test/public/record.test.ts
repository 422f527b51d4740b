import { GuardError } from "provider-guard";
import { object } from "provider-guard/object";
import { describe, expect, it } from "vitest";
import { AcmeClient, AcmeError, acme, acmeOptions, subject } from "../support/acme.ts";

const types = (records: readonly { type: string }[]) => records.map((record) => record.type);

describe("the audit record of a call", () => {
  it("is an intent before anything leaves, and an outcome after the answer", async () => {
    const { guard, client, raw, journal } = await acme();
    const createServer = raw.createServer.bind(raw);
    let before: string[] = [];
    raw.createServer = async (input) => {
      before = types(journal.records);
      return createServer(input);
    };
    await guard.reconcile(subject("a", "m-1"), () => client.createServer({ name: "one", password: "hunter2" }));
    expect(before).toEqual(["intent"]);
    const [intent, outcome] = journal.records;
    expect(intent).toMatchObject({
      type: "intent",
      operation: "createServer",
      kind: "create",
      resourceType: "server",
      target: { cloud: "acme", service: "acme", account: "default", region: "default" },
      owner: { provider: "infrastructure-acme", cluster: { name: "a" }, machine: { name: "m-1" } },
    });
    expect(outcome).toMatchObject({ type: "outcome", result: "ok", attempts: [{ n: 1, result: "ok" }] });
    expect((outcome as { call: string }).call).toBe((intent as { call: string }).call);
  });

  it("records what was allowed, the shape of the rest, and no secret", async () => {
    const { guard, client, journal } = await acme();
    await guard.reconcile(subject("a"), () =>
      client.createServer({ name: "one", password: "hunter2", labels: { note: "private" } }),
    );
    const text = JSON.stringify(journal.records);
    expect(text).not.toContain("hunter2");
    expect(text).not.toContain("private");
    expect(journal.records[0]).toMatchObject({ input: [{ name: "one", password: "[redacted]" }] });
  });

  it("is one record for a read, written after the answer", async () => {
    const { client, journal } = await acme();
    await client.listServers();
    expect(journal.records).toMatchObject([{ type: "read", operation: "listServers", result: "ok" }]);
  });

  it("names error class and code of a failure, and never its message", async () => {
    const { client, raw, journal } = await acme();
    raw.answers.push(new AcmeError("password hunter2 is wrong", { status: 403, code: "Forbidden" }));
    await expect(client.deleteServer({ id: "srv-1" })).rejects.toThrow("hunter2");
    expect(journal.records[1]).toMatchObject({
      type: "outcome",
      result: "failed",
      error: "Forbidden",
      attempts: [{ n: 1, status: 403, result: "denied", code: "Forbidden" }],
    });
    expect(JSON.stringify(journal.records)).not.toContain("hunter2");
  });

  it("calls a create unknown when its answer was lost", async () => {
    const { guard, client, raw, journal } = await acme();
    raw.answers.push(new AcmeError("socket hang up", { code: "ECONNRESET" }));
    await expect(guard.reconcile(subject("a"), () => client.createServer({ name: "x" }))).rejects.toThrow("hang up");
    expect(journal.records[1]).toMatchObject({ result: "unknown", attempts: [{ result: "lost" }] });
  });

  it("lets the SDK's own error through, the very same object", async () => {
    const { client, raw } = await acme();
    const error = new AcmeError("gone", { status: 404 });
    raw.answers.push(error);
    await expect(client.deleteServer({ id: "srv-1" })).rejects.toBe(error);
  });

  it("refuses mutating calls while nothing can be recorded; reads go on", async () => {
    const { guard, client, raw, journal } = await acme();
    journal.failure = new GuardError("ERR_AUDIT_UNAVAILABLE", "disk full", { retryable: true });
    await expect(guard.reconcile(subject("a"), () => client.createServer({ name: "x" }))).rejects.toMatchObject({
      code: "ERR_AUDIT_UNAVAILABLE",
    });
    await expect(client.deleteServer({ id: "srv-1" })).rejects.toMatchObject({ code: "ERR_AUDIT_UNAVAILABLE" });
    await client.listServers();
    expect(raw.sent.map(({ operation }) => operation)).toEqual(["listServers"]);
    journal.failure = undefined;
    await client.deleteServer({ id: "srv-1" });
    expect(types(journal.records)).toEqual(["intent", "outcome"]);
  });

  it("says that nothing left when the call was refused on its way to the wire", async () => {
    const rules = [{ name: "one", ratePerSecond: 0.001, burst: 1 }];
    const { client, journal } = await acme({ rateLimit: { rules, maxWaitingPerCluster: 0 } });
    await client.deleteServer({ id: "srv-1" });
    await expect(client.deleteServer({ id: "srv-2" })).rejects.toMatchObject({ code: "ERR_RATE_LIMIT_QUEUE_FULL" });
    expect(journal.records.at(-1)).toMatchObject({
      type: "outcome",
      result: "not-sent",
      error: "ERR_RATE_LIMIT_QUEUE_FULL",
      decisions: [{ phase: "limit", verdict: "refuse" }],
    });
  });

  it("is not led astray by an adapter that cannot read an answer or an error", async () => {
    const broken = () => {
      throw new Error("the adapter is broken");
    };
    const { guard, journal } = await acme();
    const raw = new AcmeClient();
    const adapter = { ...object(acmeOptions), answer: broken, errors: broken };
    const client = guard.wrap(raw, adapter);
    await client.deleteServer({ id: "srv-1" });
    const error = new AcmeError("no", { status: 403 });
    raw.answers.push(error);
    await expect(client.deleteServer({ id: "srv-1" })).rejects.toBe(error);
    const outcomes = journal.records.filter(({ type }) => type === "outcome");
    expect(outcomes).toMatchObject([{ result: "ok" }, { result: "unknown" }]);
  });
});
