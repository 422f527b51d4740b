import { type Network, seededRandom, simulatedClock, simulatedCloud } from "provider-guard/testing";
import { describe, expect, test } from "vitest";
import { sleep, systemClock } from "../../src/core/clock.ts";

const quick = { latency: false, limits: false, bootMs: 0, deletionMs: 0 } as const;

function setup(options: Partial<Parameters<typeof simulatedCloud>[0]> = {}) {
  const clock = simulatedClock();
  const cloud = simulatedCloud({ seed: 1, clock, ...options });
  return { clock, cloud, client: cloud.client({ account: "a" }) };
}

/** A busy little workload whose every step depends on lots: what a determinism test needs. */
async function workload(seed: number) {
  const clock = simulatedClock();
  const cloud = simulatedCloud({
    seed,
    clock,
    consistencyMs: 2_000,
    limits: { mutating: { ratePerSecond: 0.5, burst: 3 } },
    faults: [
      { effect: "lost", kinds: ["create"], share: 0.2 },
      { effect: "slow", share: 0.1, delayMs: 3_000 },
      { effect: "unavailable", operations: ["describe*"], fromMs: 5_000, untilMs: 9_000 },
    ],
  });
  const client = cloud.client({ account: "a" });
  const random = seededRandom(seed).fork("workload");
  const outcomes: unknown[] = [];
  const worker = async (name: string) => {
    for (let i = 0; i < 15; i++) {
      await sleep(clock, random() * 1_000);
      const step = random() < 0.5 ? client.createVolume({ name: `${name}-${i}`, sizeGb: 1 }) : client.describeVolumes();
      outcomes.push(await step.catch((error) => String(error)));
    }
  };
  await clock.runUntil(Promise.all(["x", "y", "z"].map(worker)));
  return JSON.stringify({ outcomes, log: cloud.inspect().requests, at: clock.now() });
}

describe("simulated cloud: determinism", () => {
  test("the same seed gives the same answers, log and times to the byte; another seed gives others", async () => {
    const first = await workload(42);
    expect((await workload(42)) === first).toBe(true);
    expect((await workload(43)) === first).toBe(false);
    for (const event of ["lost", "Throttled", "Unavailable"])
      expect([event, first.includes(event)]).toEqual([event, true]);
  });

  test("a fault that is added draws no lots of others", async () => {
    const run = async (more: boolean) => {
      const { clock, cloud, client } = setup({
        faults: [
          { effect: "reset", operations: ["describeVolumes"], share: 0.5 },
          ...(more ? [{ effect: "slow", operations: ["describeMachines"], share: 0.5 } as const] : []),
        ],
      });
      const results: string[] = [];
      const work = async () => {
        for (let i = 0; i < 30; i++) {
          await client.describeMachines();
          results.push(await client.describeVolumes().then(String, String));
        }
      };
      await clock.runUntil(work());
      expect(cloud.inspect().requests.length).toBeGreaterThan(30);
      return results;
    };
    expect(await run(true)).toEqual(await run(false));
  });
});

describe("simulated cloud: resources", () => {
  test("answers are copies with request ids of their own; inputs are read when sent", async () => {
    const { clock, client } = setup();
    const input = { name: "n", tags: { k: "v" } };
    const asked = client.createNetwork(input);
    input.tags.k = "changed";
    const first = await clock.runUntil(asked);
    (first.resource.tags as Record<string, string>).k = "changed";
    const second = await clock.runUntil(client.describeNetwork({ id: first.resource.id }));
    expect(second.resource.tags).toEqual({ k: "v" });
    expect(second.requestId).not.toBe(first.requestId);
  });

  test("a machine needs a network of its own account and region, boots, and holds the network", async () => {
    const { clock, cloud, client } = setup({ bootMs: 20_000, deletionMs: 5_000 });
    const stranger = cloud.client({ account: "b" });
    const elsewhere = cloud.client({ account: "a", region: "region-2" });
    const network = (await clock.runUntil(client.createNetwork({ name: "n" }))).resource;
    for (const other of [stranger, elsewhere]) {
      const refused = clock.runUntil(other.createMachine({ name: "m", networkId: network.id }));
      await expect(refused).rejects.toMatchObject({ code: "NotFound", status: 404 });
    }
    const machine = (await clock.runUntil(client.createMachine({ name: "m", networkId: network.id }))).resource;
    expect(machine).toMatchObject({ state: "pending", networkId: network.id, size: "small" });
    await clock.advance(20_000);
    const booted = await clock.runUntil(client.describeMachine({ id: machine.id }));
    expect(booted.resource.state).toBe("available");

    const inUse = clock.runUntil(client.deleteNetwork({ id: network.id }));
    await expect(inUse).rejects.toMatchObject({ code: "DependencyViolation", status: 409 });
    expect((await clock.runUntil(client.terminateMachine({ id: machine.id }))).resource.state).toBe("deleting");
    await expect(clock.runUntil(client.deleteNetwork({ id: network.id }))).rejects.toMatchObject({
      code: "DependencyViolation",
    });
    await expect(
      clock.runUntil(client.createLoadBalancer({ name: "lb", networkId: network.id, machineIds: [machine.id] })),
    ).rejects.toMatchObject({ code: "IncorrectState" });
    await clock.advance(5_000);
    await clock.runUntil(client.deleteNetwork({ id: network.id }));
    await clock.advance(5_000);
    await expect(clock.runUntil(client.describeNetwork({ id: network.id }))).rejects.toMatchObject({
      code: "NotFound",
    });
    expect(cloud.inspect().resources.map(({ state }) => state)).toEqual(["deleted", "deleted"]);
    expect(cloud.inspect().live.a).toEqual({ network: 0, machine: 0, volume: 0, loadBalancer: 0 });
  });

  test("a volume attaches to one machine, cannot be deleted meanwhile, and is let go with the machine", async () => {
    const { client } = setup(quick);
    const { id: networkId } = (await client.createNetwork({ name: "n" })).resource;
    const one = (await client.createMachine({ name: "1", networkId })).resource.id;
    const two = (await client.createMachine({ name: "2", networkId })).resource.id;
    const volumeId = (await client.createVolume({ name: "v", sizeGb: 5 })).resource.id;
    expect((await client.attachVolume({ volumeId, machineId: one })).resource).toMatchObject({
      state: "in-use",
      machineId: one,
    });
    await client.attachVolume({ volumeId, machineId: one });
    await expect(client.attachVolume({ volumeId, machineId: two })).rejects.toMatchObject({ code: "IncorrectState" });
    await expect(client.deleteVolume({ id: volumeId })).rejects.toMatchObject({ code: "DependencyViolation" });
    await client.detachVolume({ volumeId });
    await client.attachVolume({ volumeId, machineId: two });
    await client.terminateMachine({ id: two });
    expect((await client.describeVolume({ id: volumeId })).resource).toMatchObject({ state: "available" });
    await client.deleteVolume({ id: volumeId });
    await expect(client.deleteVolume({ id: volumeId })).rejects.toMatchObject({ code: "NotFound" });
  });

  test("a load balancer stands before machines of its network and forgets those that go", async () => {
    const { client } = setup(quick);
    const [inside, outside] = (await Promise.all(["i", "o"].map((name) => client.createNetwork({ name })))).map(
      ({ resource }) => resource.id,
    ) as [string, string];
    const machine = (await client.createMachine({ name: "m", networkId: inside })).resource.id;
    const foreign = (await client.createMachine({ name: "f", networkId: outside })).resource.id;
    const balancer = (await client.createLoadBalancer({ name: "lb", networkId: inside })).resource.id;
    await expect(client.updateLoadBalancer({ id: balancer, machineIds: [foreign] })).rejects.toMatchObject({
      code: "Invalid",
    });
    const updated = await client.updateLoadBalancer({ id: balancer, machineIds: [machine] });
    expect(updated.resource.machineIds).toEqual([machine]);
    await client.terminateMachine({ id: machine });
    expect((await client.describeLoadBalancer({ id: balancer })).resource.machineIds).toEqual([]);
    await expect(client.deleteNetwork({ id: inside })).rejects.toMatchObject({ code: "DependencyViolation" });
    await client.deleteLoadBalancer({ id: balancer });
    await client.deleteNetwork({ id: inside });
  });

  test("tags are written, replaced, taken away and searched, all or none", async () => {
    const { client } = setup(quick);
    const make = async (name: string, tags: Record<string, string>) =>
      (await client.createVolume({ name, sizeGb: 1, tags })).resource.id;
    const [a, b] = [await make("a", { team: "x", env: "1" }), await make("b", { team: "y" })];
    expect((await client.describeVolumes({ tags: { team: "x" } })).resources.map(({ id }) => id)).toEqual([a]);
    await client.tagResource({ ids: [a, b], tags: { team: "z" } });
    await client.untagResource({ ids: [a], keys: ["env"] });
    const seen = (await client.describeResources()).resources.map(({ tags }) => tags);
    expect(seen).toEqual([{ team: "z" }, { team: "z" }]);
    await expect(client.tagResource({ ids: [a, "vol-none"], tags: { lost: "1" } })).rejects.toMatchObject({
      code: "NotFound",
    });
    expect((await client.describeResource({ id: a })).resource.tags).toEqual({ team: "z" });
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`k${i}`, "v"]));
    await expect(client.tagResource({ ids: [a], tags: many })).rejects.toMatchObject({ code: "Invalid", status: 400 });
  });

  test("refuses bad input by the name of the field, never with its value", async () => {
    const { client } = setup(quick);
    const bad: readonly [Promise<unknown>, string][] = [
      [client.createNetwork({ name: "" }), "name"],
      [client.createVolume({ name: "v", sizeGb: -1 }), "sizeGb"],
      [client.createVolume({ name: "v", sizeGb: 1, tags: { "": "hunter2" } }), "tags"],
      [client.describeMachines({ pageSize: 0 }), "pageSize"],
      [client.describeMachines({ pageToken: "hunter2" }), "pageToken"],
      [client.describeMachine({} as { id: string }), "id"],
    ];
    for (const [refused, field] of bad) {
      const error = await refused.then(() => undefined).catch((reason) => reason);
      expect(error).toMatchObject({ code: "Invalid", status: 400, requestId: expect.stringMatching(/^req-/) });
      expect(error.message).toContain(`${field}:`);
      expect(error.message).not.toContain("hunter2");
    }
  });

  test("places and removes resources without a request", async () => {
    const { cloud, client } = setup({ ...quick, consistencyMs: 60_000 });
    const placed: Network = cloud.place("network", { account: "a", name: "by-hand" });
    expect((await client.describeNetworks()).resources).toEqual([placed]);
    expect([cloud.remove(placed.id), cloud.remove(placed.id)]).toEqual([true, false]);
    expect((await client.describeNetworks()).resources).toEqual([]);
    expect(cloud.inspect().requests).toHaveLength(2);
  });
});

describe("simulated cloud: pages", () => {
  test("a listing has each resource that was there all along exactly once, whatever comes and goes", async () => {
    const { clock, cloud, client } = setup({ limits: false });
    const before = Array.from({ length: 250 }, (_, i) => cloud.place("network", { account: "a", name: `n${i}` }).id);
    const doomed = new Set(before.filter((_, i) => i % 7 === 0));
    const listed: string[] = [];
    const list = async () => {
      let pageToken: string | undefined;
      do {
        const page = await client.describeNetworks({ pageSize: 20, ...(pageToken && { pageToken }) });
        expect(page.resources.length).toBeLessThanOrEqual(20);
        listed.push(...page.resources.map(({ id }) => id));
        pageToken = page.nextToken;
      } while (pageToken !== undefined);
    };
    const meanwhile = async () => {
      for (const id of doomed) {
        await client.createNetwork({ name: "new" });
        cloud.remove(id);
      }
    };
    await clock.runUntil(Promise.all([list(), meanwhile()]));
    expect(new Set(listed).size).toBe(listed.length);
    for (const id of before) if (!doomed.has(id)) expect(listed).toContain(id);
  });

  test("pages through 100,000 resources, and deletes many, in little time", async () => {
    const { cloud, client } = setup(quick);
    const total = 100_000;
    const startedAt = systemClock.monotonic();
    for (let i = 0; i < total; i++) cloud.place("volume", { account: "a", name: "v", sizeGb: 1 });
    const ids: string[] = [];
    let pageToken: string | undefined;
    do {
      const page = await client.describeVolumes({ pageSize: 1000, ...(pageToken && { pageToken }) });
      for (const { id } of page.resources) ids.push(id);
      pageToken = page.nextToken;
    } while (pageToken !== undefined);
    expect(new Set(ids).size).toBe(total);
    for (const id of ids.slice(0, total / 2)) await client.deleteVolume({ id });
    for (let i = 0; i < 1000; i++) await client.describeVolumes({ pageSize: 1 });
    expect(cloud.inspect().live.a?.volume).toBe(total / 2);
    expect(systemClock.monotonic() - startedAt).toBeLessThan(10_000);
  });
});

describe("simulated cloud: idempotency", () => {
  test("the same token and input give the first resource, even after a lost answer; another input is a conflict", async () => {
    const { clock, cloud, client } = setup({ faults: [{ effect: "lost", times: 1 }] });
    const input = { name: "n", clientToken: "t", tags: { a: "1", b: "2" } };
    await expect(clock.runUntil(client.createNetwork(input))).rejects.toMatchObject({ code: "ConnectionReset" });
    const again = await clock.runUntil(client.createNetwork({ ...input, tags: { b: "2", a: "1" } }));
    expect(cloud.inspect().resources.map(({ id }) => id)).toEqual([again.resource.id]);
    await expect(clock.runUntil(client.createNetwork({ ...input, name: "other" }))).rejects.toMatchObject({
      code: "IdempotencyMismatch",
      status: 409,
    });
    const elsewhere = cloud.client({ account: "b" }).createNetwork(input);
    expect((await clock.runUntil(elsewhere)).resource.id).not.toBe(again.resource.id);
    expect(cloud.inspect().requests.map(({ token }) => token)).toEqual(["t", "t", "t", "t"]);
  });

  test("answers with the first resource after its deletion, and forgets tokens in time", async () => {
    const { clock, client } = setup({ ...quick, idempotencyMs: 1_000 });
    const first = (await client.createNetwork({ name: "n", clientToken: "t" })).resource;
    await client.deleteNetwork({ id: first.id });
    const second = (await client.createNetwork({ name: "n", clientToken: "t" })).resource;
    expect(second).toMatchObject({ id: first.id, state: "deleted" });
    await clock.advance(1_000);
    expect((await client.createNetwork({ name: "n", clientToken: "t" })).resource.id).not.toBe(first.id);
  });

  test("twins in flight make one resource", async () => {
    const { clock, cloud, client } = setup();
    const twins = [1, 2, 3].map(() => client.createNetwork({ name: "n", clientToken: "t" }));
    const ids = (await clock.runUntil(Promise.all(twins))).map(({ resource }) => resource.id);
    expect(new Set(ids).size).toBe(1);
    expect(cloud.inspect().live.a?.network).toBe(1);
  });
});

describe("simulated cloud: eventual consistency", () => {
  test("a new resource is hidden from lists and describes for a while, not from updates", async () => {
    const { clock, client } = setup({ ...quick, consistencyMs: 4_000 });
    const { id } = (await client.createNetwork({ name: "n" })).resource;
    await clock.advance(1_999);
    expect((await client.describeNetworks()).resources).toEqual([]);
    await expect(client.describeNetwork({ id })).rejects.toMatchObject({ code: "NotFound" });
    await client.tagResource({ ids: [id], tags: { k: "v" } });
    await clock.advance(2_001);
    expect((await client.describeNetworks()).resources).toHaveLength(1);
    expect((await client.describeNetwork({ id })).resource.tags).toEqual({ k: "v" });
  });
});
