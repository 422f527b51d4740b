import { PatchStrategy, setHeaderOptions } from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import { generatedName } from "../../../adapters/kubernetes/generated-name.ts";
import { openIn } from "../../support/memory-journal.ts";
import { type Arrived, status } from "./fake-api-server.ts";
import { guarded, managementCluster, ownedBy, provider, subject } from "./guarded.ts";

const namespace = "default";
const map = (metadata: object) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { namespace, ...metadata } });
const isPost = ({ method }: Arrived) => method === "POST";
const sends = (requests: readonly Arrived[], method: string) => requests.filter((request) => request.method === method);

describe("a create", () => {
  it("carries the owner as labels, and what cannot be one as annotations", async () => {
    const { core, guard, server } = await guarded();
    const name = `m-${"x".repeat(80)}`;
    const machine = { namespace, name, uid: "uid-m" };
    const body = Object.freeze(map({ name: "one", labels: { team: "blue" }, annotations: { note: "mine" } }));
    await guard.reconcile({ ...subject("a"), machine }, () => core.createNamespacedConfigMap({ namespace, body }));
    const { labels, annotations } = (server.requests[0] as Arrived).body.metadata;
    expect(labels).toEqual({ team: "blue", ...ownedBy("a"), "provider-guard/machine-uid": "uid-m" });
    expect(annotations).toEqual({
      note: "mine",
      "provider-guard/machine-name": name,
      "provider-guard/created-at": expect.stringMatching(/^\d{10}$/),
      "provider-guard/intent": expect.any(String),
    });
  });

  it("names its field manager where the caller names none", async () => {
    const { core, guard, server } = await guarded();
    await guard.reconcile(subject("a"), async () => {
      await core.createNamespacedConfigMap({ namespace, body: map({ name: "one" }) });
      await core.createNamespacedConfigMap({ namespace, body: map({ name: "two" }), fieldManager: "mine" });
    });
    expect(server.requests.map(({ query }) => query.fieldManager)).toEqual([provider, "mine"]);
    const other = await guarded({ adapter: { fieldManager: "acme-controller" } });
    const none = await guarded({ adapter: { fieldManager: false } });
    for (const { guard, core } of [other, none]) {
      await guard.reconcile(subject("a"), () =>
        core.createNamespacedConfigMap({ namespace, body: map({ name: "one" }) }),
      );
    }
    expect(other.server.requests[0]?.query.fieldManager).toBe("acme-controller");
    expect(none.server.requests[0]?.query).toEqual({});
  });

  it("is refused outside a reconcile, while Leases, Events, reviews and dry runs belong to nobody", async () => {
    const { core, guard, custom, server } = await guarded();
    await expect(core.createNamespacedConfigMap({ namespace, body: map({ name: "one" }) })).rejects.toMatchObject({
      code: "ERR_OWNER_MISSING",
    });
    expect(server.requests).toEqual([]);
    const of = (group: string, version: string, plural: string) => ({ group, version, plural, namespace });
    const body = map({ name: "free" });
    await custom.createNamespacedCustomObject({ ...of("coordination.k8s.io", "v1", "leases"), body });
    await custom.createNamespacedCustomObject({ ...of("events.k8s.io", "v1", "events"), body });
    await custom.createNamespacedCustomObject({
      ...of("authorization.k8s.io", "v1", "localsubjectaccessreviews"),
      body,
    });
    await core.createNamespacedConfigMap({ namespace, body: map({ name: "one" }), dryRun: "All" });
    expect(server.requests.map((request) => request.body.metadata.labels)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    await guard.close();
  });

  it("whose answer was lost is answered with its own object when it is repeated", async () => {
    const { core, guard, server, journal } = await guarded();
    const create = () =>
      guard.reconcile(subject("a"), () => core.createNamespacedConfigMap({ namespace, body: map({ name: "one" }) }));
    server.script = [{ when: isPost, reply: "lost" }];
    await expect(create()).rejects.toThrow();
    const made = await create();
    expect(made.metadata?.uid).toBe([...server.objects.values()][0]?.metadata.uid);
    expect(server.objects.size).toBe(1);
    expect(journal.records.at(-1)).toMatchObject({ result: "ok", attempts: [{ status: 201 }] });
  });

  it("is adopted by the process that comes after a crash", async () => {
    const first = await guarded();
    const body = map({ generateName: "m-" });
    first.server.script = [{ when: isPost, reply: "lost" }];
    await first.guard
      .reconcile(subject("a"), () => first.core.createNamespacedConfigMap({ namespace, body }))
      .catch(() => {});
    const intents = openIn(first.journal.records.filter(({ type }) => type === "intent"));
    expect(intents).toHaveLength(1);
    const second = await guarded({ unfinished: intents }, first.server);
    const made = await second.guard.reconcile(subject("a"), () =>
      second.core.createNamespacedConfigMap({ namespace, body }),
    );
    expect(first.server.objects.size).toBe(1);
    expect(made.metadata?.name).toMatch(/^m-[a-z0-9]{10}$/);
    expect(second.journal.records.at(-1)).toMatchObject({ result: "ok", decisions: [{ verdict: "resume" }] });
  });

  it("that meets somebody else's object stays a conflict, and is no outage", async () => {
    const { core, guard, server, journal } = await guarded();
    const create = () =>
      guard.reconcile(subject("a"), () => core.createNamespacedConfigMap({ namespace, body: map({ name: "one" }) }));
    server.objects.set("/api/v1/namespaces/default/configmaps/one", map({ name: "one", uid: "other" }) as never);
    server.script = [{ when: isPost, reply: "reset" }];
    await expect(create()).rejects.toThrow();
    await expect(create()).rejects.toMatchObject({ code: 409 });
    expect(journal.records.at(-1)).toMatchObject({ result: "failed", attempts: [{ code: "AlreadyExists" }] });
    for (const circuit of guard.circuits()) expect(circuit.state).toBe("closed");
    // A fresh create does not even ask whose the object is.
    const before = sends(server.requests, "GET").length;
    await expect(create()).rejects.toMatchObject({ code: 409 });
    expect(sends(server.requests, "GET").length).toBe(before);
  });

  it("does not adopt what is being deleted", async () => {
    const { core, guard, server } = await guarded();
    const create = () =>
      guard.reconcile(subject("a"), () => core.createNamespacedConfigMap({ namespace, body: map({ name: "one" }) }));
    server.script = [{ when: isPost, reply: "lost" }];
    await expect(create()).rejects.toThrow();
    for (const object of server.objects.values()) object.metadata.deletionTimestamp = "2026-11-01T00:00:00Z";
    await expect(create()).rejects.toMatchObject({ code: 409 });
  });

  it("stays open while nobody can say whose the object in the way is", async () => {
    const { core, guard, server, journal } = await guarded();
    const create = () =>
      guard.reconcile(subject("a"), () => core.createNamespacedConfigMap({ namespace, body: map({ name: "one" }) }));
    server.script = [
      { when: isPost, reply: "lost" },
      { when: ({ method }) => method === "GET", reply: { status: 503, body: status(503, "ServiceUnavailable") } },
    ];
    await expect(create()).rejects.toThrow();
    await expect(create()).rejects.toMatchObject({ code: 503 });
    expect(journal.records.at(-1)).toMatchObject({ result: "unknown" });
    expect((await create()).metadata?.name).toBe("one");
    expect(server.objects.size).toBe(1);
  });

  it("is known again by a token of the caller's own, without any journal", async () => {
    const first = await guarded();
    const body = map({ name: "one", annotations: { "idempotency.provider-guard/token": "machine-uid-1" } });
    const create = ({ guard, core }: typeof first) =>
      guard.reconcile(subject("a"), () => core.createNamespacedConfigMap({ namespace, body }));
    const made = await create(first);
    const again = await create(await guarded({}, first.server));
    expect(again.metadata?.uid).toBe(made.metadata?.uid);
    expect(first.server.objects.size).toBe(1);
  });
});

describe("generated names", () => {
  it("are the same for the same token, within the limits, and differ otherwise", () => {
    const name = generatedName("m-", "token-1");
    expect(name).toMatch(/^m-[bcdfghjklmnpqrstvwxz2456789]{10}$/);
    expect(generatedName("m-", "token-1")).toBe(name);
    expect(generatedName("m-", "token-2")).not.toBe(name);
    expect(generatedName("x".repeat(300), "token-1")).toHaveLength(63);
  });

  it("are made for each create without a name, and for no other", async () => {
    const { core, guard, server } = await guarded();
    await guard.reconcile(subject("a"), async () => {
      await core.createNamespacedConfigMap({ namespace, body: map({ generateName: "m-" }) });
      await core.createNamespacedConfigMap({ namespace, body: map({ generateName: "m-" }) });
      await core.createNamespacedConfigMap({ namespace, body: map({ generateName: "m-", name: "own" }) });
    });
    const names = server.requests.map(({ body }) => body.metadata.name);
    expect(new Set(names).size).toBe(3);
    expect(names[2]).toBe("own");
  });
});

describe("a server-side apply", () => {
  const apply = setHeaderOptions("Content-Type", PatchStrategy.ServerSideApply);
  const at = { namespace, name: "one" };

  it("carries the same owner tags each time, and nothing that differs", async () => {
    const { core, guard, server } = await guarded();
    for (let i = 0; i < 2; i++) {
      await guard.reconcile(subject("a"), () => core.patchNamespacedConfigMap({ ...at, body: map(at) }, apply));
    }
    const [one, two] = sends(server.requests, "PATCH").map(({ body }) => body);
    expect(one.metadata).toEqual({ ...at, labels: ownedBy("a") });
    expect(two).toEqual(one);
    expect(sends(server.requests, "PATCH")[0]?.query.fieldManager).toBe(provider);
  });

  it("to another cluster's object is refused, and one to a subresource makes nothing", async () => {
    const { core, custom, guard, server, journal } = await guarded();
    const path = "/api/v1/namespaces/default/configmaps/one";
    server.objects.set(path, map({ ...at, labels: ownedBy("b") }) as never);
    await expect(
      guard.reconcile(subject("a"), () => core.patchNamespacedConfigMap({ ...at, body: map(at) }, apply)),
    ).rejects.toMatchObject({ code: "ERR_OWNER_FOREIGN" });
    const machine = { ...at, group: "infrastructure.acme.io", version: "v1", plural: "acmemachines" };
    await custom.patchNamespacedCustomObjectStatus({ ...machine, body: { metadata: at } }, apply).catch(() => {});
    expect(journal.records.at(-2)).toMatchObject({ operation: "apply acmemachines/status", kind: "update" });
  });
});

describe("the management cluster's own words", () => {
  it("are read back from labels and annotations alike", async () => {
    const { core, guard, server, adapter } = await guarded();
    await guard.reconcile(subject("a"), () =>
      core.createNamespacedConfigMap({ namespace, body: map({ name: "one" }) }),
    );
    const { labels, annotations } = (server.requests[0] as Arrived).body.metadata;
    expect(adapter.tags?.codec.decode({ ...labels, ...annotations })).toMatchObject({
      managementCluster,
      clusterUid: "uid-a",
    });
  });
});
