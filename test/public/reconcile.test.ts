import { once } from "node:events";
import { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { acme, subject } from "../support/acme.ts";

const clusterOf = (sent: { input: unknown }) =>
  (sent.input as { labels: Record<string, string> }).labels["provider-guard/cluster-name"];

describe("guard.reconcile", () => {
  it("refuses a create outside of any, before anything leaves", async () => {
    const { client, raw, journal } = await acme();
    await expect(client.createServer({ name: "lost" })).rejects.toMatchObject({ code: "ERR_OWNER_MISSING" });
    expect(raw.sent).toEqual([]);
    expect(journal.records).toMatchObject([
      { type: "refusal", code: "ERR_OWNER_MISSING", operation: "createServer", kind: "create" },
    ]);
  });

  it("takes the objects that a controller holds", async () => {
    const { guard, client, raw } = await acme();
    const { cluster } = subject("a");
    const held = (kind: string, metadata: object) => ({
      apiVersion: "cluster.x-k8s.io/v1beta2",
      kind,
      metadata,
      spec: {},
    });
    const machine = { namespace: "default", name: "a-1", uid: "m-1" };
    const objects = {
      cluster: held("Cluster", { ...cluster, labels: { team: "b" } }),
      machine: held("Machine", { ...machine, generation: 3 }),
    };
    await guard.reconcile(objects, () => client.createServer({ name: "one" }));
    await guard.reconcile({ cluster, machine }, () => client.createServer({ name: "two" }));
    const owners = raw.sent.map(({ input }) => {
      const {
        "provider-guard/intent": _,
        "provider-guard/created-at": __,
        ...rest
      } = (input as { labels: object }).labels as Record<string, string>;
      return rest;
    });
    expect(owners[0]).toEqual(owners[1]);
    expect(owners[0]).toMatchObject({ "provider-guard/cluster-uid": cluster.uid, "provider-guard/machine-uid": "m-1" });
  });

  it("lets reads, updates and deletes go on outside of any", async () => {
    const { client, raw } = await acme();
    await client.listServers();
    await client.resizeServer({ id: "srv-9", size: 2 });
    await client.deleteServer({ id: "srv-9" });
    expect(raw.sent).toHaveLength(3);
  });

  it("carries the owner through timers, streams and many reconciles at once", async () => {
    const { guard, client, raw } = await acme({ rateLimit: false });
    const reconcileOnce = (name: string) =>
      guard.reconcile(subject(name), async () => {
        await pause(1);
        await client.createServer({ name: `${name}/timer` });
        const stream = Readable.from([1, 2]);
        stream.on("data", () => void client.createServer({ name: `${name}/stream` }));
        await once(stream, "end");
        await new Promise((resolve) => setImmediate(resolve));
        await client.createServer({ name: `${name}/immediate` });
      });
    const names = Array.from({ length: 20 }, (_, index) => `cluster-${index}`);
    await Promise.all(names.map(reconcileOnce));
    expect(raw.sent).toHaveLength(80);
    for (const sent of raw.sent) {
      expect((sent.input as { name: string }).name.split("/")[0]).toBe(clusterOf(sent));
    }
  });

  it("names the inner owner inside a reconcile inside a reconcile", async () => {
    const { guard, client, raw } = await acme();
    await guard.reconcile(subject("outer"), async () => {
      await guard.reconcile(subject("inner"), () => client.createServer({ name: "x" }));
      await client.createServer({ name: "y" });
    });
    expect(raw.sent.map(clusterOf)).toEqual(["inner", "outer"]);
  });

  it.each([
    [undefined, "reconcile"],
    [{}, "reconcile.cluster"],
    [{ cluster: { namespace: "default", name: "a" } }, "reconcile.cluster.uid"],
    [{ cluster: { namespace: "default", name: "a", uid: "" } }, "reconcile.cluster.uid"],
    [{ cluster: { namespace: "", name: "a", uid: "u" } }, "reconcile.cluster.namespace"],
    [{ cluster: { namespace: "d", name: "a\nb", uid: "u" } }, "reconcile.cluster.name"],
    [{ ...subject("a"), machine: { namespace: "default", name: "m" } }, "reconcile.machine.uid"],
    [{ cluster: { kind: "Cluster", metadata: { namespace: "default", name: "a" } } }, "reconcile.cluster.metadata.uid"],
    [{ cluster: { kind: "Cluster", metadata: undefined } }, "reconcile.cluster.metadata:"],
  ])("refuses an owner that could be mistaken for another: %#", async (owner, path) => {
    const { guard } = await acme();
    let ran = false;
    const run = guard.reconcile(owner as never, () => {
      ran = true;
    });
    await expect(run).rejects.toMatchObject({ code: "ERR_OWNER_INVALID", message: expect.stringContaining(path) });
    expect(ran).toBe(false);
  });

  it("ends the waits inside when its signal aborts, and nothing is sent", async () => {
    const rules = [{ name: "slow", ratePerSecond: 1, burst: 1 }];
    const { guard, client, raw, clock } = await acme({ rateLimit: { rules } });
    const controller = new AbortController();
    const run = guard.reconcile(
      subject("a"),
      async () => {
        await client.createServer({ name: "first" });
        await client.createServer({ name: "second" });
      },
      { signal: controller.signal },
    );
    const ended = expect(run).rejects.toThrow("shutting down");
    await clock.advance(500);
    controller.abort(new Error("shutting down"));
    await ended;
    await clock.advance(60_000);
    expect(raw.sent).toHaveLength(1);
  });

  it("inside another ends with it", async () => {
    const rules = [{ name: "slow", ratePerSecond: 1, burst: 1 }];
    const { guard, client, raw, clock } = await acme({ rateLimit: { rules } });
    await client.listServers();
    const outer = new AbortController();
    const own = { signal: new AbortController().signal };
    const inside = () => guard.reconcile(subject("a"), () => client.createServer({ name: "x" }), own);
    const ended = expect(guard.reconcile(subject("a"), inside, { signal: outer.signal })).rejects.toThrow("stop");
    await clock.advance(100);
    outer.abort(new Error("stop"));
    await ended;
    await clock.advance(10_000);
    expect(raw.sent).toHaveLength(1);
  });
});
