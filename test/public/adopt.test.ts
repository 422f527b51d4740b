import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { createGuard, type FormerOwner, type Guard, type GuardOptions, plainTags, type TagCodec } from "provider-guard";
import { type ObjectAdapterOptions, object } from "provider-guard/object";
import { seededRandom, simulatedClock } from "provider-guard/testing";
import { describe, expect, it } from "vitest";
import { AcmeClient, acmeOptions, managementCluster, subject } from "../support/acme.ts";
import { memoryJournal } from "../support/memory-journal.ts";

type Labels = Record<string, string>;

/** A cloud that keeps labels: what is written is there for the next look, whoever looks. */
class LabelledClient extends AcmeClient {
  readonly labels: Map<string, Labels>;
  readonly lookedAt: string[] = [];

  constructor(labels: Map<string, Labels>) {
    super();
    this.labels = labels;
  }

  async dropLabels(input: { ids: readonly string[]; labels: object }): Promise<void> {
    this.sent.push({ operation: "dropLabels", input });
  }

  async setLabels(input: { ids: readonly string[]; labels: object }): Promise<void> {
    this.sent.push({ operation: "setLabels", input });
    for (const id of input.ids) this.labels.set(id, { ...this.labels.get(id), ...(input.labels as Labels) });
  }
}

const former = "0d0d0d0d-0000-4000-8000-000000000009";

/** What stood on a resource of cluster `default/a` before the move. */
function tagsBefore(changes: Record<string, string | undefined> = {}): Labels {
  const tags = {
    "management-cluster": former,
    provider: "infrastructure-acme",
    "cluster-namespace": "default",
    "cluster-name": "a",
    "cluster-uid": "old-uid-a",
    "created-at": "1700000000",
    intent: "old-intent",
    ...changes,
  };
  const entries = Object.entries(tags).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(entries.map(([key, value]) => [`provider-guard/${key}`, value]));
}
const machineTagsBefore = (machine: string) =>
  tagsBefore({ "machine-name": machine, "machine-uid": `old-uid-${machine}` });

interface Setup extends Partial<GuardOptions> {
  readonly formers?: readonly FormerOwner[];
  readonly adapter?: Partial<ObjectAdapterOptions>;
}

/** A guard of the cluster's new management cluster; `labels` are what is on the cloud. */
async function moved(
  labels: Record<string, Labels> | Map<string, Labels> = {},
  { formers = [{ managementCluster: former }], adapter, ...options }: Setup = {},
) {
  const raw = new LabelledClient(labels instanceof Map ? labels : new Map(Object.entries(labels)));
  const journal = memoryJournal();
  const guard = await createGuard({
    owner: { managementCluster, provider: "infrastructure-acme" },
    audit: journal,
    clock: simulatedClock(),
    random: seededRandom(7),
    ownership: { formerOwners: formers },
    ...options,
  });
  const setLabels = { kind: "update", targets: ["ids"], tags: "labels", record: ["ids"] } as const;
  const dropLabels = { ...setLabels, kind: "delete" } as const;
  const client = guard.wrap(
    raw,
    object({
      ...acmeOptions,
      operations: { ...acmeOptions.operations, setLabels, dropLabels },
      read: async (id) => {
        raw.lookedAt.push(id);
        return raw.labels.get(id);
      },
      ...adapter,
    }),
  );
  const outcomes = () => journal.records.filter(({ type }) => type === "outcome");
  return { raw, journal, guard, client, outcomes };
}

/** The tags that make a resource the running reconcile's, created when and by what it was. */
const mine = (guard: Guard) => plainTags.encode(guard.owner(), 1_700_000_000_000, "old-intent");
const byHand = { operator: "alice", reason: "was made in the console" };

const foreign = { code: "ERR_OWNER_FOREIGN" };
const reserved = { code: "ERR_OWNER_RESERVED_TAG" };

describe("the option", () => {
  it.each([
    [[{ managementCluster: managementCluster }], "ownership.formerOwners[0].clusterUid"],
    [[{ managementCluster: former }, { managementCluster }], "ownership.formerOwners[1].clusterUid"],
    [[{ managementCluster: "" }], "ownership.formerOwners[0].managementCluster"],
    [[{ managementCluster: former, clusterUid: "no uid\n" }], "ownership.formerOwners[0].clusterUid"],
    [[{ clusterUid: "old-uid-a" }], "ownership.formerOwners[0].managementCluster"],
    [[{ managementCluster: former, cluster: "a" }], "ownership.formerOwners[0]"],
    [{ managementCluster: former }, "ownership.formerOwners"],
  ])("%j is refused, naming %s", async (formers, path) => {
    await expect(moved({}, { formers: formers as never })).rejects.toMatchObject({
      code: "ERR_CONFIG_INVALID",
      message: expect.stringContaining(`${path}:`),
    });
  });
});

describe("what a former owner left", () => {
  it("may be changed and deleted by the cluster of that namespace and name, and the record says whose it was", async () => {
    const { guard, client, raw, outcomes } = await moved({ "srv-1": machineTagsBefore("m-1") });
    await guard.reconcile(subject("a", "m-1"), async () => {
      await client.resizeServer({ id: "srv-1", size: 2 });
      await client.deleteServer({ id: "srv-1" });
    });
    expect(raw.sent.map(({ operation }) => operation)).toEqual(["resizeServer", "deleteServer"]);
    const decisions = [{ phase: "own", by: "own", verdict: "warn", note: "former owner" }];
    expect(outcomes()).toMatchObject([{ decisions }, { decisions }]);
    await guard.manual({ ...byHand, ...subject("a") }, () => client.deleteServer({ id: "srv-1" }));
  });

  it.each<[string, Labels, FormerOwner]>([
    ["another management cluster", tagsBefore({ "management-cluster": "third" }), { managementCluster: former }],
    ["another provider", tagsBefore({ provider: "infrastructure-other" }), { managementCluster: former }],
    ["another namespace", tagsBefore({ "cluster-namespace": "kube-system" }), { managementCluster: former }],
    ["another cluster", tagsBefore({ "cluster-name": "b" }), { managementCluster: former }],
    ["nobody's cluster", tagsBefore({ "cluster-name": undefined }), { managementCluster: former }],
    ["another UID than was said", tagsBefore(), { managementCluster: former, clusterUid: "older-uid-a" }],
    [
      "no UID where one was said",
      tagsBefore({ "cluster-uid": undefined }),
      { managementCluster: former, clusterUid: "x" },
    ],
  ])("is not what carries the tags of %s", async (_whose, labels, listed) => {
    const { guard, client, raw } = await moved({ "srv-1": labels }, { formers: [listed] });
    await guard.reconcile(subject("a"), async () => {
      await expect(client.deleteServer({ id: "srv-1" })).rejects.toMatchObject(foreign);
      await expect(client.setLabels({ ids: ["srv-1"], labels: mine(guard) })).rejects.toMatchObject(foreign);
    });
    expect(raw.sent).toEqual([]);
  });

  it("stays another's for other clusters, and outside of any reconcile with a cluster", async () => {
    const { guard, client, raw } = await moved({ "srv-1": tagsBefore() });
    const remove = () => client.deleteServer({ id: "srv-1" });
    const take = () => client.setLabels({ ids: ["srv-1"], labels: mine(guard) });
    for (const touch of [remove, take]) {
      await expect(guard.reconcile(subject("b"), touch)).rejects.toMatchObject(foreign);
    }
    await expect(remove()).rejects.toMatchObject(foreign);
    await expect(guard.manual(byHand, remove)).rejects.toMatchObject(foreign);
    await expect(take()).rejects.toMatchObject(reserved);
    await expect(guard.manual(byHand, take)).rejects.toMatchObject(reserved);
    expect(raw.sent).toEqual([]);
  });

  it("is refused with what to write into the options, where it looks like a moved cluster's alone", async () => {
    const { guard, client } = await moved(
      { "srv-1": tagsBefore(), "srv-2": tagsBefore({ "cluster-name": "b" }) },
      { formers: [] },
    );
    const message = (id: string) =>
      guard.reconcile(subject("a"), () => client.deleteServer({ id })).catch((error: Error) => error.message);
    expect(await message("srv-1")).toContain(
      `list { managementCluster: "${former}", clusterUid: "old-uid-a" } in ownership.formerOwners`,
    );
    expect(await message("srv-2")).not.toContain("formerOwners");
  });

  it("after a restore in place is told by the UID that the Cluster had", async () => {
    const here = (uid: string) => tagsBefore({ "management-cluster": managementCluster, "cluster-uid": uid });
    const { guard, client } = await moved(
      { "srv-1": here("old-uid-a"), "srv-2": here("older-uid-a") },
      { formers: [{ managementCluster, clusterUid: "old-uid-a" }] },
    );
    await guard.reconcile(subject("a"), async () => {
      await client.deleteServer({ id: "srv-1" });
      await expect(client.deleteServer({ id: "srv-2" })).rejects.toMatchObject(foreign);
    });
  });

  it("is not told from tag values that are no names, and a refusal does not repeat them", async () => {
    const hostile = "x\nlevel=info owner=me";
    const labels = [
      { "management-cluster": hostile },
      { "cluster-uid": hostile, "management-cluster": managementCluster },
    ];
    for (const changes of labels) {
      const { guard, client } = await moved({ "srv-1": tagsBefore(changes) }, { formers: [] });
      const error = await guard.reconcile(subject("a"), () => client.deleteServer({ id: "srv-1" })).catch((e) => e);
      expect(error).toMatchObject(foreign);
      expect(error.message).not.toContain("level=info");
    }
  });
});

describe("a takeover", () => {
  it("writes the tags of the reconcile's own owner, and from then on the resource is its own", async () => {
    const { guard, client, raw, outcomes } = await moved({ "srv-1": machineTagsBefore("m-1") });
    await guard.reconcile(subject("a", "m-1"), async () => {
      await client.setLabels({ ids: ["srv-1"], labels: { ...mine(guard), team: "blue" } });
      await client.resizeServer({ id: "srv-1", size: 2 });
    });
    expect(plainTags.decode(raw.labels.get("srv-1") as Labels)).toEqual({
      managementCluster,
      provider: "infrastructure-acme",
      clusterNamespace: "default",
      clusterName: "a",
      clusterUid: "uid-a",
      machineName: "m-1",
      machineUid: "uid-m-1",
      createdAt: 1_700_000_000,
      intent: "old-intent",
    });
    expect(raw.lookedAt).toEqual(["srv-1"]); // what is remembered afterwards is the new owner
    const [taken, resized] = outcomes();
    expect(taken).toMatchObject({ decisions: [{ verdict: "change", note: "taken over from a former owner" }] });
    expect(resized).not.toHaveProperty("decisions.0");
  });

  it("may be repeated, also by a replica that remembers the former owner, and when its answer was lost", async () => {
    const labels = new Map([["srv-1", tagsBefore()]]);
    const [one, other] = [await moved(labels), await moved(labels)];
    const take = ({ guard, client }: typeof one) =>
      guard.reconcile(subject("a"), () => client.setLabels({ ids: ["srv-1"], labels: mine(guard) }));
    await other.guard.reconcile(subject("a"), () => other.client.resizeServer({ id: "srv-1", size: 1 }));
    await take(one);
    await take(other);
    await take(other);
    expect(other.outcomes().slice(1)).toMatchObject([{ decisions: undefined }, { decisions: undefined }]);
    // Once the option is taken out again, what was taken over stays one's own.
    const after = await moved(labels, { formers: [] });
    await take(after);
    await after.guard.reconcile(subject("a"), () => after.client.deleteServer({ id: "srv-1" }));
  });

  it("looks at what is on the cloud now, whatever is remembered", async () => {
    const { guard, client, raw } = await moved({ "srv-1": tagsBefore() });
    await guard.reconcile(subject("a"), async () => {
      await client.resizeServer({ id: "srv-1", size: 1 });
      raw.labels.set("srv-1", tagsBefore({ "management-cluster": "third" }));
      await expect(client.setLabels({ ids: ["srv-1"], labels: mine(guard) })).rejects.toMatchObject(foreign);
    });
  });

  it.each<[string, (tags: Labels) => object]>([
    ["another cluster's UID", (tags) => ({ ...tags, "provider-guard/cluster-uid": "uid-b" })],
    ["another management cluster", (tags) => ({ ...tags, "provider-guard/management-cluster": former })],
    ["another machine", (tags) => ({ ...tags, "provider-guard/machine-uid": "uid-m-2" })],
    ["no machine", ({ "provider-guard/machine-uid": _uid, ...tags }) => tags],
    ["a reserved key that no owner has", (tags) => ({ ...tags, "provider-guard/protected": "true" })],
    ["a time that is none", (tags) => ({ ...tags, "provider-guard/created-at": "yesterday" })],
    ["a tag that is taken away", (tags) => ({ ...tags, "provider-guard/intent": null })],
    ["a tag of no text", (tags) => ({ ...tags, "provider-guard/cluster-uid": { toString: () => "uid-a" } })],
    ["names alone", (tags) => Object.keys(tags)],
    ["one of the tags", () => ({ "provider-guard/cluster-uid": "uid-a" })],
  ])("is none with %s", async (_what, change) => {
    const { guard, client, raw } = await moved({ "srv-1": machineTagsBefore("m-1") });
    const take = () => client.setLabels({ ids: ["srv-1"], labels: change(mine(guard) as Labels) });
    await expect(guard.reconcile(subject("a", "m-1"), take)).rejects.toMatchObject(reserved);
    expect(raw.sent).toEqual([]);
  });

  it("is an update: a call that deletes by these tags is none", async () => {
    const { guard, client, raw } = await moved({ "srv-1": tagsBefore() });
    const drop = () => client.dropLabels({ ids: ["srv-1"], labels: mine(guard) });
    await expect(guard.reconcile(subject("a"), drop)).rejects.toMatchObject(reserved);
    expect(raw.sent).toEqual([]);
  });

  it("is none of several resources of which one is somebody else's", async () => {
    const { guard, client, raw } = await moved({
      "srv-1": tagsBefore(),
      "srv-2": tagsBefore({ "cluster-name": "b" }),
      "srv-3": {},
    });
    await guard.reconcile(subject("a"), async () => {
      const take = (...ids: string[]) => client.setLabels({ ids, labels: mine(guard) });
      await expect(take("srv-1", "srv-2")).rejects.toMatchObject(foreign);
      await expect(take("srv-2", "srv-1")).rejects.toMatchObject(foreign);
      await expect(take("srv-1", "srv-3")).rejects.toMatchObject(reserved);
      await expect(take("srv-1", "srv-gone")).rejects.toMatchObject(reserved);
      await expect(take()).rejects.toMatchObject(reserved);
      expect(raw.sent).toEqual([]);
      await take("srv-1");
    });
  });

  it("leaves a machine's resources the machine's, and the cluster's the cluster's", async () => {
    const own = (machine: string) =>
      plainTags.encode(
        { managementCluster, provider: "infrastructure-acme", ...subject("a", machine) },
        1_700_000_000_000,
        "old-intent",
      );
    const { guard, client, raw } = await moved({
      vpc: tagsBefore(),
      vm: machineTagsBefore("m-1"),
      mine: own("m-1"),
      namesake: { ...own("m-1"), "provider-guard/machine-uid": "uid-of-one-deleted" },
    });
    const take = (id: string) => () => client.setLabels({ ids: [id], labels: mine(guard) });
    for (const id of ["vm", "mine"]) {
      await expect(guard.reconcile(subject("a"), take(id))).rejects.toMatchObject(reserved);
      await expect(guard.reconcile(subject("a", "m-2"), take(id))).rejects.toMatchObject(reserved);
    }
    for (const id of ["vpc", "namesake"]) {
      await expect(guard.reconcile(subject("a", "m-1"), take(id))).rejects.toMatchObject(reserved);
    }
    expect(raw.sent).toEqual([]);
    await guard.reconcile(subject("a"), take("vpc"));
    await guard.reconcile(subject("a", "m-1"), take("vm"));
  });

  it("of what carries no owner tags is a person's decision", async () => {
    const { guard, client, raw, outcomes } = await moved({ "srv-1": { team: "blue" } }, { formers: [] });
    const take = () => client.setLabels({ ids: ["srv-1"], labels: mine(guard) });
    await expect(guard.reconcile(subject("a"), take)).rejects.toMatchObject({
      ...reserved,
      message: expect.stringContaining("guard.manual"),
    });
    await expect(guard.manual(byHand, take)).rejects.toMatchObject(reserved);
    expect(raw.sent).toEqual([]);
    await guard.manual({ ...byHand, ...subject("a") }, take);
    expect(outcomes()).toMatchObject([{ decisions: [{ verdict: "change", note: "taken over by hand" }] }]);
    await expect(guard.reconcile(subject("b"), () => client.deleteServer({ id: "srv-1" }))).rejects.toMatchObject(
      foreign,
    );
  });

  it("counts what was seen where the cloud cannot be asked", async () => {
    const { guard, client, raw } = await moved({}, { adapter: { read: undefined as never } });
    const take = (id: string) => () => client.setLabels({ ids: [id], labels: mine(guard) });
    raw.answers.push([
      { id: "srv-1", labels: tagsBefore() },
      { id: "srv-2", labels: tagsBefore({ "cluster-name": "b" }) },
    ]);
    await client.listServers();
    await guard.reconcile(subject("a"), take("srv-1"));
    await expect(guard.reconcile(subject("a"), take("srv-2"))).rejects.toMatchObject(foreign);
    await expect(guard.reconcile(subject("a"), take("srv-3"))).rejects.toMatchObject(reserved);
    // A refusal teaches nothing: what was known to be another's stays so.
    await expect(guard.reconcile(subject("a"), () => client.deleteServer({ id: "srv-2" }))).rejects.toMatchObject(
      foreign,
    );
  });

  it("works with a codec of one's own, whatever that stumbles over", async () => {
    const codec: TagCodec = {
      prefix: "acme-owner",
      encode: (owner, createdAtMs, intent) => ({ "acme-owner": JSON.stringify({ owner, createdAtMs, intent }) }),
      decode(tags) {
        if (tags["acme-owner"] === undefined) return undefined;
        const { owner, createdAtMs, intent } = JSON.parse(tags["acme-owner"]);
        return { ...plainTags.decode(plainTags.encode(owner, createdAtMs, intent)), intent } as never;
      },
    };
    const was = { managementCluster: former, provider: "infrastructure-acme", ...subject("a") };
    const { guard, client, raw } = await moved(
      { "srv-1": codec.encode(was, 1_700_000_000_000, "old-intent") as Labels },
      { adapter: { codec } },
    );
    await guard.reconcile(subject("a"), async () => {
      const tags = codec.encode(guard.owner(), 1_700_000_000_000, "old-intent");
      await expect(client.setLabels({ ids: ["srv-1"], labels: { "acme-owner": "{" } })).rejects.toMatchObject(reserved);
      await expect(client.setLabels({ ids: ["srv-1"], labels: { ...tags, "acme-owner2": "" } })).rejects.toMatchObject(
        reserved,
      );
      await client.setLabels({ ids: ["srv-1"], labels: tags });
      await client.deleteServer({ id: "srv-1" });
    });
    expect(raw.lookedAt).toEqual(["srv-1"]);
  });
});

describe("the span of a call", () => {
  it("shows what a former owner left, and its takeover", async () => {
    const spans = new InMemorySpanExporter();
    const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
    const { guard, client } = await moved({ "srv-1": tagsBefore() }, { telemetry: { tracerProvider } });
    await guard.reconcile(subject("a"), async () => {
      await client.resizeServer({ id: "srv-1", size: 2 });
      await client.setLabels({ ids: ["srv-1"], labels: mine(guard) });
      await client.resizeServer({ id: "srv-1", size: 3 });
    });
    const calls = spans.getFinishedSpans().filter(({ name }) => !name.endsWith("attempt"));
    expect(calls.map(({ events }) => events.map(({ name }) => name))).toEqual([
      ["former owner"],
      ["taken over from a former owner"],
      [],
    ]);
  });
});

describe("in observe mode", () => {
  it("what would be refused goes on, with a note, and a takeover is learnt", async () => {
    const { guard, client, raw, outcomes } = await moved(
      { "srv-1": tagsBefore(), "srv-2": tagsBefore({ "cluster-name": "b" }) },
      { mode: "observe" },
    );
    await guard.reconcile(subject("a"), async () => {
      await client.setLabels({ ids: ["srv-1"], labels: mine(guard) });
      await client.setLabels({ ids: ["srv-2"], labels: mine(guard) });
      await client.deleteServer({ id: "srv-1" });
    });
    expect(raw.sent).toHaveLength(3);
    expect(outcomes()).toMatchObject([
      { decisions: [{ verdict: "change" }] },
      { decisions: [{ verdict: "would-refuse", code: "ERR_OWNER_FOREIGN" }] },
      { decisions: undefined },
    ]);
  });
});

describe("guard.explain", () => {
  it("says what would become of a change and of a takeover, without asking the cloud", async () => {
    const { guard, client, raw } = await moved({});
    raw.answers.push([
      { id: "srv-1", labels: tagsBefore() },
      { id: "srv-2", labels: tagsBefore({ "cluster-name": "b" }) },
      { id: "srv-3", labels: {} },
    ]);
    await client.listServers();
    const said = (operation: string, input: object) =>
      guard.reconcile(subject("a"), async () => {
        const { stages } = guard.explain({ client, operation, input: [input] });
        return stages.find(({ phase }) => phase === "own")?.explanation;
      });
    const owner = { managementCluster, provider: "infrastructure-acme", ...subject("a") };
    const labels = plainTags.encode(owner, 1_700_000_000_000, "old-intent");
    const ids = (...list: string[]) => ({ ids: list, labels });
    expect(await said("deleteServer", { id: "srv-1" })).toMatchObject({
      verdict: "pass",
      reason: expect.stringContaining("former"),
    });
    expect(await said("deleteServer", { id: "srv-2" })).toMatchObject({
      verdict: "refuse",
      reason: expect.stringContaining("ERR_OWNER_FOREIGN"),
    });
    expect(await said("setLabels", ids("srv-1", "srv-9"))).toMatchObject({
      verdict: "pass",
      reason: expect.stringContaining("takeover"),
    });
    expect(await said("setLabels", ids("srv-1", "srv-2"))).toMatchObject({
      verdict: "refuse",
      reason: expect.stringContaining("ERR_OWNER_FOREIGN"),
    });
    expect(await said("setLabels", ids("srv-3"))).toMatchObject({
      verdict: "refuse",
      reason: expect.stringContaining("guard.manual"),
    });
    expect(
      await said("setLabels", { ids: ["srv-1"], labels: { ...labels, "provider-guard/intent": "" } }),
    ).toMatchObject({ verdict: "refuse" });
    expect(raw.lookedAt).toEqual([]);
  });
});

describe("guard.owner", () => {
  it("is whom a call made there belongs to", async () => {
    const { guard } = await moved();
    const principal = { managementCluster, provider: "infrastructure-acme" };
    expect(guard.owner()).toEqual(principal);
    await guard.reconcile(subject("a", "m-1"), async () => {
      expect(guard.owner()).toEqual({ ...principal, ...subject("a", "m-1") });
      await guard.manual(byHand, () => expect(guard.owner()).toEqual({ ...principal, ...subject("a", "m-1") }));
      await guard.manual({ ...byHand, ...subject("b") }, () =>
        expect(guard.owner()).toEqual({ ...principal, ...subject("b") }),
      );
      expect(Object.isFrozen(guard.owner())).toBe(true);
    });
  });
});
