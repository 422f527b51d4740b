import type { StateStore } from "provider-guard";
import type { BootstrapStore, BootstrapVaultOptions } from "provider-guard/bootstrap";
import { describe, expect, it } from "vitest";
import {
  fakeMetadata,
  hour,
  idOf,
  itemsOf,
  machine,
  machineNamed,
  makeWorld,
  minute,
  request,
  settling,
  tokenId,
  type World,
} from "./vault-world.ts";

const dead = new Error("the process is dead");
const other = machineNamed("other");

/** How a process dies at a step: before it did anything, or when it was done and nobody has heard of it. */
type Death = "before" | "after";

/** All that a vault does outside of its process, until it dies at the n-th of these steps. */
function mortal(world: World, at: number, death: Death) {
  let steps = 0;
  async function step<T>(work: () => Promise<T>): Promise<T> {
    steps++;
    if (steps > at || (steps === at && death === "before")) throw dead;
    const result = await work();
    if (steps >= at) throw dead;
    return result;
  }
  const { state, store } = world;
  const mortalState: StateStore = {
    scope: state.scope,
    get: (...args) => step(() => state.get(...args)),
    put: (...args) => step(() => state.put(...args)),
    compareAndSet: (...args) => step(() => state.compareAndSet(...args)),
    increment: (...args) => step(() => state.increment(...args)),
    delete: (...args) => step(() => state.delete(...args)),
    async *scan(...args) {
      await step(async () => undefined);
      yield* state.scan(...args);
    },
    close: () => state.close(),
  };
  const mortalStore: BootstrapStore = {
    ...store,
    put: (...args) => step(() => store.put(...args)),
    delete: (...args) => step(() => store.delete(...args)),
    has: (...args) => step(() => store.has(...args)),
    async *list(...args) {
      await step(async () => undefined);
      yield* store.list(...args);
    },
  };
  const revokeToken = (id: string) => step(async () => void world.revoked.push(id));
  return {
    options: { state: mortalState, store: mortalStore, revokeToken } satisfies Partial<BootstrapVaultOptions>,
    died: () => steps >= at,
    step,
  };
}

/** What other machines have must be there all the time, whatever is done for this one. */
async function withOther(): Promise<World & { readonly theirs: readonly string[] }> {
  const world = makeWorld();
  await world.vault.seal(request({ machine: other, ttlMs: 24 * hour }));
  return { ...world, theirs: await itemsOf(world.store) };
}

const ownItems = async ({ store, theirs }: Awaited<ReturnType<typeof withOther>>) => {
  const items = await itemsOf(store);
  expect(items).toEqual(expect.arrayContaining([...theirs]));
  return items.filter((name) => !theirs.includes(name));
};

/** Runs a case for every step, until nothing dies any more; some of them must have died. */
async function everyStep(work: (at: number) => Promise<boolean>): Promise<number> {
  for (let at = 1; at < 200; at++) if (!(await work(at))) return at - 1;
  throw new Error("it never came to its end");
}

describe.each(["before", "after"] as const)("a process that dies %s a step", (death) => {
  it("of sealing leaves nothing after its time and a sweep, and nothing goes sooner that a machine may have", async () => {
    const steps = await everyStep(async (at) => {
      const world = await withOther();
      const { options, died } = mortal(world, at, death);
      const result = await world
        .again(options)
        .seal(request())
        .catch(() => undefined);
      if (!died()) return false;
      expect(result).toBeUndefined();
      const { stage } = await world.vault.status(machine);
      const before = await ownItems(world);
      await world.vault.sweep();
      // A sealing that may still be under way, or that was finished, is left alone.
      if (stage === "sealing" || stage === "sealed") expect(await ownItems(world)).toEqual(before);
      await world.clock.advance(5 * minute);
      await world.vault.sweep();
      if (stage === "sealed") expect(await ownItems(world)).toEqual(before);
      else expect(await ownItems(world)).toEqual([]);
      await world.clock.advance(hour);
      expect((await world.vault.sweep()).failures).toEqual([]);
      expect(await ownItems(world)).toEqual([]);
      return true;
    });
    expect(steps).toBeGreaterThan(8);
  });

  it("of sealing lets the next process seal, with one machine's worth of items", async () => {
    await everyStep(async (at) => {
      const world = await withOther();
      const { options, died } = mortal(world, at, death);
      await world
        .again(options)
        .seal(request())
        .catch(() => undefined);
      if (!died()) return false;
      const { handle } = await world.clock.runUntil(world.again().seal(request()), settling);
      const own = await ownItems(world);
      expect(own.length).toBe(world.theirs.length);
      expect(own.every((name) => name.startsWith(idOf(handle)))).toBe(true);
      expect(world.revoked).toEqual([]);
      return true;
    });
  });

  it("of clean-up leaves nothing after the next clean-up", async () => {
    const steps = await everyStep(async (at) => {
      const world = await withOther();
      await world.vault.seal(request());
      const { options, died } = mortal(world, at, death);
      await world
        .again(options)
        .cleanup(machine, { reason: "node" })
        .catch(() => undefined);
      if (!died()) return false;
      await world.vault.cleanup(machine, { reason: "deleted" });
      expect(await ownItems(world)).toEqual([]);
      expect(await world.vault.status(machine)).toMatchObject({ stage: "cleaned", leftovers: [] });
      expect(new Set(world.revoked)).toEqual(new Set([tokenId]));
      return true;
    });
    expect(steps).toBeGreaterThan(8);
  });

  it("of clean-up leaves nothing after its time and a sweep, though nobody cleans up again", async () => {
    await everyStep(async (at) => {
      const world = await withOther();
      await world.vault.seal(request());
      const { options, died } = mortal(world, at, death);
      await world
        .again(options)
        .cleanup(machine, { reason: "node" })
        .catch(() => undefined);
      if (!died()) return false;
      const { stage } = await world.vault.status(machine);
      await world.vault.sweep();
      if (stage === "cleaning") expect(await ownItems(world)).toEqual([]); // goes on at once
      await world.clock.advance(hour);
      await world.vault.sweep();
      expect(await ownItems(world)).toEqual([]);
      expect((await world.vault.status(machine)).stage).toBe("cleaned");
      expect(new Set(world.revoked)).toEqual(new Set([tokenId]));
      return true;
    });
  });

  it("of a sweep leaves nothing after the next sweep", async () => {
    await everyStep(async (at) => {
      const world = await withOther();
      await world.vault.seal(request());
      await world.clock.advance(hour);
      const { options, died } = mortal(world, at, death);
      await world
        .again(options)
        .sweep()
        .catch(() => undefined);
      if (!died()) return false;
      expect((await world.vault.sweep()).failures).toEqual([]);
      expect(await ownItems(world)).toEqual([]);
      return true;
    });
  });

  it("of cleaning plain user data leaves none after the next clean-up", async () => {
    const steps = await everyStep(async (at) => {
      const { metadata, userData } = fakeMetadata();
      const plain = { wrap: undefined as never, cloud: "azure", allowPlain: true } as const;
      const world = makeWorld({ ...plain, metadata });
      const made = await world.vault.seal(request());
      userData.set(machine.uid, Buffer.from(made.userData).toString());
      const { options, died, step } = mortal(world, at, death);
      const dying = {
        overwrite: (...args: Parameters<typeof metadata.overwrite>) => step(() => metadata.overwrite(...args)),
        isClean: (...args: Parameters<typeof metadata.isClean>) => step(() => metadata.isClean(...args)),
      };
      await world
        .again({ ...options, metadata: dying })
        .cleanup(machine, { reason: "node" })
        .catch(() => undefined);
      if (!died()) return false;
      await world.vault.cleanup(machine, { reason: "node" });
      expect(await metadata.isClean({ machine })).toBe(true);
      expect((await world.vault.status(machine)).stage).toBe("cleaned");
      return true;
    });
    expect(steps).toBeGreaterThan(4);
  });
});
