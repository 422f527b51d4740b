import { type BootstrapStore, cleanUpSettled } from "provider-guard/bootstrap";
import type { MachineSettled } from "provider-guard/cluster-api";
import { describe, expect, it } from "vitest";
import {
  canary,
  failure,
  fakeMetadata,
  hour,
  itemsOf,
  kubeadmData,
  machine,
  machineNamed,
  makeWorld,
  minute,
  request,
  textOf,
  tokenId,
} from "./vault-world.ts";

const plainly = () => {
  const fake = fakeMetadata();
  const options = { store: undefined as never, wrap: undefined as never, cloud: "azure", allowPlain: true } as const;
  return { ...fake, world: makeWorld({ ...options, metadata: fake.metadata }) };
};

describe("clean-up", () => {
  it.each(["node", "failed", "deadline", "deleted"] as const)("takes everything away: %s", async (reason) => {
    const { vault, store, state, revoked, eventsOf } = makeWorld();
    await vault.seal(request());
    const items = (await itemsOf(store)).length;
    expect(await vault.cleanup(machine, { reason })).toEqual({ sealings: 1, items });
    expect(await itemsOf(store)).toEqual([]);
    expect(revoked).toEqual([tokenId]);
    expect(await textOf(state)).not.toContain("/user-data/");
    expect(await vault.status(machine)).toMatchObject({ stage: "cleaned", reason, leftovers: [] });
    expect(eventsOf("cleaned")).toEqual([{ type: "cleaned", machine, mode: "pointer", reason, items }]);
  });

  it("does nothing the second time, and keeps the first reason", async () => {
    const { vault, again, revoked, events } = makeWorld();
    await vault.seal(request());
    await vault.cleanup(machine, { reason: "node" });
    const before = events.length;
    for (const replica of [vault, again()]) {
      expect(await replica.cleanup(machine, { reason: "deleted" })).toEqual({ sealings: 0, items: 0 });
    }
    expect([events.length, revoked]).toEqual([before, [tokenId]]);
    expect((await vault.status(machine)).reason).toBe("node");
  });

  it("finds nothing to do for a machine that nothing was sealed for", async () => {
    const { vault, state } = makeWorld();
    expect(await vault.cleanup(machine, { reason: "deleted" })).toEqual({ sealings: 0, items: 0 });
    expect(await textOf(state)).toBe("");
    expect(await vault.status(machine)).toEqual({ stage: "none", leftovers: [] });
  });

  it("takes a handle, and only what it names", async () => {
    const { vault, store } = makeWorld();
    const old = await vault.seal(request());
    const current = await vault.seal(request({ data: kubeadmData(500, "b") }));
    expect(await vault.cleanup(old.handle, { reason: "failed" })).toEqual({ sealings: 0, items: 0 });
    expect((await itemsOf(store)).length).toBeGreaterThan(0);
    expect(await vault.cleanup(current.handle, { reason: "failed" })).toMatchObject({ sealings: 1 });
    expect(await itemsOf(store)).toEqual([]);
  });

  it("tells that the machine has opened its data, before and after", async () => {
    const { vault, store } = makeWorld();
    await vault.seal(request());
    const items = await itemsOf(store);
    for (const name of items.slice(1)) await store.delete(name);
    expect((await vault.status(machine)).stage).toBe("sealed"); // it is still at it
    await store.delete(items[0] as string);
    expect((await vault.status(machine)).stage).toBe("opened");
    expect(await vault.cleanup(machine, { reason: "node" })).toEqual({ sealings: 1, items: 0 });
    expect((await vault.status(machine)).stage).toBe("cleaned");
  });

  it("ends the bootstrap of a machine that has its Node or is deleted: a late reconcile seals nothing", async () => {
    for (const reason of ["node", "deleted"] as const) {
      const { vault, store, clock } = makeWorld();
      await vault.seal(request());
      await vault.cleanup(machine, { reason });
      await clock.advance(24 * hour);
      expect(await failure(vault.seal(request()))).toMatchObject({
        code: "ERR_BOOTSTRAP_IMPOSSIBLE",
        message: `bootstrap of default/prod-1 is over (${reason}): nothing is sealed for it any more`,
      });
      expect(await itemsOf(store)).toEqual([]);
    }
  });

  it("lets a machine be sealed for again after a failure or the deadline", async () => {
    for (const reason of ["failed", "deadline"] as const) {
      const { vault } = makeWorld();
      const first = await vault.seal(request());
      await vault.cleanup(machine, { reason });
      expect((await vault.seal(request())).handle).not.toBe(first.handle);
      expect((await vault.status(machine)).stage).toBe("sealed");
    }
  });

  it("ends a sealing that is under way, which takes its items back", async () => {
    const { vault, again, store } = makeWorld();
    const put: BootstrapStore["put"] = async (name, ...rest) => {
      await store.put(name, ...rest);
      if (name.endsWith("/1")) await again().cleanup(machine, { reason: "deleted" });
    };
    expect(await failure(again({ store: { ...store, put } }).seal(request()))).toMatchObject({
      message: expect.stringContaining("is over (deleted)"),
    });
    expect(await itemsOf(store)).toEqual([]);
    expect((await vault.status(machine)).stage).toBe("cleaned");
  });

  it("forgets a machine in the end", async () => {
    const { vault, clock, state } = makeWorld({ rememberMs: hour });
    await vault.seal(request());
    await vault.cleanup(machine, { reason: "deleted" });
    await clock.advance(hour);
    expect(await textOf(state)).toBe("");
  });
});

describe("clean-up that cannot take everything away", () => {
  it("says what is left, takes the rest, and ends well once it can", async () => {
    const { vault, again, store, revoked, eventsOf } = makeWorld();
    await vault.seal(request());
    const stuck = (await itemsOf(store))[1] as string;
    const cause = new Error("denied");
    const broken = again({
      store: {
        ...store,
        delete: async (name, ...rest) => (name === stuck ? Promise.reject(cause) : store.delete(name, ...rest)),
      },
    });
    expect(await failure(broken.cleanup(machine, { reason: "node" }))).toMatchObject({
      code: "ERR_BOOTSTRAP_NOT_CLEAN",
      retryable: true,
      requeueAfterMs: 30_000,
      cause,
      message: expect.stringContaining(stuck),
    });
    expect(await itemsOf(store)).toEqual([stuck]);
    expect(revoked).toEqual([tokenId]);
    expect(await vault.status(machine)).toMatchObject({ stage: "cleaning", reason: "node", leftovers: [stuck] });
    expect(eventsOf("not-clean")).toEqual([
      { type: "not-clean", machine, mode: "pointer", reason: "node", leftovers: [stuck], error: cause },
    ]);
    expect(await vault.sweep()).toMatchObject({ cleaned: ["default/prod-1"], failures: [] });
    expect(await itemsOf(store)).toEqual([]);
    expect(await vault.status(machine)).toMatchObject({ stage: "cleaned", reason: "node", leftovers: [] });
  });

  it("does not believe a store that says it has deleted, and does not have", async () => {
    const { vault, again, store } = makeWorld();
    await vault.seal(request());
    const lying = again({ store: { ...store, delete: async () => true } });
    expect(await failure(lying.cleanup(machine, { reason: "node" }))).toMatchObject({
      code: "ERR_BOOTSTRAP_NOT_CLEAN",
    });
    expect([...(await vault.status(machine)).leftovers].sort()).toEqual(await itemsOf(store));
  });

  it("finds items of the sealing that nobody named, and believes an item's name more than a list", async () => {
    const { vault, again, store } = makeWorld();
    const { handle } = await vault.seal(request());
    const [uid, id] = handle.split("/") as [string, string];
    const [sample] = await itemsOf(store);
    const binding = {
      machine: { managementCluster: "6f9c2a51-7d0e-4a3b-9f0a-2c1d5e8b7a90", cluster: machine, machine },
    };
    await store.put(`${id}/40`, Buffer.from("x"), { ...binding, id, expiresAt: 1 } as never);
    const lagging: BootstrapStore["list"] = async function* (options) {
      yield* store.list(options);
      yield { name: sample as string, machineUid: uid }; // long deleted, and still listed
    };
    await again({ store: { ...store, list: lagging } }).cleanup(machine, { reason: "node" });
    expect(await itemsOf(store)).toEqual([]);
  });

  it("says so where the vault has another store than the one that the items are in", async () => {
    const { vault, again, store } = makeWorld();
    await vault.seal(request());
    const items = await itemsOf(store);
    for (const other of [undefined as never, { ...store, name: "another" }]) {
      const error = await failure(again({ store: other }).cleanup(machine, { reason: "node" }));
      expect(error).toMatchObject({ code: "ERR_BOOTSTRAP_NOT_CLEAN" });
      expect((error as Error).cause).toMatchObject({ message: expect.stringContaining("store small") });
    }
    expect([...(await vault.status(machine)).leftovers].sort()).toEqual(items);
  });

  it("gives up what does not answer, after its time, and does the rest", async () => {
    const { vault, again, store, clock } = makeWorld();
    await vault.seal(request());
    const hanging = again({ revokeToken: () => new Promise(() => {}) });
    const error = failure(hanging.cleanup(machine, { reason: "node" }));
    await clock.advance(30_000);
    expect(await error).toMatchObject({ code: "ERR_BOOTSTRAP_NOT_CLEAN", message: expect.stringMatching(/token$/) });
    expect(await itemsOf(store)).toEqual([]);
    expect((await vault.status(machine)).stage).toBe("cleaning");
  });

  it("ends with the caller's reason, and goes on the next time", async () => {
    const { vault, again, store } = makeWorld();
    await vault.seal(request());
    const stop = new AbortController();
    const aborting = again({
      store: {
        ...store,
        delete: async (name, ...rest) => {
          if (name.endsWith("/1")) stop.abort(new Error("enough"));
          return store.delete(name, ...rest);
        },
      },
    });
    expect(await failure(aborting.cleanup(machine, { reason: "node", signal: stop.signal }))).toBe(stop.signal.reason);
    await aborting.close();
    expect((await vault.status(machine)).stage).toBe("cleaning");
    await vault.cleanup(machine, { reason: "deleted" });
    expect(await itemsOf(store)).toEqual([]);
    expect(await vault.status(machine)).toMatchObject({ stage: "cleaned", reason: "node" });
  });
});

describe("clean-up of plain user data", () => {
  it("overwrites it, and looks whether it is gone", async () => {
    const { world, userData, calls } = plainly();
    const { userData: plain } = await world.vault.seal(request());
    userData.set(machine.uid, Buffer.from(plain).toString());
    await world.vault.cleanup(machine, { reason: "node" });
    expect(userData.get(machine.uid)).not.toContain(canary);
    expect(calls).toEqual(["isClean", "overwrite", "isClean"]);
    expect((await world.vault.status(machine)).stage).toBe("cleaned");
    expect(world.revoked).toEqual([tokenId]);
  });

  it("leaves a machine alone that is gone or clean already", async () => {
    const { world, calls } = plainly();
    await world.vault.seal(request());
    await world.vault.cleanup(machine, { reason: "deleted" });
    expect(calls).toEqual(["isClean"]);
  });

  it("is not done while the metadata still has it", async () => {
    const { world, userData, metadata } = plainly();
    const { userData: plain } = await world.vault.seal(request());
    userData.set(machine.uid, Buffer.from(plain).toString());
    const lying = world.again({ metadata: { ...metadata, overwrite: async () => {} } });
    expect(await failure(lying.cleanup(machine, { reason: "node" }))).toMatchObject({
      code: "ERR_BOOTSTRAP_NOT_CLEAN",
      message: expect.stringMatching(/metadata$/),
    });
    expect(await world.vault.status(machine)).toMatchObject({ stage: "cleaning", leftovers: ["metadata"] });
    expect(await world.vault.sweep()).toMatchObject({ cleaned: ["default/prod-1"] });
    expect(userData.get(machine.uid)).not.toContain(canary);
  });

  it("does not count as clean where the answer is no true", async () => {
    const { world, metadata } = plainly();
    await world.vault.seal(request());
    const vague = world.again({ metadata: { ...metadata, isClean: async () => "yes" as never } });
    expect(await failure(vague.cleanup(machine, { reason: "node" }))).toMatchObject({
      code: "ERR_BOOTSTRAP_NOT_CLEAN",
    });
  });
});

describe("cleanUpSettled", () => {
  const settled = (changes: Partial<MachineSettled>): MachineSettled => ({
    machine,
    outcome: "node",
    moved: false,
    maybeRepeated: false,
    ...changes,
  });
  const signal = new AbortController().signal;

  it.each(["node", "failed", "deleted"] as const)("cleans up after a Machine that is told as %s", async (outcome) => {
    const { vault, store } = makeWorld();
    await vault.seal(request());
    await cleanUpSettled(vault)(settled({ outcome }), { signal });
    expect(await itemsOf(store)).toEqual([]);
    expect((await vault.status(machine)).reason).toBe(outcome);
  });

  it("leaves a Machine alone that lives on in another management cluster", async () => {
    const { vault } = makeWorld();
    await vault.seal(request());
    await cleanUpSettled(vault)(settled({ outcome: "deleted", moved: true }), { signal });
    expect((await vault.status(machine)).stage).toBe("sealed");
  });

  it("rejects where something is left, so that the watch tells it again", async () => {
    const { vault, again, store } = makeWorld();
    await vault.seal(request());
    const onMachine = cleanUpSettled(again({ store: { ...store, delete: async () => false } }));
    expect(await failure(onMachine(settled({}), { signal }))).toMatchObject({ code: "ERR_BOOTSTRAP_NOT_CLEAN" });
    await cleanUpSettled(vault)(settled({ maybeRepeated: true }), { signal });
    expect(await itemsOf(store)).toEqual([]);
  });
});

describe("the token", () => {
  const gz = (text: string) => Buffer.from(text).toString("base64");
  it.each([
    ["in plain text", kubeadmData(), ["abcdef"]],
    [
      "in base64, as cloud-init's write_files has it",
      `#cloud-config\ncontent: ${gz(`# a long comment in front\n${kubeadmData()}`)}\n`,
      ["abcdef"],
    ],
    ["in a data: URL, as Ignition has it", `{"source":"data:,token%3A%20abcdef.0123456789abcdef%0A"}`, ["abcdef"]],
    ["twice", "a b1c2d3.0123456789abcdef b b1c2d3.0123456789abcdef c zzzzzz.0123456789abcdef", ["b1c2d3", "zzzzzz"]],
    ["in part of something else", "xabcdef.0123456789abcdef abcdef.0123456789abcdefg ABCDEF.0123456789abcdef", []],
    ["nowhere", "#cloud-config\n", []],
  ])("is found %s, and revoked by its public part", async (_, data, ids) => {
    const { vault, revoked, state } = makeWorld();
    await vault.seal(request({ data }));
    expect(await textOf(state)).not.toContain("0123456789abcdef");
    await vault.cleanup(machine, { reason: "node" });
    expect(revoked).toEqual(ids);
  });

  it("of another machine stays", async () => {
    const { vault, revoked } = makeWorld();
    await vault.seal(request());
    const data = kubeadmData().replace("abcdef.", "fedcba.");
    await vault.seal(request({ data, machine: machineNamed("prod-2") }));
    await vault.cleanup(machineNamed("prod-2"), { reason: "node" });
    expect(revoked).toEqual(["fedcba"]);
  });

  it("is not revoked for a sealing that nobody got: the next one has it again", async () => {
    const { vault, again, store, revoked, clock } = makeWorld();
    const failing = again({
      store: {
        ...store,
        put: async () => Promise.reject(new Error("full")),
        delete: async () => Promise.reject(new Error("down")),
      },
    });
    await failure(failing.seal(request()));
    await clock.advance(5 * minute);
    await vault.sweep();
    expect(revoked).toEqual([]);
    await vault.seal(request());
    await vault.cleanup(machine, { reason: "node" });
    expect(revoked).toEqual([tokenId]);
  });
});
