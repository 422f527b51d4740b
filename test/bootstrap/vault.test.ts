import type { BootstrapStore } from "provider-guard/bootstrap";
import { describe, expect, it } from "vitest";
import {
  cluster,
  failure,
  hour,
  idOf,
  itemsOf,
  kubeadmData,
  machine,
  machineNamed,
  makeWorld,
  minute,
  request,
  settling,
  smallStore,
  textOf,
} from "./vault-world.ts";

describe("sealing bootstrap data", () => {
  it("gives small user data, and puts ciphertext into the store under the sealing's name", async () => {
    const { vault, store, clock, eventsOf } = makeWorld();
    const { userData, handle, mode, expiresAt } = await vault.seal(request());
    expect(mode).toBe("pointer");
    expect(expiresAt).toBe(clock.now() + hour);
    const id = idOf(handle);
    const items = await itemsOf(store);
    expect(items.length).toBeGreaterThan(1);
    expect(items.every((name) => name.startsWith(`${id}/`))).toBe(true);
    expect(userData.length).toBeLessThan(16_384);
    expect(eventsOf("sealed")).toEqual([{ type: "sealed", machine, mode, items: items.length, expiresAt }]);
  });

  it("takes the objects that a controller holds", async () => {
    const { vault } = makeWorld();
    const asObject = (ref: object) => ({ apiVersion: "v1", kind: "X", metadata: { ...ref, labels: {} } });
    const first = await vault.seal(request({ cluster: asObject(cluster), machine: asObject(machine) }));
    expect((await vault.seal(request())).handle).toBe(first.handle);
    expect((await vault.status(asObject(machine))).stage).toBe("sealed");
    expect(await vault.cleanup(asObject(machine), { reason: "node" })).toMatchObject({ sealings: 1 });
  });

  it("gives the same user data and handle again for the same data, in another process too", async () => {
    const { vault, again, store, clock, events } = makeWorld();
    const first = await vault.seal(request());
    const items = await itemsOf(store);
    await clock.advance(hour - 1);
    for (const replica of [vault, again()]) expect(await replica.seal(request())).toEqual(first);
    expect(await itemsOf(store)).toEqual(items);
    expect(events).toHaveLength(1);
  });

  it("does not change what it gave when the caller changes its copy", async () => {
    const { vault } = makeWorld();
    const data = Buffer.from(kubeadmData());
    const pending = vault.seal(request({ data }));
    data.fill(0);
    const first = await pending;
    const before = Buffer.from(first.userData);
    first.userData.fill(0);
    const second = await vault.seal(request());
    expect(second.handle).toBe(first.handle);
    expect(Buffer.compare(second.userData, before)).toBe(0);
  });

  it.each([
    ["other data", { data: kubeadmData(500, "b") }],
    ["another format", { format: "script" }],
    ["another mode", { mode: "inline" }],
  ])("seals %s anew, and cleans up what was sealed before", async (_, changes) => {
    const { vault, store, revoked } = makeWorld();
    const first = await vault.seal(request());
    const second = await vault.seal(request(changes));
    expect(second.handle).not.toBe(first.handle);
    const id = idOf(second.handle);
    expect((await itemsOf(store)).filter((name) => !name.startsWith(id))).toEqual([]);
    expect(revoked).toEqual([]); // the new data has the same token
    expect((await vault.status(machine)).stage).toBe("sealed");
  });

  it("revokes the token of data that was replaced by data with another one", async () => {
    const { vault, revoked } = makeWorld();
    await vault.seal(request());
    await vault.seal(request({ data: kubeadmData().replace("abcdef.", "fedcba.") }));
    expect(revoked).toEqual(["abcdef"]);
  });

  it("seals anew once the data has expired, or the state has lost the user data", async () => {
    const { vault, clock, state, store } = makeWorld();
    const first = await vault.seal(request());
    await clock.advance(hour);
    const second = await vault.seal(request());
    expect(second.handle).not.toBe(first.handle);
    for await (const [key] of state.scan("")) if (key.includes("/user-data/")) await state.delete(key);
    const third = await vault.seal(request());
    expect(third.handle).not.toBe(second.handle);
    const id = idOf(third.handle);
    expect((await itemsOf(store)).every((name) => name.startsWith(id))).toBe(true);
  });

  it("keeps user data in the state no longer than the sealing lasts", async () => {
    const { vault, clock, state } = makeWorld();
    await vault.seal(request({ ttlMs: 5 * minute }));
    expect(await textOf(state)).toContain("/user-data/");
    await clock.advance(5 * minute);
    expect(await textOf(state)).not.toContain("/user-data/");
    expect(await textOf(state)).toContain("/machine/"); // or nobody would know what to clean up
  });

  it("keeps machines apart", async () => {
    const { vault, store } = makeWorld();
    const handles = await Promise.all(
      ["a", "b", "c"].map(async (name) => (await vault.seal(request({ machine: machineNamed(name) }))).handle),
    );
    expect(new Set(handles).size).toBe(3);
    const before = await itemsOf(store);
    await vault.cleanup(machineNamed("b"), { reason: "deleted" });
    const id = idOf(handles[1] as string);
    expect(await itemsOf(store)).toEqual(before.filter((name) => !name.startsWith(id)));
  });

  it("rounds its times to whole seconds, later rather than sooner", async () => {
    const { vault, clock } = makeWorld();
    await clock.advance(1_234);
    const { expiresAt } = await vault.seal(request({ ttlMs: minute + 1 }));
    expect(expiresAt).toBe(clock.now() - 234 + minute + 1_000);
  });
});

describe("sealing one machine at the same time", () => {
  it("gives one result within a process", async () => {
    const { vault, store } = makeWorld();
    const all = await Promise.all(Array.from({ length: 10 }, () => vault.seal(request())));
    expect(new Set(all.map(({ handle }) => handle)).size).toBe(1);
    const id = idOf(all[0]?.handle as string);
    expect((await itemsOf(store)).every((name) => name.startsWith(id))).toBe(true);
  });

  it("gives one result in ten replicas", async () => {
    const { again, store, clock } = makeWorld();
    const all = await clock.runUntil(Promise.all(Array.from({ length: 10 }, () => again().seal(request()))), settling);
    expect(new Set(all.map(({ handle }) => handle)).size).toBe(1);
    expect(new Set(all.map(({ userData }) => Buffer.from(userData).toString("hex"))).size).toBe(1);
    const id = idOf(all[0]?.handle as string);
    const items = await itemsOf(store);
    expect(items.length).toBeGreaterThan(0);
    expect(items.every((name) => name.startsWith(id))).toBe(true);
  });

  it("leaves only the last one's items where replicas have different data", async () => {
    const { again, store, clock, vault } = makeWorld();
    const data = ["a", "b", "c", "d"].map((seed) => kubeadmData(500, seed));
    await clock.runUntil(Promise.all(data.map((one) => again().seal(request({ data: one })))), settling);
    expect(new Set((await itemsOf(store)).map((name) => name.split("/")[0])).size).toBe(1);
    expect((await vault.status(machine)).stage).toBe("sealed");
    expect(await vault.sweep()).toMatchObject({ cleaned: [], removed: [], failures: [] });
  });

  it("waits for a replica that is at it, and replaces one that died", async () => {
    const { again, store, clock } = makeWorld();
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = { ...store, put: (...args: Parameters<BootstrapStore["put"]>) => held.then(() => store.put(...args)) };
    const first = again({ store: slow }).seal(request());
    const second = again().seal(request());
    await clock.advance(20_000, settling);
    release();
    const [one, other] = await clock.runUntil(Promise.all([first, second]), settling);
    expect(other).toEqual(one);
  });

  it("replaces a sealing whose process has died, once it may be sure of that", async () => {
    const { again, store, clock } = makeWorld();
    const hanging = { ...store, put: () => new Promise<void>(() => {}) };
    const dead = again({ store: hanging, abandonedMs: hour, timeoutMs: 10 * minute });
    const never = failure(dead.seal(request()));
    await clock.advance(0, settling);
    let sealed = false;
    const replaced = again()
      .seal(request())
      .finally(() => {
        sealed = true;
      });
    await clock.advance(minute - 250, settling);
    expect(sealed).toBe(false);
    const { handle } = await clock.runUntil(replaced, settling);
    const items = await itemsOf(store);
    expect(items.length).toBeGreaterThan(0);
    expect(items.every((name) => name.startsWith(idOf(handle)))).toBe(true);
    await clock.runUntil(dead.close(), settling);
    expect(await never).toMatchObject({ code: "ERR_GUARD_CLOSED" });
    expect(await itemsOf(store)).toEqual(items);
  });

  it("gives what a slow replica has made after all, though it was about to be replaced", async () => {
    const { again, store, clock } = makeWorld();
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const put: BootstrapStore["put"] = (...args) => held.then(() => store.put(...args));
    const slow = again({ store: { ...store, put }, abandonedMs: hour, timeoutMs: 10 * minute });
    const first = slow.seal(request());
    await clock.advance(0, settling);
    const opener: BootstrapStore["opener"] = async (binding) => {
      release(); // the second one has given the first one up, and is at its own
      await first;
      return store.opener(binding);
    };
    const second = again({ store: { ...store, opener } }).seal(request());
    const [one, other] = await clock.runUntil(Promise.all([first, second]), settling);
    expect(other).toEqual(one);
    expect((await itemsOf(store)).every((name) => name.startsWith(idOf(one.handle)))).toBe(true);
  });
});

describe("a store that fails while data is put", () => {
  it("leaves nothing behind, whichever item fails, and the next try succeeds", async () => {
    const count = (
      await (async () => {
        const { vault, store } = makeWorld();
        await vault.seal(request());
        return itemsOf(store);
      })()
    ).length;
    expect(count).toBeGreaterThan(2);
    for (let failing = 0; failing < count; failing++) {
      for (const landed of [false, true]) {
        const { again, store, state } = makeWorld();
        const broken = new Error(`no room for item ${failing}`);
        const put: BootstrapStore["put"] = async (name, ...rest) => {
          const fails = name.endsWith(`/${failing}`);
          if (!fails || landed) await store.put(name, ...rest);
          if (fails) throw broken;
        };
        const vault = again({ store: { ...store, put } });
        expect(await failure(vault.seal(request()))).toBe(broken);
        expect(await itemsOf(store)).toEqual([]);
        expect(await textOf(state)).not.toContain('"sealing"');
        const { mode } = await again().seal(request());
        expect(mode).toBe("pointer");
        expect(await itemsOf(store)).toHaveLength(count);
      }
    }
  });

  it("writes down what it cannot delete, and the sweep deletes that", async () => {
    const { again, store, clock, eventsOf } = makeWorld();
    let isDown = false;
    const down = () => Promise.reject(new Error("down"));
    const vault = again({
      store: {
        ...store,
        put: (name, ...rest) => {
          if (!name.endsWith("/2")) return store.put(name, ...rest);
          isDown = true;
          return down();
        },
        delete: (...args) => (isDown ? down() : store.delete(...args)),
        has: (...args) => (isDown ? down() : store.has(...args)),
      },
    });
    expect(await failure(vault.seal(request()))).toMatchObject({ message: "down" });
    const left = await itemsOf(store);
    expect(left.length).toBeGreaterThan(0);
    expect(eventsOf("not-clean")).toHaveLength(1);
    expect((await again().status(machine)).leftovers).toEqual(expect.arrayContaining(left));
    expect(await again().sweep()).toMatchObject({ cleaned: ["default/prod-1"], failures: [] });
    expect(await itemsOf(store)).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it("gives a store up that does not answer, and rolls back", async () => {
    const { again, store, clock } = makeWorld();
    const put: BootstrapStore["put"] = (name, ...rest) =>
      name.endsWith("/1") ? new Promise(() => {}) : store.put(name, ...rest);
    const sealing = failure(again({ store: { ...store, put } }).seal(request()));
    await clock.advance(30_000, settling);
    expect(await sealing).toMatchObject({ code: "ERR_BOOTSTRAP_STORE_UNAVAILABLE", retryable: true });
    expect(await itemsOf(store)).toEqual([]);
  });

  it("ends at once with the caller's reason, and rolls back behind it", async () => {
    const { again, store, clock } = makeWorld();
    const stop = new AbortController();
    const put: BootstrapStore["put"] = (name, ...rest) => {
      if (!name.endsWith("/1")) return store.put(name, ...rest);
      stop.abort(new Error("enough"));
      return new Promise(() => {});
    };
    const vault = again({ store: { ...store, put } });
    expect(await failure(vault.seal(request({ signal: stop.signal })))).toBe(stop.signal.reason);
    await vault.close();
    expect(await itemsOf(store)).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it("does nothing for a signal that has aborted, or once it is closed", async () => {
    const { vault, store, state } = makeWorld();
    const signal = AbortSignal.abort(new Error("enough"));
    for (const operation of [
      () => vault.seal(request({ signal })),
      () => vault.cleanup(machine, { reason: "node", signal }),
      () => vault.sweep({ signal }),
      () => vault.status(machine, { signal }),
    ]) {
      expect(await failure(operation())).toBe(signal.reason);
    }
    await vault.close();
    await vault.close();
    for (const operation of [
      () => vault.seal(request()),
      () => vault.cleanup(machine, { reason: "node" }),
      () => vault.sweep(),
      () => vault.status(machine),
    ]) {
      expect(await failure(operation())).toMatchObject({ code: "ERR_GUARD_CLOSED" });
    }
    expect(await itemsOf(store)).toEqual([]);
    expect(await textOf(state)).toBe("");
  });
});

describe("what a vault is given", () => {
  it.each([
    [{ data: "" }, "ERR_CONFIG_INVALID", "seal.data: empty"],
    [{ data: new Uint8Array(1024 ** 2 + 1) }, "ERR_CONFIG_INVALID", "seal.data: 1048577 bytes"],
    [{ data: 7 }, "ERR_CONFIG_INVALID", "seal.data"],
    [{ format: "toml" }, "ERR_CONFIG_INVALID", "seal.format"],
    [{ mode: "attested" }, "ERR_CONFIG_INVALID", "seal.mode"],
    [{ ttlMs: 59_999 }, "ERR_CONFIG_INVALID", "seal.ttlMs"],
    [{ ttlMs: Number.NaN }, "ERR_CONFIG_INVALID", "seal.ttlMs"],
    [{ ttlMs: 86_400_001 }, "ERR_CONFIG_INVALID", "seal.ttlMs"],
    [{ image: { openssl: "three" } }, "ERR_CONFIG_INVALID", "seal.image.openssl"],
    [{ image: { opener: "pxe" } }, "ERR_CONFIG_INVALID", "seal.image.opener"],
    [{ unknown: 1 }, "ERR_CONFIG_INVALID", "seal"],
    [{ machine: undefined }, "ERR_OWNER_INVALID", "seal.machine"],
    [{ machine: { ...machine, uid: "../../x" } }, "ERR_OWNER_INVALID", "seal.machine.uid"],
    [{ machine: { ...machine, uid: "a/b" } }, "ERR_OWNER_INVALID", "seal.machine.uid"],
    [{ machine: { ...machine, name: "a\nb" } }, "ERR_OWNER_INVALID", "seal.machine.name"],
    [{ cluster: { ...cluster, namespace: "" } }, "ERR_OWNER_INVALID", "seal.cluster.namespace"],
  ] as const)("is refused where it is wrong (%#)", async (changes, code, message) => {
    const { vault, store, state } = makeWorld();
    const error = await failure(vault.seal(request(changes)));
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
    expect(await itemsOf(store)).toEqual([]);
    expect(await textOf(state)).toBe("");
  });

  it.each([
    [{ managementCluster: "a/b" }, "bootstrapVault.managementCluster"],
    [{ cloud: "acme" as never }, "bootstrapVault.cloud"],
    [{ cloud: { name: "acme", maxUserDataBytes: 0 } }, "bootstrapVault.cloud"],
    [{ ttlMs: 1 }, "bootstrapVault.ttlMs"],
    [{ ttlMs: 2 * hour, maxTtlMs: hour }, "bootstrapVault.ttlMs"],
    [{ allowPlain: true, onEvent: undefined as never }, "bootstrapVault.onEvent"],
    [{ concurrency: 0 }, "bootstrapVault.concurrency"],
    [{ state: {} as never }, "bootstrapVault.state"],
    [{ metadata: { overwrite: async () => {} } as never }, "bootstrapVault.metadata"],
    [{ oops: 1 } as never, "bootstrapVault"],
  ])("is refused at once where an option is wrong (%#)", (changes, message) => {
    expect(() => makeWorld(changes)).toThrow(message);
  });

  it("refuses handles that are none", async () => {
    const { vault } = makeWorld();
    for (const target of ["", "x", "uid/..", `uid/${"0".repeat(32)}/1`, `/${"0".repeat(32)}`, null, 7, {}]) {
      expect(await failure(vault.cleanup(target as string, { reason: "node" }))).toMatchObject({
        code: expect.stringMatching(/^ERR_(CONFIG|OWNER)_INVALID$/),
        message: expect.stringContaining("cleanup.target"),
      });
    }
    expect(await failure(vault.cleanup(machine, { reason: "why" as never }))).toMatchObject({
      message: expect.stringContaining("cleanup.reason"),
    });
  });

  it("does not trip over a hook that throws", async () => {
    const { vault } = makeWorld({
      onEvent: () => {
        throw new Error("mine");
      },
    });
    expect((await vault.seal(request())).mode).toBe("pointer");
  });

  it("takes a record that it cannot read for none, says so, and writes its own", async () => {
    for (const text of ["", "{", "null", '{"version":2}', '{"version":1,"machine":{},"sealings":[]}']) {
      const { vault, state, eventsOf, store } = makeWorld();
      const key = `bootstrap/6f9c2a51-7d0e-4a3b-9f0a-2c1d5e8b7a90/machine/${machine.uid}`;
      await state.put(key, text);
      expect((await vault.status(machine)).stage).toBe("none");
      await vault.seal(request());
      expect(eventsOf("unreadable")[0]).toEqual({ type: "unreadable", key });
      expect((await vault.status(machine)).stage).toBe("sealed");
      await vault.cleanup(machine, { reason: "node" });
      expect(await itemsOf(store)).toEqual([]);
    }
  });

  it("leaves another management cluster's machines alone on the same state and store", async () => {
    const { vault, again, store, clock } = makeWorld();
    const other = again({ managementCluster: "mc-2" });
    await vault.seal(request());
    await other.seal(request());
    const theirs = await itemsOf(store, "mc-2");
    await vault.cleanup(machine, { reason: "deleted" });
    await clock.advance(2 * hour);
    await vault.sweep();
    expect(await itemsOf(store)).toEqual([]);
    expect(await itemsOf(store, "mc-2")).toEqual(theirs);
    expect(smallStore(clock).maxItems).toBe(50);
  });
});
