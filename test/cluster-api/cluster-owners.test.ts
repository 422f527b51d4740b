import fc from "fast-check";
import { memoryState } from "provider-guard";
import { type ClusterOwnersOptions, clusterOwners, type ObjectSource } from "provider-guard/cluster-api";
import { simulatedClock } from "provider-guard/testing";
import { describe, expect, it } from "vitest";
import { sharedState } from "../support/shared-state.ts";
import { gone, type ModelServer, modelServer, refused } from "./model-server.ts";

const managementCluster = "6f9c2a51";

function setup(options: Partial<ClusterOwnersOptions> = {}) {
  const clock = simulatedClock();
  const clusters = modelServer();
  const machines = modelServer();
  const kubeSystem = { uid: managementCluster };
  const owners = clusterOwners({
    ...{ clusters: clusters.source, machines: machines.source, managementCluster, clock, pageSize: 2 },
    managementClusterUid: async () => kubeSystem.uid,
    ...options,
  });
  return { clock, clusters, machines, kubeSystem, owners, read: () => owners.read() };
}

function fill(server: ModelServer, count: number, prefix = "o"): void {
  for (let i = 0; i < count; i++) server.create(`${prefix}-${i}`);
}

function remove(server: ModelServer, count: number): void {
  for (const name of [...server.objects.keys()].slice(0, count)) server.delete(name);
}

const doubted = (message: RegExp) => ({
  ...{ code: "ERR_OWNERS_SUSPECT", retryable: false },
  message: expect.stringMatching(message),
});

describe("clusterOwners", () => {
  it("reads every page of both, with when and from which moment", async () => {
    const { clusters, machines, read, clock } = setup();
    fill(clusters, 3);
    fill(machines, 5);
    machines.update("o-1", (one) => ({
      ...one,
      metadata: { ...one.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" },
    }));
    const snapshot = await read();
    expect(snapshot).toMatchObject({ managementCluster, beganAt: clock.now(), endedAt: clock.now() });
    expect([...snapshot.clusters.values()].map(({ name }) => name)).toEqual(["o-0", "o-1", "o-2"]);
    expect(snapshot.machines.size).toBe(5);
    expect(snapshot.machines.resourceVersion).toBe("106");
    expect(snapshot.machines.get("uid-2")).toEqual({ namespace: "team", name: "o-1", uid: "uid-2", deleting: true });
    expect(snapshot.machines.has("uid-9")).toBe(false);
  });

  it("gives out what nobody can change", async () => {
    const { clusters, read } = setup();
    fill(clusters, 1);
    const { clusters: live } = await read();
    expect(Object.isFrozen(live)).toBe(true);
    expect(Object.isFrozen(live.get("uid-1"))).toBe(true);
    expect(live).not.toBeInstanceOf(Map);
  });

  it("lists Clusters after Machines, so that each Machine's Cluster is there", async () => {
    const order: string[] = [];
    const { clusters, machines } = setup();
    fill(clusters, 1);
    const tell = (what: string, { list, watch }: ObjectSource): ObjectSource => ({
      watch,
      list: (options) => {
        order.push(what);
        return list(options);
      },
    });
    const { read } = setup({
      clusters: tell("clusters", clusters.source),
      machines: tell("machines", machines.source),
    });
    await read();
    expect(order).toEqual(["machines", "clusters"]);
  });

  it.each([
    ["a first page", 0],
    ["a page in the middle", 1],
    ["a page of the second kind", 3],
  ])("answers nothing when %s fails", async (_, before) => {
    const { clusters, machines, owners } = setup();
    fill(clusters, 3);
    fill(machines, 5);
    const error = refused();
    let calls = 0;
    const failing = ({ source }: ModelServer): ObjectSource => ({
      watch: source.watch,
      list: (options) => (calls++ === before ? Promise.reject(error) : source.list(options)),
    });
    const broken = setup({ clusters: failing(clusters), machines: failing(machines) });
    await expect(broken.read()).rejects.toBe(error);
    expect((await owners.read()).machines.size).toBe(5);
  });

  it("begins again when its pages are gone, and shows the later moment alone", async () => {
    const { clusters, machines, read } = setup();
    fill(clusters, 1);
    fill(machines, 5);
    let pages = 0;
    const list = machines.source.list;
    Object.assign(machines.source, {
      list: (options: Parameters<typeof list>[0]) => {
        if (++pages === 2) {
          machines.delete("o-0");
          machines.create("late");
          machines.compact();
        }
        return list(options);
      },
    });
    const { machines: live } = await read();
    expect([...live.values()].map(({ name }) => name)).toEqual(["o-1", "o-2", "o-3", "o-4", "late"]);
  });

  it("gives up when its pages are gone again and again", async () => {
    const { clusters, machines, read } = setup({ maxRestarts: 2 });
    fill(clusters, 1);
    fill(machines, 3);
    machines.failures.push(gone(), gone(), gone());
    await expect(read()).rejects.toMatchObject({ code: 410 });
    expect(machines.calls).toHaveLength(3);
    expect((await read()).machines.size).toBe(3);
  });

  it.each<[string, ObjectSource["list"], RegExp]>([
    [
      "an item without UID",
      async () => ({ items: [{ metadata: { name: "m" } }], metadata: { resourceVersion: "7" } }),
      /without metadata.uid/,
    ],
    ["no items", async () => ({ metadata: { resourceVersion: "7" } }) as never, /without items/],
    ["no moment", async () => ({ items: [], metadata: {} }) as never, /which moment/],
    [
      "the same object twice",
      async () => ({
        items: [{ metadata: { name: "m", uid: "u" } }, { metadata: { name: "m", uid: "u" } }],
        metadata: { resourceVersion: "7" },
      }),
      /UID twice/,
    ],
    [
      "pages of two moments",
      async ({ continue: next }) => ({
        items: [],
        metadata: next === undefined ? { resourceVersion: "7", continue: "a" } : { resourceVersion: "8" },
      }),
      /two moments/,
    ],
    [
      "a page that leads back",
      async () => ({ items: [], metadata: { resourceVersion: "7", continue: "a" } }),
      /back to itself/,
    ],
  ])("refuses a list with %s", async (_, list, message) => {
    const { clusters } = setup();
    fill(clusters, 1);
    const { read } = setup({ clusters: clusters.source, machines: { list, watch: clusters.source.watch } });
    await expect(read()).rejects.toMatchObject({
      code: "ERR_LIST_INCOMPLETE",
      message: expect.stringMatching(message),
    });
  });

  it("gives up on a server that does not answer, and says so", async () => {
    const never: ObjectSource = { list: () => new Promise(() => {}), watch: () => new Promise(() => {}) };
    const { read, clock } = setup({ machines: never, timeoutMs: 60_000 });
    await expect(clock.runUntil(read())).rejects.toMatchObject({ code: "ERR_LIST_INCOMPLETE", retryable: true });
    expect(clock.monotonic()).toBe(60_000);
    expect(clock.pending).toBe(0);
  });

  it("ends with its caller's signal", async () => {
    const never: ObjectSource = { list: () => new Promise(() => {}), watch: () => new Promise(() => {}) };
    const { owners, clock } = setup({ machines: never });
    const controller = new AbortController();
    const reading = owners.read({ signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(reading).rejects.toThrow("enough");
    expect(clock.pending).toBe(0);
  });

  it("refuses another management cluster, also one that changes in the middle", async () => {
    const { clusters, machines, kubeSystem, read } = setup();
    fill(clusters, 1);
    kubeSystem.uid = "another";
    await expect(read()).rejects.toMatchObject(doubted(/kube-system has the UID another/));
    expect(clusters.calls).toHaveLength(0);
    kubeSystem.uid = managementCluster;
    const list = machines.source.list;
    Object.assign(machines.source, {
      list: (options: Parameters<typeof list>[0]) => {
        kubeSystem.uid = "another";
        return list(options);
      },
    });
    await expect(read()).rejects.toMatchObject(doubted(/another/));
  });

  it("does not believe a first list without Clusters, until it is acknowledged", async () => {
    const { owners, read, clusters } = setup();
    await expect(read()).rejects.toMatchObject(doubted(/no Cluster at all/));
    await expect(read()).rejects.toMatchObject(doubted(/no Cluster at all/));
    expect(await owners.acknowledge()).toMatchObject({ clusters: { count: 0 }, machines: { count: 0 } });
    expect((await read()).clusters.size).toBe(0);
    fill(clusters, 1);
    expect((await read()).clusters.size).toBe(1);
    clusters.delete("o-0");
    await expect(read()).rejects.toMatchObject(doubted(/no Cluster at all/));
  });

  it.each([
    ["three of five", 5, 3, undefined],
    ["four of five", 5, 4, /machines: 4 of 5 are gone/],
    ["two of two", 2, 2, /machines: 2 of 2 are gone/],
    ["a fifth", 50, 10, undefined],
    ["more than a fifth", 50, 11, /machines: 11 of 50 are gone/],
  ])("weighs the loss of %s Machines", async (_, count, lost, message) => {
    const { clusters, machines, read } = setup();
    fill(clusters, 1);
    fill(machines, count);
    await read();
    remove(machines, lost);
    if (message === undefined) expect((await read()).machines.size).toBe(count - lost);
    else await expect(read()).rejects.toMatchObject(doubted(message));
  });

  it("counts what is gone, not what came instead", async () => {
    const { clusters, machines, read } = setup();
    fill(clusters, 1);
    fill(machines, 10);
    await read();
    remove(machines, 10);
    fill(machines, 10, "n");
    await expect(read()).rejects.toMatchObject(doubted(/machines: 10 of 10 are gone/));
  });

  it("adds up small losses for an hour", async () => {
    const { clusters, machines, read, clock } = setup();
    fill(clusters, 1);
    fill(machines, 20);
    await read();
    remove(machines, 3);
    await read();
    await clock.advance(600_000);
    remove(machines, 2);
    await expect(read()).rejects.toMatchObject(doubted(/5 of 20 are gone/));
    await clock.advance(3_600_000);
    await expect(read()).rejects.toMatchObject(doubted(/5 of 20/));
  });

  it("lets a fleet shrink slowly", async () => {
    const { clusters, machines, read, clock } = setup();
    fill(clusters, 1);
    fill(machines, 20);
    for (let left = 20; left > 1; left -= 1) {
      expect((await read()).machines.size).toBe(left);
      remove(machines, 1);
      await clock.advance(1_800_000);
    }
  });

  it("believes a list that is whole again without being told", async () => {
    const { clusters, machines, read, owners } = setup();
    fill(clusters, 1);
    fill(machines, 10);
    await read();
    const kept = [...machines.objects];
    machines.objects.clear();
    await expect(read()).rejects.toMatchObject(doubted(/10 of 10/));
    for (const [name, object] of kept) machines.objects.set(name, object);
    expect((await read()).machines.size).toBe(10);
    expect(await owners.acknowledge()).toBeUndefined();
  });

  it("holds what comes after an acknowledgement against what was acknowledged", async () => {
    const { clusters, machines, read, owners } = setup();
    fill(clusters, 1);
    fill(machines, 20);
    await read();
    remove(machines, 10);
    await expect(read()).rejects.toMatchObject(doubted(/10 of 20/));
    await owners.acknowledge();
    remove(machines, 2);
    expect((await read()).machines.size).toBe(8);
    remove(machines, 4);
    await expect(read()).rejects.toMatchObject(doubted(/6 of 10/));
  });

  it("does not believe a list that is older than one before", async () => {
    const { clusters, machines, read, owners } = setup();
    fill(clusters, 1);
    fill(machines, 10);
    await read();
    machines.restore(50);
    await expect(read()).rejects.toMatchObject(
      doubted(/machines: the list is older \(50\) than one seen before \(110\)/),
    );
    await owners.acknowledge();
    expect((await read()).machines.resourceVersion).toBe("50");
  });

  it("remembers over a restart what was there, by number, and what was refused", async () => {
    const state = memoryState();
    const first = setup({ state });
    fill(first.clusters, 2);
    fill(first.machines, 10);
    await first.read();
    const { clusters, machines } = first;
    clusters.stop();
    const restarted = () => setup({ state, clusters: first.clusters.source, machines: machines.source });
    await expect(restarted().read()).rejects.toMatchObject({ code: "ECONNREFUSED" });
    clusters.start();
    remove(machines, 9);
    await expect(restarted().read()).rejects.toMatchObject(doubted(/9 of 10/));
    await restarted().owners.acknowledge();
    expect((await restarted().read()).machines.size).toBe(1);
  });

  it("answers nothing without its memory", async () => {
    const line = sharedState(simulatedClock()).line();
    const { clusters, read } = setup({ state: line.state });
    fill(clusters, 1);
    await read();
    line.mode = "down";
    await expect(read()).rejects.toThrow("connection refused");
  });

  it("does not take another's memory for its own, nor rubbish", async () => {
    const state = memoryState();
    await state.put("cluster-api/owners/default", '{"managementCluster":"another"}');
    const { clusters, read } = setup({ state });
    fill(clusters, 1);
    await expect(read()).rejects.toMatchObject(doubted(/is of the management cluster another/));
    await state.put("cluster-api/owners/default", "rubbish");
    await expect(read()).rejects.toMatchObject(doubted(/holds something else/));
  });

  it.each([
    [{ pageSize: 0 }, "clusterOwners.pageSize"],
    [{ shrink: { ratio: 2 } }, "clusterOwners.shrink.ratio"],
    [{ managementCluster: "" }, "clusterOwners.managementCluster"],
    [{ clusters: {} as never }, "clusterOwners.clusters.list"],
    [{ surprise: 1 } as never, "surprise"],
  ])("refuses the options %j", (options, path) => {
    expect(() => setup(options)).toThrow(
      expect.objectContaining({ code: "ERR_CONFIG_INVALID", message: expect.stringContaining(path) }),
    );
  });
});

/** What may happen while pages are read. */
const mishap = fc.constantFrom("none", "none", "none", "create", "delete", "recreate", "compact", "fail", "gone");

it("is whole or nothing, whatever happens between its pages", { timeout: 60_000 }, async () => {
  let answered = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(mishap, { maxLength: 12, size: "max" }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 4 }),
      async (mishaps, count, pageSize) => {
        const { clusters, machines } = setup();
        fill(clusters, 1);
        fill(machines, count);
        /** What was there at each version. */
        const moments = new Map<string, Set<string>>();
        const note = () => {
          const uids = [...machines.objects.values()].map(({ metadata }) => metadata?.uid ?? "");
          moments.set(machines.history.at(-1)?.event.object.metadata?.resourceVersion ?? "100", new Set(uids));
        };
        note();
        let step = 0;
        const source: ObjectSource = {
          watch: machines.source.watch,
          async list(options) {
            const what = mishaps[step++];
            const victim = [...machines.objects.keys()][step % Math.max(1, machines.objects.size)] ?? "";
            if (what === "create") machines.create(`new-${step}`);
            if (what === "delete" || what === "recreate") machines.delete(victim);
            if (what === "delete" || what === "recreate") note();
            if (what === "recreate") machines.create(victim);
            if (what === "compact") machines.compact();
            if (what === "fail") machines.failures.push(refused());
            if (what === "gone") machines.failures.push(gone());
            note();
            return machines.source.list(options);
          },
        };
        const { owners } = setup({ clusters: clusters.source, machines: source, pageSize });
        const snapshot = await owners.read().catch((error: unknown) => {
          expect(["ECONNREFUSED", 410]).toContain((error as { code: unknown }).code);
          return undefined;
        });
        if (snapshot === undefined) return;
        answered++;
        const uids = new Set([...snapshot.machines.values()].map(({ uid }) => uid));
        expect(uids).toEqual(moments.get(snapshot.machines.resourceVersion));
      },
    ),
    { numRuns: 300 },
  );
  expect(answered).toBeGreaterThan(100);
});
