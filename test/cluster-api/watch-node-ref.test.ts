import { memoryState, type StateStore } from "provider-guard";
import { type MachineSettled, type WatchNodeRefOptions, watchNodeRef } from "provider-guard/cluster-api";
import { type SimulatedClock, simulatedClock } from "provider-guard/testing";
import { afterEach, describe, expect, it } from "vitest";
import { type ModelObject, type ModelServer, modelServer } from "./model-server.ts";

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

interface Setup extends Partial<WatchNodeRefOptions> {
  readonly server?: ModelServer;
  readonly clock?: SimulatedClock;
}

function setup({ server = modelServer(), clock = simulatedClock(), ...more }: Setup = {}) {
  const told: MachineSettled[] = [];
  const errors: unknown[] = [];
  const watch = watchNodeRef({
    ...{ machines: server.source, clock, random: () => 1 },
    onMachine: (settled) => void told.push(settled),
    onError: (error) => void errors.push(error),
    ...more,
  });
  open.push(watch);
  const settle = async (ms = 0) => {
    for (let i = 0; i < 20; i++) await clock.advance(i === 0 ? ms : 0);
    return told.splice(0).map(({ outcome, machine }) => `${outcome} ${machine.uid}`);
  };
  return { server, clock, told, errors, watch, settle };
}

const status = (value: Record<string, unknown>) => (object: ModelObject) => ({ ...object, status: value });
const hasNode = status({ nodeRef: { name: "n" } });
const failed = status({ phase: "Failed" });
const deleting = (object: ModelObject) => ({
  ...object,
  metadata: { ...object.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" },
});

describe("watchNodeRef", () => {
  it("tells each Machine once: its Node, its failure or its deletion, whichever is first", async () => {
    const { server, settle, watch } = setup();
    for (const name of ["a", "b", "c", "d", "e"]) server.create(name);
    expect(await settle()).toEqual([]);
    server.update("a", hasNode);
    server.update("b", failed);
    server.update("c", deleting);
    server.delete("d");
    expect((await settle()).sort()).toEqual(["deleted uid-3", "deleted uid-4", "failed uid-2", "node uid-1"]);
    for (const name of ["a", "b", "c"]) server.update(name, hasNode);
    server.update("a", deleting);
    for (const name of ["a", "b", "c"]) server.delete(name);
    expect(await settle()).toEqual([]);
    expect(watch.size).toBe(1);
  });

  it("says which Machine, which Node and why", async () => {
    const { server, settle, told } = setup();
    await settle();
    server.create("a", { status: { failureReason: "CreateError" } });
    server.create("b", { status: { nodeRef: { name: "n" } } });
    for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(told).toEqual([
      { outcome: "failed", reason: "CreateError", moved: false, maybeRepeated: false, machine: ref("a", 1) },
      { outcome: "node", nodeName: "n", moved: false, maybeRepeated: false, machine: ref("b", 2) },
    ]);
  });

  it("tells a Machine that was made again under the same name apart", async () => {
    const { server, settle } = setup();
    server.create("a");
    await settle();
    server.disconnect();
    server.delete("a");
    server.create("a");
    server.compact();
    expect(await settle(5000)).toEqual(["deleted uid-1"]);
    server.update("a", hasNode);
    expect(await settle()).toEqual(["node uid-2"]);
  });

  it("says of a Machine that clusterctl moves that it lives on", async () => {
    const { server, clock, told } = setup();
    server.create("a");
    await clock.advance(0);
    const annotations = { "clusterctl.cluster.x-k8s.io/delete-for-move": "" };
    server.update("a", (one) => ({ ...one, metadata: { ...one.metadata, annotations } }));
    server.delete("a");
    for (let i = 0; i < 5; i++) await clock.advance(0);
    expect(told).toMatchObject([{ outcome: "deleted", moved: true }]);
  });

  it("tells again after a restart without a store, and says so", async () => {
    const first = setup();
    first.server.create("a", { status: { nodeRef: { name: "n" } } });
    expect(await first.settle()).toEqual(["node uid-1"]);
    await first.watch.close();
    const second = setup({ server: first.server });
    await second.clock.advance(0);
    await second.watch.synced();
    expect(second.told).toMatchObject([{ outcome: "node", maybeRepeated: true }]);
  });

  it("tells nothing again after a restart with a store, and what went on meanwhile", async () => {
    const clock = simulatedClock();
    const state = memoryState({ clock });
    const first = setup({ state, clock });
    for (const name of ["a", "b", "c", "d"]) first.server.create(name);
    await first.settle();
    first.server.update("a", hasNode);
    expect(await first.settle()).toEqual(["node uid-1"]);
    await first.watch.close();
    first.server.delete("a");
    first.server.delete("b");
    first.server.update("c", hasNode);
    first.server.compact();
    const second = setup({ server: first.server, state, clock });
    expect((await second.settle()).sort()).toEqual(["deleted uid-2", "node uid-3"]);
    expect(await keys(state)).toEqual(["uid-3", "uid-4"]);
    first.server.delete("c");
    await second.settle();
    expect(await keys(state)).toEqual(["uid-4"]);
  });

  it("tells a Machine again whose telling a crash cut off before it was written down, and says so", async () => {
    const clock = simulatedClock();
    const line = storeOn(clock);
    const first = setup({ state: line.state, clock });
    first.server.create("a");
    await first.settle();
    line.down = true; // the process dies before the store is back
    first.server.update("a", hasNode);
    expect(await first.settle()).toEqual(["node uid-1"]);
    await first.watch.close();
    line.down = false;
    const second = setup({ server: first.server, state: line.state, clock });
    for (let i = 0; i < 5; i++) await clock.advance(0);
    expect(second.told).toMatchObject([{ outcome: "node", maybeRepeated: true }]);
  });

  it("writes down what it told as soon as the store is back, and tells nobody twice", async () => {
    const clock = simulatedClock();
    const line = storeOn(clock);
    const { server, settle, errors, watch } = setup({ state: line.state, clock });
    await settle();
    line.down = true;
    server.create("a", { status: { nodeRef: { name: "n" } } });
    expect(await settle(5000)).toEqual(["node uid-1"]);
    expect(errors.length).toBeGreaterThan(0);
    line.down = false;
    expect(await settle(30_000)).toEqual([]);
    await watch.close();
    expect(await setup({ server, state: line.state, clock }).settle()).toEqual([]);
  });

  it("does not begin before it knows what was told", async () => {
    const clock = simulatedClock();
    const line = storeOn(clock);
    line.down = true;
    const { server, settle, errors } = setup({ state: line.state, clock });
    server.create("a", { status: { nodeRef: { name: "n" } } });
    expect(await settle(5000)).toEqual([]);
    expect(errors.length).toBeGreaterThan(1);
    line.down = false;
    expect(await settle(30_000)).toEqual(["node uid-1"]);
  });

  it("tells a Machine again whose telling failed, after a pause, and lets others pass", async () => {
    const seen: string[] = [];
    let broken = true;
    const { server, settle, errors } = setup({
      concurrency: 1,
      onMachine: ({ machine }) => {
        seen.push(machine.name);
        if (machine.name === "a" && broken) throw new Error("mine");
      },
    });
    for (const name of ["a", "b", "c"]) server.create(name, { status: { nodeRef: { name } } });
    await settle();
    expect(seen).toEqual(["a", "b", "c"]);
    await settle(999);
    broken = false;
    await settle(1);
    expect(seen).toEqual(["a", "b", "c", "a"]);
    expect(errors).toEqual([new Error("mine")]);
    await settle(60_000);
    expect(seen).toHaveLength(4);
  });

  it("tells so many at a time and no more", async () => {
    let running = 0;
    let most = 0;
    const clock = simulatedClock();
    const { server, settle } = setup({
      ...{ clock, concurrency: 3 },
      onMachine: async () => {
        most = Math.max(most, ++running);
        await new Promise<void>((resolve) => void clock.setTimeout(resolve, 100));
        running--;
      },
    });
    for (let i = 0; i < 10; i++) server.create(`m-${i}`, { status: { nodeRef: { name: "n" } } });
    await settle(1000);
    expect([most, running]).toEqual([3, 0]);
  });

  it("waits for what is being told when it is closed, writes it down and tells nothing more", async () => {
    const clock = simulatedClock();
    const state = memoryState({ clock });
    const done: string[] = [];
    const { server, settle, watch } = setup({
      ...{ clock, state, concurrency: 1 },
      onMachine: async ({ machine }, { signal }) => {
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
        done.push(machine.uid);
      },
    });
    server.create("a", { status: { nodeRef: { name: "n" } } });
    server.create("b", { status: { nodeRef: { name: "n" } } });
    await settle();
    await watch.close();
    expect(done).toEqual(["uid-1"]);
    expect((await setup({ server, state, clock }).settle()).sort()).toEqual(["node uid-2"]);
    expect(server.watching).toBe(1);
  });

  it("ends with its signal, before it began, too", async () => {
    const controller = new AbortController();
    const { server, settle, clock } = setup({ signal: controller.signal });
    await settle();
    controller.abort(new Error("enough"));
    server.create("a", { status: { nodeRef: { name: "n" } } });
    expect(await settle(60_000)).toEqual([]);
    expect([server.watching, clock.pending]).toEqual([0, 0]);
    const before = setup({ signal: AbortSignal.abort(new Error("before")) });
    await expect(before.watch.synced()).rejects.toThrow("before");
    expect(await before.settle()).toEqual([]);
    expect(before.server.calls).toEqual([]);
  });

  it("reports what it cannot read in the store, and goes on", async () => {
    const clock = simulatedClock();
    const state = memoryState({ clock });
    await state.put("cluster-api/node-ref/default/uid-1", "rubbish");
    const { server, settle, errors } = setup({ clock, state });
    server.create("a", { status: { nodeRef: { name: "n" } } });
    expect(await settle()).toEqual(["node uid-1"]);
    expect(errors).toHaveLength(1);
  });

  it.each([
    [{ machines: {} as never }, "watchNodeRef.machines.list"],
    [{ concurrency: 0 }, "watchNodeRef.concurrency"],
    [{ name: "a/b" }, "watchNodeRef.name"],
  ])("refuses the options %j", (options, path) => {
    expect(() => setup(options)).toThrow(
      expect.objectContaining({ code: "ERR_CONFIG_INVALID", message: expect.stringContaining(path) }),
    );
  });
});

function ref(name: string, uid: number) {
  return { namespace: "team", name, uid: `uid-${uid}` };
}

/** A store that may be down. */
function storeOn(clock: SimulatedClock) {
  const inner = memoryState({ clock });
  const check = () => {
    if (line.down) throw new Error("the store is down");
  };
  const state: StateStore = {
    ...inner,
    async put(...rest) {
      check();
      await inner.put(...rest);
    },
    async delete(...rest) {
      check();
      return inner.delete(...rest);
    },
    async *scan(...rest) {
      check();
      yield* inner.scan(...rest);
    },
  };
  const line = { state, down: false };
  return line;
}

async function keys(state: ReturnType<typeof memoryState>): Promise<string[]> {
  const found: string[] = [];
  for await (const [key] of state.scan("cluster-api/node-ref/default/")) found.push(key.split("/").at(-1) ?? "");
  return found.sort();
}
