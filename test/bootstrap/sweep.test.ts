import { inspect } from "node:util";
import { createGuard, type StateStore } from "provider-guard";
import { describe, expect, it } from "vitest";
import { testBinding } from "../support/bootstrap-store-contract.ts";
import { memoryJournal } from "../support/memory-journal.ts";
import {
  canary,
  failure,
  hour,
  idOf,
  itemsOf,
  kubeadmData,
  machine,
  machineNamed,
  makeWorld,
  managementCluster,
  minute,
  request,
  settling,
  textOf,
  token,
} from "./vault-world.ts";

const unreachable = () => Promise.reject(new Error("state unavailable"));

describe("a sweep", () => {
  it("cleans what has expired, at its time and no sooner, and tells how far it is", async () => {
    const { vault, store, clock, events, revoked } = makeWorld();
    for (const name of ["a", "b", "c"]) await vault.seal(request({ machine: machineNamed(name) }));
    await vault.seal(request({ machine: machineNamed("d"), ttlMs: 2 * hour }));
    const items = await itemsOf(store);
    await clock.advance(hour - 1);
    expect(await vault.sweep()).toEqual({ machines: 4, cleaned: [], removed: [], young: 0, failures: [] });
    expect(await itemsOf(store)).toEqual(items);
    await clock.advance(1);
    events.length = 0;
    const { cleaned, ...rest } = await vault.sweep();
    expect([...cleaned].sort()).toEqual(["default/a", "default/b", "default/c"]);
    expect(rest).toEqual({ machines: 4, removed: [], young: 0, failures: [] });
    expect(await itemsOf(store)).toHaveLength(items.length / 4);
    expect(await vault.status(machineNamed("a"))).toMatchObject({ stage: "cleaned", reason: "deadline" });
    expect(events.filter(({ type }) => type === "progress").at(-1)).toEqual({ type: "progress", done: 4, total: 4 });
    expect(revoked).toHaveLength(3);
  });

  it("removes items without a record once they have expired, and only this management cluster's", async () => {
    const { vault, store, clock } = makeWorld();
    const put = async (of: string, ttlMs: number) => {
      const binding = testBinding(of, { sealedAt: clock.now(), expiresAt: clock.now() + ttlMs });
      await store.put(`${binding.id}/0`, Buffer.from("x"), binding);
      return `${binding.id}/0`;
    };
    const old = await put(managementCluster, hour);
    const young = await put(managementCluster, 2 * hour);
    const theirs = await put("mc-2", hour);
    await clock.advance(hour - 1);
    expect(await vault.sweep()).toMatchObject({ removed: [], young: 2 });
    await clock.advance(1);
    expect(await vault.sweep()).toMatchObject({ removed: [old], young: 1, failures: [] });
    expect(await itemsOf(store)).toEqual([young]);
    expect(await itemsOf(store, "mc-2")).toEqual([theirs]);
  });

  it("goes by an item's age where it does not say when it expires, and leaves what says neither", async () => {
    const { again, store, clock } = makeWorld();
    const aged = { name: `${"a".repeat(32)}/0`, createdAt: clock.now() };
    const unknown = { name: `${"b".repeat(32)}/0` };
    const deleted: string[] = [];
    const vault = again({
      store: {
        ...store,
        async *list() {
          yield aged;
          yield unknown;
        },
        delete: async (name) => deleted.push(name) > 0,
      },
    });
    await clock.advance(24 * hour - 1);
    expect(await vault.sweep()).toMatchObject({ removed: [], young: 2 });
    await clock.advance(1);
    expect(await vault.sweep()).toMatchObject({ removed: [aged.name], young: 1 });
    expect(deleted).toEqual([aged.name]);
  });

  it("removes at once what appears of a sealing that was cleaned up", async () => {
    const { vault, store } = makeWorld();
    const { handle } = await vault.seal(request());
    await vault.cleanup(machine, { reason: "node" });
    const id = idOf(handle);
    await store.put(`${id}/0`, Buffer.from("late"), testBinding(managementCluster, { id }));
    expect(await vault.sweep()).toMatchObject({ removed: [`${id}/0`] });
    expect(await itemsOf(store)).toEqual([]);
  });

  it("goes on where something fails, and says what", async () => {
    const { vault, again, store, clock } = makeWorld();
    const handles = [];
    for (const name of ["a", "b", "c"])
      handles.push((await vault.seal(request({ machine: machineNamed(name) }))).handle);
    const stuck = idOf(handles[1] as string);
    await clock.advance(hour);
    const broken = again({
      store: {
        ...store,
        delete: (name, ...rest) =>
          name.startsWith(stuck) ? Promise.reject(new Error("denied")) : store.delete(name, ...rest),
      },
    });
    const { cleaned, failures } = await broken.sweep();
    expect([...cleaned].sort()).toEqual(["default/a", "default/c"]);
    expect(failures).toMatchObject([{ what: "default/b", error: { code: "ERR_BOOTSTRAP_NOT_CLEAN" } }]);
    expect((await itemsOf(store)).every((name) => name.startsWith(stuck))).toBe(true);
  });

  it("removes what has expired though the state cannot be reached, and says that it could not look there", async () => {
    const { vault, again, store, clock, state } = makeWorld();
    await vault.seal(request());
    await vault.seal(request({ machine: machineNamed("young"), ttlMs: 2 * hour }));
    const before = (await itemsOf(store)).length;
    await clock.advance(hour);
    const cut: StateStore = {
      ...state,
      scan: () => {
        throw new Error("state unavailable");
      },
    };
    const { failures, removed } = await again({ state: cut }).sweep();
    expect(failures).toMatchObject([{ what: "state", error: { message: "state unavailable" } }]);
    expect(removed).toHaveLength(before / 2);
    expect(await itemsOf(store)).toHaveLength(before / 2);
  });

  it("leaves a sealing alone that this process is at, though the clock jumps; another replica cannot know", async () => {
    const { again, store, clock } = makeWorld();
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const vault = again({ store: { ...store, put: (...args) => held.then(() => store.put(...args)) } });
    const sealing = vault.seal(request());
    await clock.advance(0, settling);
    clock.jump(10 * minute);
    expect(await vault.sweep()).toMatchObject({ machines: 1, cleaned: [], failures: [] });
    expect(await again().sweep()).toMatchObject({ cleaned: ["default/prod-1"] });
    release();
    const { handle } = await clock.runUntil(sealing, settling); // it sees that it was given up, and begins again
    const items = await itemsOf(store);
    expect(items.length).toBeGreaterThan(0);
    expect(items.every((name) => name.startsWith(idOf(handle)))).toBe(true);
  });

  it("is bounded by its signal", async () => {
    const { vault, again, store, clock } = makeWorld();
    for (const name of ["a", "b", "c", "d", "e", "f"]) await vault.seal(request({ machine: machineNamed(name) }));
    await clock.advance(hour);
    const stop = new AbortController();
    const aborting = again({
      concurrency: 1,
      store: {
        ...store,
        delete: async (...args) => {
          stop.abort(new Error("enough"));
          return store.delete(...args);
        },
      },
    });
    expect(await failure(aborting.sweep({ signal: stop.signal }))).toBe(stop.signal.reason);
    await aborting.close();
    expect((await itemsOf(store)).length).toBeGreaterThan(0);
    expect((await vault.sweep()).failures).toEqual([]);
    expect(await itemsOf(store)).toEqual([]);
  });
});

describe("a clock that jumps", () => {
  it("forwards: what counts as expired is cleaned, and the next seal is good", async () => {
    const { vault, store, clock } = makeWorld();
    await vault.seal(request());
    clock.jump(10 * hour);
    expect((await vault.status(machine)).stage).toBe("expired");
    expect(await vault.sweep()).toMatchObject({ cleaned: ["default/prod-1"], failures: [] });
    const { expiresAt } = await vault.seal(request());
    expect(expiresAt).toBe(clock.now() + hour);
    expect((await itemsOf(store)).length).toBeGreaterThan(0);
  });

  it("backwards: the same data gives the same again, and goes with its clean-up or in its time", async () => {
    const { vault, store, clock } = makeWorld();
    const first = await vault.seal(request());
    clock.jump(-10 * hour);
    expect((await vault.seal(request())).handle).toBe(first.handle);
    expect(await vault.sweep()).toMatchObject({ cleaned: [], failures: [] });
    clock.jump(11 * hour);
    await vault.sweep();
    expect(await itemsOf(store)).toEqual([]);
  });
});

describe("a state that cannot be reached", () => {
  it.each(["get", "compareAndSet", "put"] as const)(
    "ends sealing with its error, and nothing is in the store: %s",
    async (operation) => {
      const { again, state, store } = makeWorld();
      const vault = again({ state: { ...state, [operation]: unreachable } });
      expect(await failure(vault.seal(request()))).toMatchObject({ message: "state unavailable" });
      expect(await itemsOf(store)).toEqual([]);
      const { handle } = await again().seal(request());
      expect((await itemsOf(store)).every((name) => name.startsWith(idOf(handle)))).toBe(true);
    },
  );

  it("ends clean-up with its error, and the next one goes on", async () => {
    const { vault, again, state, store } = makeWorld();
    await vault.seal(request());
    for (const operation of ["get", "compareAndSet"] as const) {
      const cut = again({ state: { ...state, [operation]: unreachable } });
      expect(await failure(cut.cleanup(machine, { reason: "node" }))).toMatchObject({ message: "state unavailable" });
    }
    await vault.cleanup(machine, { reason: "node" });
    expect(await itemsOf(store)).toEqual([]);
  });
});

describe("what a vault must not say", () => {
  it("is found in no state, event, error, audit log or user data", async () => {
    const journal = memoryJournal();
    const { records } = journal;
    const guard = await createGuard({ owner: { managementCluster, provider: "infrastructure-acme" }, audit: journal });
    const said: unknown[] = [];
    const world = makeWorld({ guard });
    const { state, store, events, clock } = world;
    const secret = token.split(".")[1] as string;
    const failing = world.again({ store: { ...store, put: async () => Promise.reject(new Error("full")) } });
    said.push(await failure(failing.seal(request())));
    for (const mode of ["pointer", "inline", "plain"] as const) {
      const sealed = await world.vault.seal(request({ mode })).catch((error: unknown) => error);
      if (mode === "plain") said.push(sealed);
      else said.push(Buffer.from((sealed as { userData: Uint8Array }).userData).toString("latin1"));
      said.push(await textOf(state));
    }
    said.push(await failure(world.vault.seal(request({ format: "ignition" }))));
    const broken = world.again({ store: { ...store, delete: async () => Promise.reject(new Error("down")) } });
    said.push(await failure(broken.seal(request({ data: kubeadmData(900, "c"), mode: "pointer" }))));
    said.push(await failure(broken.cleanup(machine, { reason: "node" })), await textOf(state));
    await clock.advance(hour);
    said.push(await world.vault.sweep(), await textOf(state), await world.vault.status(machine), events, records);
    const text = inspect(said, { depth: 20, maxArrayLength: null, maxStringLength: null });
    expect(text).toContain("bootstrap-data-cleaned");
    for (const hidden of [canary, token, secret, Buffer.from(canary).toString("base64").slice(0, 12)]) {
      expect(text).not.toContain(hidden);
    }
    await guard[Symbol.asyncDispose]();
  });

  it("is no capability in the audit log: it has counts, not the names of items", async () => {
    const journal = memoryJournal();
    const { records } = journal;
    const guard = await createGuard({ owner: { managementCluster, provider: "infrastructure-acme" }, audit: journal });
    const { vault } = makeWorld({ guard });
    const { handle } = await vault.seal(request());
    await vault.cleanup(machine, { reason: "node" });
    const notices = records.filter((record) => record.type === "notice" && record.event.startsWith("bootstrap-data"));
    expect(notices).toMatchObject([
      { event: "bootstrap-data-sealed", details: { ...machine, mode: "pointer" } },
      { event: "bootstrap-data-cleaned", details: { ...machine, mode: "pointer", reason: "node" } },
    ]);
    expect(JSON.stringify(notices)).not.toContain(idOf(handle));
    await guard[Symbol.asyncDispose]();
  });
});
