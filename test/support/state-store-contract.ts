import { setImmediate } from "node:timers/promises";
import type { StateStore } from "provider-guard";
import type { SimulatedClock } from "provider-guard/testing";
import { describe, expect, it, onTestFinished } from "vitest";

/** A store with nothing in it. */
export interface MadeStore {
  readonly store: StateStore;
  /** What the store reads time from. */
  readonly clock: SimulatedClock;
  /** Opens another handle on the same data, as another process would. Absent where nobody else can see it. */
  readonly another?: () => Promise<StateStore>;
}

/** Texts that were meant for something else. */
const hostile = [
  "",
  " ",
  "a\0b",
  "\0",
  "__proto__",
  "constructor",
  "%s{}*?[a-z]\\",
  "é中😀\uffff",
  "a\r\nb",
  "../../etc",
];

/** What every state store promises; each implementation runs it. */
export function stateStoreContract(name: string, make: () => Promise<MadeStore>): void {
  const fresh = async () => {
    const made = await make();
    onTestFinished(() => made.store.close());
    return made;
  };
  const entriesOf = async (store: StateStore, prefix: string) => {
    const entries: [string, string][] = [];
    for await (const [key, { value }] of store.scan(prefix)) entries.push([key, value]);
    return entries.sort(([a], [b]) => (a < b ? -1 : 1));
  };
  const keysOf = async (store: StateStore, prefix: string) => (await entriesOf(store, prefix)).map(([key]) => key);

  describe(`the ${name} state store`, () => {
    it("gets what was put, and nothing else", async () => {
      const { store } = await fresh();
      await store.put("a", "1");
      expect(await store.get("a")).toMatchObject({ value: "1" });
      expect(await store.get("b")).toBeUndefined();
    });

    it("keeps any text under any key", async () => {
      const { store } = await fresh();
      for (const [index, key] of hostile.entries()) {
        expect(await store.get(key)).toBeUndefined();
        await store.put(key, `${index}`);
      }
      expect(new Map(await entriesOf(store, ""))).toEqual(new Map(hostile.map((key, index) => [key, `${index}`])));
      for (const value of [...hostile, "half a pair \ud83d", "x".repeat(1_000_000)]) {
        await store.put("value", value);
        expect((await store.get("value"))?.value).toBe(value);
      }
      for (const key of hostile) expect(await store.delete(key)).toBe(true);
      expect(await keysOf(store, "")).toEqual(["value"]);
    });

    it("keeps keys apart that are no well-formed text, or refuses them", async () => {
      const { store } = await fresh();
      const put = store
        .put("\ud800", "half")
        .catch((error) => expect(error).toMatchObject({ code: "ERR_CONFIG_INVALID" }));
      await put;
      expect([await store.get("\ufffd"), await store.get("\udfff").catch(() => undefined)]).toEqual([
        undefined,
        undefined,
      ]);
    });

    it("changes the version with every write", async () => {
      const { store } = await fresh();
      const versions: (string | undefined)[] = [];
      for (const write of [
        () => store.put("a", "1"),
        () => store.put("a", "1"),
        () => store.increment("a", 0),
        () => store.increment("a", 1),
        async () => store.compareAndSet("a", (await store.get("a"))?.version, "2"),
        () => store.delete("a").then(() => store.put("a", "1")),
      ]) {
        await write();
        versions.push((await store.get("a"))?.version);
      }
      expect(new Set(versions).size).toBe(6);
    });

    it("lets exactly one of many writers win a compare-and-set", async () => {
      const { store } = await fresh();
      const created = await Promise.all(
        Array.from({ length: 20 }, (_, i) => store.compareAndSet("a", undefined, `${i}`)),
      );
      expect(created.filter(Boolean)).toHaveLength(1);
      const version = (await store.get("a"))?.version;
      const changed = await Promise.all(Array.from({ length: 20 }, () => store.compareAndSet("a", version, "new")));
      expect(changed.filter(Boolean)).toHaveLength(1);
    });

    it("does not mistake a key that was deleted and made again for the old one", async () => {
      const { store } = await fresh();
      await store.put("a", "1");
      const old = (await store.get("a"))?.version;
      await store.delete("a");
      expect(await store.compareAndSet("a", old, "2")).toBe(false);
      await store.put("a", "1");
      expect(await store.compareAndSet("a", old, "2")).toBe(false);
    });

    it("keeps a counter within its bounds, exactly, however many ask at once", async () => {
      const { store } = await fresh();
      const all = await Promise.all(Array.from({ length: 50 }, () => store.increment("n", 1, { max: 10 })));
      expect(all.filter(({ applied }) => applied)).toHaveLength(10);
      expect(await store.increment("n", -11, { min: 0 })).toEqual({ applied: false, value: 10 });
      expect(await store.increment("n", -10, { min: 0 })).toEqual({ applied: true, value: 0 });
      expect(await store.increment("n", 0.25)).toEqual({ applied: true, value: 0.25 });
    });

    it("refuses to count on something that is no counter", async () => {
      const { store } = await fresh();
      for (const value of ["text", "", "NaN", "Infinity"]) {
        await store.put("a", value);
        await expect(store.increment("a", 1)).rejects.toMatchObject({ code: "ERR_CONFIG_INVALID" });
        expect((await store.get("a"))?.value).toBe(value);
      }
    });

    it("refuses steps, bounds and times to live that are no numbers", async () => {
      const { store } = await fresh();
      const { NaN: none, POSITIVE_INFINITY: endless } = Number;
      for (const attempt of [
        () => store.increment("n", none),
        () => store.increment("n", endless),
        () => store.increment("n", 1, { max: none }),
        () => store.increment("n", 1, { min: none }),
        () => store.increment("n", 1, { ttlMs: none }),
        () => store.put("n", "1", { ttlMs: none }),
        () => store.put("n", "1", { ttlMs: -1 }),
        () => store.compareAndSet("n", undefined, "1", { ttlMs: endless }),
      ]) {
        await expect(attempt()).rejects.toMatchObject({ code: "ERR_CONFIG_INVALID" });
      }
      expect(await store.get("n")).toBeUndefined();
    });

    it("forgets a key when its time is over, on the injected clock", async () => {
      const { store, clock } = await fresh();
      await store.put("a", "1", { ttlMs: 300 });
      await store.increment("n", 5, { ttlMs: 300 });
      await clock.advance(150);
      expect(await store.increment("n", 1, { ttlMs: 9000 })).toMatchObject({ value: 6 });
      await clock.advance(149);
      expect(await keysOf(store, "")).toEqual(["a", "n"]);
      await clock.advance(1);
      expect(await keysOf(store, "")).toEqual([]);
      expect(await store.get("a")).toBeUndefined();
      expect(await store.delete("a")).toBe(false);
      expect(await store.compareAndSet("a", undefined, "2")).toBe(true);
      expect(await store.increment("n", 1)).toMatchObject({ value: 1 });
    });

    it("lets a later write end later, or never", async () => {
      const { store, clock } = await fresh();
      for (const key of ["later", "never", "set"]) await store.put(key, "1", { ttlMs: 1000 });
      await store.put("later", "2", { ttlMs: 5000 });
      await store.put("never", "2");
      expect(await store.compareAndSet("set", (await store.get("set"))?.version, "2")).toBe(true);
      await clock.advance(4999);
      expect(await keysOf(store, "")).toEqual(["later", "never", "set"]);
      await clock.advance(1);
      expect(await keysOf(store, "")).toEqual(["never", "set"]);
    });

    it("says whether there was something to delete", async () => {
      const { store } = await fresh();
      await store.put("a", "1");
      expect([await store.delete("a"), await store.delete("a")]).toEqual([true, false]);
    });

    it("scans a prefix while others write and delete", async () => {
      const { store } = await fresh();
      const old = Array.from({ length: 400 }, (_, i) => `x/${i}`);
      await Promise.all([...old, "w", "x", "y/1"].map((key) => store.put(key, `of ${key}`)));
      const gone = new Set<string>();
      const seen: string[] = [];
      for await (const [key, { value }] of store.scan("x/")) {
        expect(value).toBe(key.startsWith("x/new") ? "new" : `of ${key}`);
        seen.push(key);
        if (seen.length > 5_000) throw new Error("it runs after what is written meanwhile");
        await store.put(`${key}0`, `of ${key}0`);
        await store.put(`x/new-${seen.length}`, "new");
        gone.add(`x/${seen.length}`);
        await store.delete(`x/${seen.length}`);
      }
      expect(new Set(seen).size).toBe(seen.length);
      for (const key of old) if (!gone.has(key)) expect(seen).toContain(key);
      expect(await keysOf(store, "y/")).toEqual(["y/1"]);
    });

    it("rejects with the signal's reason, and does nothing", async () => {
      const { store } = await fresh();
      const signal = AbortSignal.abort(new Error("gone"));
      await store.put("kept", "1");
      for (const attempt of [
        () => store.get("kept", { signal }),
        () => store.put("a", "1", { signal }),
        () => store.compareAndSet("a", undefined, "1", { signal }),
        () => store.increment("a", 1, { signal }),
        () => store.delete("kept", { signal }),
        () => store.scan("", { signal })[Symbol.asyncIterator]().next(),
      ]) {
        await expect(attempt()).rejects.toThrow("gone");
      }
      expect(await keysOf(store, "")).toEqual(["kept"]);
    });

    it("ends a scan when its signal aborts", async () => {
      const { store } = await fresh();
      for (const key of ["a", "b", "c"]) await store.put(key, "1");
      const controller = new AbortController();
      const seen: string[] = [];
      const scan = async () => {
        for await (const [key] of store.scan("", { signal: controller.signal })) {
          seen.push(key);
          controller.abort(new Error("enough"));
        }
      };
      await expect(scan()).rejects.toThrow("enough");
      expect(seen).toHaveLength(1);
    });

    it("rejects everything once it is closed, and can be closed twice", async () => {
      const { store } = await fresh();
      await store.put("a", "1");
      await Promise.all([store.close(), store.close()]);
      for (const attempt of [
        () => store.get("a"),
        () => store.put("a", "1"),
        () => store.compareAndSet("a", undefined, "1"),
        () => store.increment("n", 1),
        () => store.delete("a"),
        () => store.scan("")[Symbol.asyncIterator]().next(),
      ]) {
        await expect(attempt()).rejects.toMatchObject({ code: "ERR_STATE_UNAVAILABLE", retryable: false });
      }
    });

    const withTwo = async () => {
      const { store, clock, another } = await fresh();
      if (another === undefined) return undefined;
      const other = await another();
      onTestFinished(() => other.close());
      return { store, clock, other };
    };

    it("shows each of two handles what the other one wrote", async (test) => {
      const two = await withTwo();
      if (two === undefined) return test.skip("nobody else can see its data");
      const { store, other, clock } = two;
      await store.put("a", "1", { ttlMs: 1000 });
      const seen = await other.get("a");
      expect(seen).toEqual(await store.get("a"));
      expect(await other.compareAndSet("a", seen?.version, "2", { ttlMs: 1000 })).toBe(true);
      expect(await store.compareAndSet("a", seen?.version, "3")).toBe(false);
      expect(await keysOf(store, "")).toEqual(["a"]);
      expect(await other.delete("a")).toBe(true);
      expect(await store.get("a")).toBeUndefined();
      await store.put("b", "1", { ttlMs: 1000 });
      await clock.advance(1000);
      expect(await other.get("b")).toBeUndefined();
    });

    it("counts exactly where two handles count at once", async (test) => {
      const two = await withTwo();
      if (two === undefined) return test.skip("nobody else can see its data");
      const stores = [two.store, two.other];
      const counted = await Promise.all(
        Array.from({ length: 200 }, async (_, i) => {
          if (i % 20 === 0) await setImmediate(); // not all in one turn
          return (stores[i % 2] as StateStore).increment("n", 1, { max: 70 });
        }),
      );
      expect(counted.filter(({ applied }) => applied).map(({ value }) => value)).toHaveLength(70);
      expect(new Set(counted.filter(({ applied }) => applied).map(({ value }) => value)).size).toBe(70);
      const set = await Promise.all(
        Array.from({ length: 40 }, (_, i) => (stores[i % 2] as StateStore).compareAndSet("one", undefined, `${i}`)),
      );
      expect(set.filter(Boolean)).toHaveLength(1);
    });

    it("keeps what was written, and when it ends, while no handle is open", async (test) => {
      const { store, clock, another } = await fresh();
      if (another === undefined) return test.skip("it is lost with its process");
      await store.put("kept", "1");
      await store.put("ends", "1", { ttlMs: 1000 });
      const { version } = (await store.get("kept")) ?? {};
      await store.close();
      await clock.advance(999);
      const second = await another();
      expect(await keysOf(second, "")).toEqual(["ends", "kept"]);
      expect(await second.get("kept")).toEqual({ value: "1", version });
      await second.close();
      await clock.advance(1);
      const third = await another();
      onTestFinished(() => third.close());
      expect(await keysOf(third, "")).toEqual(["kept"]);
      await third.delete("kept");
      await third.put("kept", "1");
      expect((await third.get("kept"))?.version).not.toBe(version);
    });
  });
}
