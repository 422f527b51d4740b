import type { GarbageProgress } from "provider-guard/garbage";
import { planTable, stateMarks, tagMarks } from "provider-guard/garbage";
import { describe, expect, it } from "vitest";
import { cloudWorld, everything, hour, tagsOf } from "./cloud-world.ts";

type World = Awaited<ReturnType<typeof cloudWorld>>;

async function marked(world: World, passes = 30): Promise<void> {
  for (let pass = 0; pass < passes; pass++) {
    await world.pass(hour);
    await world.run(world.collector.scan());
  }
}

const planOf = (world: World) => world.run(world.collector.plan());
const sweepOf = async (world: World) => world.run(world.collector.sweep(await planOf(world)));

describe("garbageCollector", () => {
  it("deletes exactly the orphans, dependents first", async () => {
    const world = await cloudWorld({ cloud: { deletionMs: 4000 } });
    const net = world.place("network", tagsOf("dead"));
    const machine = world.place("machine", tagsOf("dead", "m-dead"), { networkId: net.id });
    const volume = world.place("volume", tagsOf("dead"));
    const replaced = world.place("machine", tagsOf("alive", "m-gone"));
    const kept = [world.place("machine", tagsOf("alive", "m-alive")), world.place("machine", tagsOf("alive"))];
    await marked(world);
    const { deleted, stuck } = await sweepOf(world);
    expect(deleted.map(({ id }) => id).sort()).toEqual([machine.id, net.id, replaced.id, volume.id].sort());
    expect(stuck).toEqual([]);
    expect(deleted.findIndex(({ id }) => id === net.id)).toBeGreaterThan(
      deleted.findIndex(({ id }) => id === machine.id),
    );
    expect(kept.every(({ id }) => world.exists(id))).toBe(true);
  });

  it("only marks by default, and data-bearing types unless it is said of them", async () => {
    for (const policy of [{ default: { graceMs: hour } }, { default: { graceMs: hour, action: "delete" as const } }]) {
      const world = await cloudWorld({ policy: { ...policy, breakers: { maxPercent: 100 } } });
      const volume = world.place("volume", tagsOf("dead"));
      const machine = world.place("machine", tagsOf("dead"));
      await marked(world, 5);
      await sweepOf(world);
      expect(world.exists(volume.id)).toBe(true);
      expect(world.exists(machine.id)).toBe(policy.default.action !== "delete");
      const entry = (await planOf(world)).entries.find(({ id }) => id === volume.id);
      expect(entry).toMatchObject({ decision: "keep", reasons: expect.arrayContaining(["the policy marks alone"]) });
    }
  });

  it("writes and deletes nothing in a dry run, and says what it would do", async () => {
    const world = await cloudWorld();
    const orphan = world.place("machine", tagsOf("dead"));
    await world.pass(hour);
    const before = await entriesOf(world);
    const seen: GarbageProgress[] = [];
    const dry = world.make({ onProgress: (each) => seen.push(each) });
    await world.run(dry.scan({ dryRun: true }));
    expect(seen).toContainEqual(expect.objectContaining({ type: "marked", id: orphan.id }));
    expect(await entriesOf(world)).toEqual(before);
    await marked(world);
    const kept = await entriesOf(world);
    const { deleted } = await world.run(world.collector.sweep(await planOf(world), { dryRun: true }));
    expect(deleted.map(({ id }) => id)).toEqual([orphan.id]);
    expect(world.exists(orphan.id)).toBe(true);
    expect(await entriesOf(world)).toEqual(kept);
  });

  it("ends between any two requests when its signal aborts, and goes on later", async () => {
    const world = await cloudWorld();
    for (let made = 0; made < 10; made++) world.place("machine", tagsOf("dead"));
    await marked(world);
    const abort = new AbortController();
    const collector = world.make({
      concurrency: 1,
      onProgress: ({ type, ...rest }) =>
        "done" in rest && type === "swept" && rest.done === 3 && abort.abort(new Error("enough")),
    });
    const plan = await planOf(world);
    await expect(world.run(collector.sweep(plan, { signal: abort.signal }))).rejects.toThrow("enough");
    expect(world.cloud.inspect().live["account-1"]?.machine).toBe(7);
    await world.run(world.collector.sweep(plan));
    expect(world.cloud.inspect().live["account-1"]?.machine).toBe(0);
  });

  it("resumes a pass at the page where another process was cut off", async () => {
    const world = await cloudWorld();
    for (let made = 0; made < 250; made++) world.place("machine", tagsOf("dead"));
    await world.pass(hour);
    const undo = world.cloud.addFault({ effect: "internal-error", operations: ["describeMachines"], skip: 2 });
    await world.run(world.collector.scan());
    undo();
    const asked = world.cloud.inspect().requests.length;
    await world.run(world.make().scan());
    const lists = world.cloud
      .inspect()
      .requests.slice(asked)
      .filter(({ operation }) => operation === "describeMachines");
    expect(lists).toHaveLength(1);
    expect((await planOf(world)).entries.filter(({ passes }) => passes === 1)).toHaveLength(250);
  });

  it("begins anew where the cloud has forgotten the page", async () => {
    let forgotten = false;
    const world = await cloudWorld({
      change: (inventory) => ({
        ...inventory,
        list(type, options) {
          if (forgotten && options.from !== undefined) throw new Error("invalid token");
          return inventory.list(type, options);
        },
      }),
    });
    for (let made = 0; made < 150; made++) world.place("machine", tagsOf("dead"));
    await world.pass(hour);
    const undo = world.cloud.addFault({ effect: "internal-error", operations: ["describeMachines"], skip: 1 });
    await world.run(world.collector.scan());
    undo();
    forgotten = true;
    expect((await world.run(world.collector.scan())).incomplete).toHaveLength(1);
    expect((await world.run(world.collector.scan())).incomplete).toEqual([]);
  });

  it("counts no time that only the wall clock says has passed", async () => {
    const world = await cloudWorld();
    world.place("machine", tagsOf("dead"));
    await world.pass(hour);
    await world.run(world.collector.scan());
    world.clock.jump(365 * 24 * hour);
    await world.run(world.collector.scan());
    expect((await planOf(world)).entries).toMatchObject([{ decision: "wait", passes: 2, elapsedMs: 0 }]);
    // After a restart nobody knows how long it was: no more than maxGapMs counts.
    await world.run(world.make().scan());
    world.clock.jump(365 * 24 * hour);
    await world.run(world.make().scan());
    expect((await planOf(world)).entries).toMatchObject([{ elapsedMs: hour }]);
  });

  it("lets one run at a time change marks", async () => {
    const world = await cloudWorld({ cloud: { latency: {} } });
    world.place("machine", tagsOf("dead"));
    const both = await world.run(Promise.allSettled([world.collector.scan(), world.make().scan()]));
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(both.find((each) => each.status === "rejected")).toMatchObject({ reason: { code: "ERR_COLLECTOR_BUSY" } });
  });

  it("takes over from a process that died, and that one finds out before its next write", async () => {
    let held: (() => void) | undefined;
    const world = await cloudWorld({
      change: (inventory) => ({
        ...inventory,
        async *list(type, options) {
          if (held === undefined) await new Promise<void>((resolve) => (held = resolve)); // stopped, as by SIGSTOP
          yield* inventory.list(type, options);
        },
      }),
    });
    world.place("machine", tagsOf("dead"));
    const late = world.collector.scan();
    late.catch(() => {});
    await world.pass(hour);
    await world.run(world.make().scan());
    held?.();
    await expect(world.run(late)).rejects.toMatchObject({ code: "ERR_COLLECTOR_LOST" });
  });

  it("asks who leads before every deletion", async () => {
    let leads = true;
    const world = await cloudWorld({
      collector: {
        concurrency: 1,
        leader: {
          check() {
            if (!leads) throw new Error("another leads");
          },
        },
        onProgress: (each) => {
          if (each.type === "swept" && each.done === 2) leads = false;
        },
      },
    });
    for (let made = 0; made < 5; made++) world.place("machine", tagsOf("dead"));
    await marked(world);
    const { deleted, failed } = await sweepOf(world).catch(() => ({ deleted: [], failed: [] }));
    expect(world.cloud.inspect().live["account-1"]?.machine).toBe(3);
    expect(deleted.length + failed.length).toBeLessThanOrEqual(5);
  });

  it("waits for as many passes as the policy says, however much time has passed", async () => {
    const world = await cloudWorld({ policy: { ...everything, passes: 4 } });
    world.place("machine", tagsOf("dead"));
    const decisions: string[] = [];
    for (let pass = 0; pass < 5; pass++) {
      await world.pass(30 * hour);
      await world.run(world.collector.scan());
      decisions.push((await planOf(world)).entries[0]?.decision ?? "none");
    }
    expect(decisions).toEqual(["wait", "wait", "wait", "delete", "delete"]);
  });

  it("deletes nothing that the audit log could not take", async () => {
    const world = await cloudWorld();
    const orphan = world.place("machine", tagsOf("dead"));
    await marked(world);
    const plan = await planOf(world);
    world.journal.failure = new Error("disk full");
    await world.run(world.collector.sweep(plan)).catch(() => {});
    expect(world.exists(orphan.id)).toBe(true);
  });

  it("gives notice, and waits; a hook that fails deletes nothing", async () => {
    const told: string[] = [];
    let broken = true;
    const world = await cloudWorld({
      policy: { ...everything, noticeMs: 6 * hour },
      collector: {
        notify({ id }) {
          if (broken) throw new Error("the hook is down");
          told.push(id);
        },
      },
    });
    const orphan = world.place("machine", tagsOf("dead"));
    await marked(world);
    expect((await sweepOf(world)).failed).toHaveLength(1);
    broken = false;
    expect((await sweepOf(world)).noticed).toHaveLength(1);
    await world.pass(5 * hour);
    expect((await sweepOf(world)).noticed).toHaveLength(1);
    await world.pass(hour);
    expect((await sweepOf(world)).deleted.map(({ id }) => id)).toEqual([orphan.id]);
    expect(told).toEqual([orphan.id]);
  });

  it.each([
    ["2026-11-09T08:00:00Z", true], // a Monday, 9 in Berlin
    ["2026-11-09T07:59:00Z", false],
    ["2026-11-09T16:00:00Z", false],
    ["2026-11-08T10:00:00Z", false],
    ["2026-12-24T10:00:00Z", false],
  ])("keeps to business hours and freezes: at %s %s", async (at, open) => {
    const world = await cloudWorld({
      policy: {
        ...everything,
        calendar: {
          businessHours: { fromHour: 9, toHour: 17, timeZone: "Europe/Berlin" },
          freezes: [{ from: "2026-12-20T00:00:00Z", to: "2027-01-07T00:00:00Z", reason: "holidays" }],
        },
      },
    });
    const orphan = world.place("machine", tagsOf("dead"));
    await marked(world);
    world.clock.jump(Date.parse(at) - world.clock.now());
    await sweepOf(world);
    expect(world.exists(orphan.id)).toBe(!open);
  });

  it("explains one resource, live", async () => {
    const world = await cloudWorld();
    const orphan = world.place("machine", tagsOf("dead"));
    await marked(world, 3);
    expect(await world.run(world.collector.explain(orphan.id))).toMatchObject([
      { type: "machine", judgement: { standing: "unlinked" }, entry: { decision: "wait", passes: 3 } },
    ]);
    expect(await world.run(world.collector.explain(world.net.id))).toMatchObject([
      { judgement: { standing: "linked" } },
    ]);
    expect(await world.run(world.collector.explain("machine-00009999"))).toEqual([]);
  });

  it("begins the grace anew where a person takes the mark away", async () => {
    const world = await cloudWorld();
    const orphan = world.place("machine", tagsOf("dead"));
    await marked(world);
    const plan = await planOf(world);
    expect(await world.run(world.collector.unmark(orphan.id, { by: "ann", reason: "looking into it" }))).toBe(true);
    expect((await world.run(world.collector.sweep(plan))).skipped).toHaveLength(1);
    await marked(world, 2);
    expect((await planOf(world)).entries).toMatchObject([{ decision: "wait", passes: 2 }]);
  });

  it("begins the grace anew where a resource gets another owner that dies, too", async () => {
    const world = await cloudWorld();
    const orphan = world.place("machine", tagsOf("dead"));
    await marked(world, 10);
    world.cloud.remove(orphan.id);
    const again = world.place("machine", tagsOf("dead-later"));
    await marked(world, 2);
    expect((await planOf(world)).entries).toMatchObject([{ id: again.id, passes: 2 }]);
  });

  it("refuses another collector's plan, and believes nothing of a plan but which resources are meant", async () => {
    const world = await cloudWorld();
    const live = world.place("machine", tagsOf("alive"));
    await marked(world, 2);
    const plan = await planOf(world);
    const owner = { managementCluster: "mgmt-1", provider: "infrastructure-sim", clusterUid: "alive" };
    const scope = world.inventory.scope;
    const facts = { reasons: [], since: 0, passes: 99, elapsedMs: 1e12, owner };
    const forged = {
      ...plan,
      entries: [{ scope, type: "machine", id: live.id, decision: "delete" as const, ...facts }],
    };
    expect((await world.run(world.collector.sweep(forged))).deleted).toEqual([]);
    await expect(world.run(world.collector.sweep({ ...plan, collector: "other" }))).rejects.toMatchObject({
      code: "ERR_CONFIG_INVALID",
    });
    expect(world.exists(live.id)).toBe(true);
  });

  it("shows a plan to people without letting names move the cursor", async () => {
    const world = await cloudWorld();
    world.place("machine", { ...tagsOf("dead"), "provider-guard/cluster-name": "a\u001b[2Jb" });
    await marked(world);
    const table = planTable(await planOf(world));
    expect(table).toContain("delete    simulated/account-1/region-1  machine");
    expect(table).toContain("1 to delete");
    expect(table).not.toContain("\u001b");
  });
});

describe("tagMarks", () => {
  it("shows a mark in the cloud, and takes a tag that a person removed for a new beginning", async () => {
    const world = await cloudWorld();
    const collector = world.make({ marks: tagMarks({ state: world.state }), name: "tags" });
    const orphan = world.place("machine", tagsOf("dead"));
    const tags = () => world.cloud.inspect().resources.find(({ id }) => id === orphan.id)?.tags ?? {};
    for (let pass = 0; pass < 30; pass++) {
      await world.pass(hour);
      await world.run(collector.scan());
    }
    expect(tags()["provider-guard-unlinked-since"]).toMatch(/^2026-11-02T09/);
    expect((await world.run(collector.plan())).entries).toMatchObject([{ decision: "delete" }]);
    const plan = await world.run(collector.plan());
    await world.run(world.client.untagResource({ ids: [orphan.id], keys: ["provider-guard-unlinked-since"] }));
    expect((await world.run(collector.sweep(plan))).skipped).toMatchObject([{ reason: "its mark was taken away" }]);
    await world.run(collector.scan());
    expect((await world.run(collector.plan())).entries).toMatchObject([{ decision: "wait", passes: 1 }]);
    await world.run(world.client.tagResource({ ids: [orphan.id], tags: { "provider-guard-unlinked-since": "never" } }));
    await world.run(collector.scan());
    expect((await world.run(collector.plan())).entries).toEqual([]);
  });

  it("takes the tag from what has an owner again, and never touches a stranger's", async () => {
    const world = await cloudWorld();
    const collector = world.make({ marks: tagMarks({ state: world.state }), name: "tags" });
    const orphan = world.place("machine", tagsOf("moved"));
    const mark = { "provider-guard-unlinked-since": "2026-01-01T00:00:00Z" };
    const foreign = world.place("machine", mark);
    await world.pass(hour);
    await world.run(collector.scan());
    world.owners.clusters.add("moved");
    await world.run(collector.scan());
    const tagsNow = (id: string) => world.cloud.inspect().resources.find((each) => each.id === id)?.tags;
    expect(tagsNow(orphan.id)).not.toHaveProperty("provider-guard-unlinked-since");
    expect(tagsNow(foreign.id)).toEqual(mark);
  });
});

it("stateMarks and garbageCollector refuse what they cannot work with, naming the path", async () => {
  expect(() => stateMarks({ state: {} as never })).toThrow("stateMarks.state");
  const world = await cloudWorld();
  expect(() => world.make({ concurrency: 0 })).toThrow("garbageCollector.concurrency");
  expect(() => world.make({ inventory: [world.inventory, world.inventory] })).toThrow("two of the same scope");
  const circle = { ...world.inventory, types: [{ name: "a", holdsData: false, after: ["a"] }] };
  expect(() => world.make({ inventory: circle })).toThrow("a waits for itself");
});

async function entriesOf(world: World) {
  const all: unknown[] = [];
  for await (const entry of world.state.scan("garbage/")) all.push(entry);
  return all;
}
