import type { GarbageInventory, GarbageItem } from "provider-guard/garbage";
import { describe, expect, it } from "vitest";
import { cloudWorld, everything, hour, managementCluster, provider, tagsOf } from "./cloud-world.ts";

/** An inventory whose items are shown differently. */
const shown =
  (change: (item: GarbageItem) => GarbageItem) =>
  (inventory: GarbageInventory): GarbageInventory => ({
    ...inventory,
    async *list(type, options) {
      for await (const page of inventory.list(type, options)) yield { ...page, items: page.items.map(change) };
    },
    async read(item, options) {
      const found = await inventory.read(item, options);
      return found && change(found);
    },
  });

describe("accidents of other collectors do not happen here", () => {
  it("an API server that is down at a restart makes no orphans of live machines", async () => {
    const world = await cloudWorld();
    const live = world.place("machine", tagsOf("alive", "m-alive"));
    const dead = world.place("machine", tagsOf("dead", "m-dead"));
    await world.collect();
    expect(world.exists(dead.id)).toBe(false);
    world.owners.failing = new Error("connect ECONNREFUSED");
    const again = world.make();
    await expect(world.run(again.scan())).rejects.toThrow("ECONNREFUSED");
    // Back, with an empty store, as after a restart from nothing.
    world.owners.failing = undefined;
    world.owners.clusters.clear();
    world.owners.machines.clear();
    await expect(world.run(again.scan())).rejects.toMatchObject({ code: "ERR_OWNERS_SUSPECT" });
    expect(world.exists(live.id)).toBe(true);
    expect(world.exists(world.net.id)).toBe(true);
  });

  it("a failed tag read is not a resource without tags", async () => {
    let failing = false;
    const change = shown((item) => (failing ? { ...item, tags: "unknown" } : item));
    const world = await cloudWorld({ change });
    const orphan = world.place("machine", tagsOf("dead"));
    await world.pass(hour);
    await world.run(world.collector.scan());
    failing = true;
    await world.collect();
    expect(world.exists(orphan.id)).toBe(true);
    const [status] = (await world.run(world.collector.status())).filter(({ type }) => type === "machine");
    expect(status?.record.complete?.tally.unknown).toBe(1);
    failing = false;
    await world.pass(hour);
    // Nothing of the time in which nobody could see it has counted.
    await world.run(world.collector.scan());
    const [entry] = (await world.run(world.collector.plan())).entries;
    expect(entry).toMatchObject({ decision: "wait", elapsedMs: 0, passes: 2 });
  });

  it("what cannot be read live at the deletion is not deleted", async () => {
    let failing = false;
    const world = await cloudWorld({ change: shown((item) => (failing ? { ...item, tags: "unknown" } : item)) });
    const orphan = world.place("machine", tagsOf("dead"));
    for (let pass = 0; pass < 30; pass++) {
      await world.run(world.collector.scan());
      await world.pass(hour);
    }
    await world.run(world.collector.scan());
    const plan = await world.run(world.collector.plan());
    expect(plan.entries).toMatchObject([{ id: orphan.id, decision: "delete" }]);
    failing = true;
    const { skipped } = await world.run(world.collector.sweep(plan));
    expect(skipped).toMatchObject([{ reason: "its tags could not be read" }]);
    expect(world.exists(orphan.id)).toBe(true);
  });

  it("an emergency stop stops deletions", async () => {
    const world = await cloudWorld();
    const orphan = world.place("machine", tagsOf("dead"));
    await world.run(world.guard.freeze({ reason: "migration", by: "ann" }));
    await expect(world.collect()).rejects.toMatchObject({ code: "ERR_FREEZE_ACTIVE" });
    expect(world.exists(orphan.id)).toBe(true);
    await world.run(world.guard.thaw({ by: "ann" }));
    await world.run(world.collector.sweep(await world.run(world.collector.plan())));
    expect(world.exists(orphan.id)).toBe(false);
  });

  it("an owner that comes back before the deletion keeps its resources, though the plan says delete", async () => {
    const world = await cloudWorld({ collector: { maxOwnersAgeMs: 0 } });
    const machine = world.place("machine", tagsOf("moved"));
    for (let pass = 0; pass < 30; pass++) {
      await world.run(world.collector.scan());
      await world.pass(hour);
    }
    const plan = await world.run(world.collector.plan());
    world.owners.clusters.add("moved");
    const { skipped, deleted } = await world.run(world.collector.sweep(plan));
    expect([skipped.map(({ reason }) => reason), deleted]).toEqual([["its owner lives"], []]);
    await world.run(world.collector.scan());
    expect((await world.run(world.collector.plan())).entries).toEqual([]);
    expect(world.exists(machine.id)).toBe(true);
  });

  it("an owner that the first list lacked and the second has is believed to live", async () => {
    const world = await cloudWorld();
    world.place("machine", tagsOf("shown-late"));
    await world.pass(hour);
    let reads = 0;
    const source = {
      async read(options: { readonly signal: AbortSignal }) {
        if (++reads === 2) world.owners.clusters.add("shown-late");
        return world.source.read(options);
      },
    };
    await world.run(world.make({ owners: source }).scan());
    expect((await world.run(world.collector.plan())).entries).toEqual([]);
  });

  it("invalid owner references, other clusters' and strangers' resources are nobody's business", async () => {
    const world = await cloudWorld();
    const { "provider-guard/cluster-uid": _, ...noCluster } = tagsOf("dead");
    const kept = [
      world.place("machine", {}),
      world.place("machine", { Name: "by hand", owner: "dead" }),
      world.place("machine", noCluster),
      world.place("machine", tagsOf("../../etc")),
      world.place("machine", { ...tagsOf("dead"), "provider-guard/management-cluster": "another" }),
      world.place("machine", { ...tagsOf("dead"), "provider-guard/provider": "infrastructure-other" }),
    ];
    await world.collect();
    expect(kept.filter(({ id }) => !world.exists(id))).toEqual([]);
  });

  it("a machine that was created before its owner could be listed is young", async () => {
    const world = await cloudWorld();
    await world.pass(24 * hour);
    world.place("machine", tagsOf("just-made"));
    await world.pass(hour / 12);
    const { complete } = await world.run(world.collector.scan());
    expect(complete.find(({ type }) => type === "machine")?.tally).toMatchObject({ young: 1, unlinked: 0 });
  });

  it.each([
    ["no time", undefined],
    ["a time in the future", Date.UTC(2030, 0)],
    ["no number", Number.NaN],
  ])("a resource with %s of creation is young for ever", async (_what, createdAt) => {
    const change = shown(({ createdAt: _, ...item }) => ({ ...item, ...(createdAt !== undefined && { createdAt }) }));
    const world = await cloudWorld({ change });
    const creating = world.place("machine", tagsOf("dead"));
    await world.collect();
    expect(world.exists(creating.id)).toBe(true);
  });

  it("an error that is no 404 does not make a resource gone, and no other resource either", async () => {
    const world = await cloudWorld();
    const orphan = world.place("machine", tagsOf("dead"));
    world.cloud.addFault({ effect: "denied", operations: ["describeMachine"] });
    const { failed, gone, deleted } = await world.collect();
    expect([failed.map(({ code }) => code), gone, deleted]).toEqual([["Denied"], [], []]);
    expect(world.exists(orphan.id)).toBe(true);
  });

  it("what hangs on a deleted resource qualifies by itself or stays", async () => {
    const world = await cloudWorld();
    const net = world.place("network", tagsOf("dead"));
    const foreign = world.place("machine", {}, { networkId: net.id });
    const { stuck } = await world.collect();
    expect(stuck.map(({ id }) => id)).toEqual([net.id]);
    expect([world.exists(net.id), world.exists(foreign.id)]).toEqual([true, true]);
  });

  it.each([
    [
      "a rule that throws",
      (): boolean => {
        throw new TypeError("no such property");
      },
    ],
    ["a rule that answers nothing", () => undefined as unknown as boolean],
    ["a rule that says so", () => true],
  ])("%s protects", async (name, when) => {
    const world = await cloudWorld({ policy: { ...everything, protect: [{ name, when }] } });
    const orphan = world.place("machine", tagsOf("dead"));
    await world.collect();
    expect(world.exists(orphan.id)).toBe(true);
  });

  it("the protection tag protects whatever its value", async () => {
    const world = await cloudWorld();
    const values = ["", "false", "0", "yes"];
    const kept = values.map((value) => world.place("machine", { ...tagsOf("dead"), "provider-guard-protect": value }));
    await world.collect();
    expect(kept.filter(({ id }) => !world.exists(id))).toEqual([]);
  });

  it.each([
    [{ default: { action: "delete" } }, "policy.types.loadBalancer"],
    [{ default: { graceMs: 0, action: "delete" } }, "policy.default.graceMs"],
    [{ default: { graceMs: hour }, passes: 1 }, "policy.passes"],
    [{ default: { graceMs: hour }, types: { machin: { action: "delete" } } }, "policy.types.machin"],
    [{ default: { graceMs: hour }, graceDays: 3 }, "policy"],
  ])("there is no implicit zero, and what is not known is refused: %j", async (policy, path) => {
    await expect(cloudWorld({ policy: policy as never })).rejects.toMatchObject({
      code: "ERR_CONFIG_INVALID",
      message: expect.stringContaining(path),
    });
  });

  it("too many at once trip the breaker before the first, until a person has looked", async () => {
    const world = await cloudWorld({ policy: { ...everything, breakers: { maxCount: 3, maxPercent: 100 } } });
    const orphans = Array.from({ length: 5 }, () => world.place("machine", tagsOf("dead")));
    const balancer = world.place("loadBalancer", tagsOf("dead"));
    const first = await world.collect();
    expect(first.tripped).toMatchObject([{ type: "machine", wanted: 5 }]);
    expect(first.deleted.map(({ id }) => id)).toEqual([balancer.id]);
    for (const { id } of orphans.slice(0, 4)) world.cloud.remove(id);
    await world.run(world.collector.scan());
    // One alone would pass; the breaker stays latched.
    expect((await world.run(world.collector.sweep(await world.run(world.collector.plan())))).deleted).toEqual([]);
    const latched = await world.run(world.collector.acknowledge({ by: "ann", reason: "the cluster was deleted" }));
    expect(latched).toMatchObject([{ type: "machine", wanted: 5 }]);
    const { deleted } = await world.run(world.collector.sweep(await world.run(world.collector.plan())));
    expect(deleted).toHaveLength(1);
    expect(world.journal.records.filter((each) => each.type === "notice")).toContainEqual(
      expect.objectContaining({ event: "garbage-acknowledged", details: expect.objectContaining({ by: "ann" }) }),
    );
  });

  it("a breaker of zero means zero", async () => {
    for (const breakers of [{ maxCount: 0 }, { maxPercent: 0 }]) {
      const world = await cloudWorld({ policy: { ...everything, breakers } });
      const orphan = world.place("machine", tagsOf("dead"));
      expect((await world.collect()).tripped).toHaveLength(1);
      await world.run(world.collector.acknowledge({ by: "ann", reason: "looked" }));
      await world.run(world.collector.sweep(await world.run(world.collector.plan())));
      expect(world.exists(orphan.id), JSON.stringify(breakers)).toBe(
        breakers.maxCount === 0 || breakers.maxPercent === 0,
      );
    }
  });

  it("the cap counts what was deleted before, in one sweep after the other", async () => {
    const world = await cloudWorld({ policy: { ...everything, breakers: { maxCount: 2, maxPercent: 100 } } });
    for (let made = 0; made < 2; made++) world.place("machine", tagsOf("dead"));
    expect((await world.collect()).deleted).toHaveLength(2);
    const third = world.place("machine", tagsOf("dead"));
    const { clock } = world;
    const before = clock.now();
    for (let pass = 0; pass < 25; pass++) {
      await world.run(world.collector.scan());
      await world.pass(hour - 200_000);
    }
    expect(clock.now() - before).toBeLessThan(24 * hour);
    expect(world.exists(third.id)).toBe(true);
  });

  it("a list that breaks off on its second page skips nothing silently, and counts for nothing", async () => {
    const world = await cloudWorld();
    for (let made = 0; made < 120; made++) world.place("machine", tagsOf("dead"));
    await world.pass(hour);
    const undo = world.cloud.addFault({ effect: "internal-error", operations: ["describeMachines"], skip: 1 });
    const { incomplete, complete } = await world.run(world.collector.scan());
    expect(incomplete).toMatchObject([{ type: "machine", code: "InternalError" }]);
    expect(complete.map(({ type }) => type)).toEqual(["loadBalancer", "volume", "network"]);
    expect((await world.run(world.collector.plan())).entries.every(({ passes }) => passes === 0)).toBe(true);
    undo();
    const again = await world.run(world.collector.scan());
    expect(again.complete.find(({ type }) => type === "machine")?.tally.unlinked).toBe(120);
  });

  it("a mark is not lost where something else rewrites the tags", async () => {
    const world = await cloudWorld();
    const orphan = world.place("machine", tagsOf("dead"));
    await world.run(world.collector.scan());
    await world.run(world.client.tagResource({ ids: [orphan.id], tags: { Name: "renamed" } }));
    await world.collect();
    expect(world.exists(orphan.id)).toBe(false);
  });

  it("a zone of throttling loses nothing: what failed is in the next plan", async () => {
    const world = await cloudWorld();
    const orphan = world.place("machine", tagsOf("dead"));
    const undo = world.cloud.addFault({ effect: "throttled", operations: ["terminateMachine"] });
    const { failed } = await world.collect();
    expect(failed).toMatchObject([{ code: "Throttled" }]);
    undo();
    await world.pass(hour);
    await world.run(world.collector.sweep(await world.run(world.collector.plan())));
    expect(world.exists(orphan.id)).toBe(false);
  });

  it("names what each deletion was for in the audit log, before it happens", async () => {
    const world = await cloudWorld();
    const orphan = world.place("machine", tagsOf("dead", "m-dead"));
    await world.collect();
    const at = world.journal.records.findIndex((each) => each.type === "notice" && each.event === "garbage-deletion");
    expect(world.journal.records[at]).toMatchObject({
      details: {
        type: "machine",
        id: orphan.id,
        reason: expect.stringContaining("its machine is gone"),
        cluster: "dead",
      },
    });
    expect(world.journal.records[at + 1]).toMatchObject({ type: "intent", operation: "terminateMachine" });
    expect(world.journal.records[at + 1]).toMatchObject({ owner: { managementCluster, provider } });
  });
});
