import type { StateStore } from "provider-guard";
import type { SimulatedClock } from "provider-guard/testing";
import { describe, expect, it } from "vitest";

/** What every state store promises; each implementation runs it. */
export function stateStoreContract(
  name: string,
  make: () => Promise<{ readonly store: StateStore; readonly clock: SimulatedClock }>,
): void {
  const keysOf = async (store: StateStore, prefix: string) => {
    const keys: string[] = [];
    for await (const [key] of store.scan(prefix)) keys.push(key);
    return keys.sort();
  };

  describe(`the ${name} state store`, () => {
    it("gets what was put, and nothing else", async () => {
      const { store } = await make();
      await store.put("a", "1");
      expect(await store.get("a")).toMatchObject({ value: "1" });
      expect(await store.get("b")).toBeUndefined();
    });

    it("changes the version with every write", async () => {
      const { store } = await make();
      await store.put("a", "1");
      const first = await store.get("a");
      await store.put("a", "1");
      expect((await store.get("a"))?.version).not.toBe(first?.version);
    });

    it("lets exactly one of many writers win a compare-and-set", async () => {
      const { store } = await make();
      const created = await Promise.all(
        Array.from({ length: 20 }, (_, i) => store.compareAndSet("a", undefined, `${i}`)),
      );
      expect(created.filter(Boolean)).toHaveLength(1);
      const version = (await store.get("a"))?.version;
      const changed = await Promise.all(Array.from({ length: 20 }, () => store.compareAndSet("a", version, "new")));
      expect(changed.filter(Boolean)).toHaveLength(1);
    });

    it("does not mistake a key that was deleted and made again for the old one", async () => {
      const { store } = await make();
      await store.put("a", "1");
      const old = (await store.get("a"))?.version;
      await store.delete("a");
      await store.put("a", "1");
      expect(await store.compareAndSet("a", old, "2")).toBe(false);
    });

    it("keeps a counter within its bounds, exactly, however many ask at once", async () => {
      const { store } = await make();
      const all = await Promise.all(Array.from({ length: 50 }, () => store.increment("n", 1, { max: 10 })));
      expect(all.filter(({ applied }) => applied)).toHaveLength(10);
      expect(await store.increment("n", -11, { min: 0 })).toEqual({ applied: false, value: 10 });
      expect(await store.increment("n", -10, { min: 0 })).toEqual({ applied: true, value: 0 });
    });

    it("refuses to count on something that is no counter", async () => {
      const { store } = await make();
      await store.put("a", "text");
      await expect(store.increment("a", 1)).rejects.toMatchObject({ code: "ERR_CONFIG_INVALID" });
    });

    it("forgets a key when its time is over, on the injected clock", async () => {
      const { store, clock } = await make();
      await store.put("a", "1", { ttlMs: 1000 });
      await store.increment("n", 5, { ttlMs: 1000 });
      await clock.advance(500);
      expect(await store.increment("n", 1, { ttlMs: 9000 })).toMatchObject({ value: 6 });
      await clock.advance(500);
      expect(await store.get("a")).toBeUndefined();
      expect(await store.compareAndSet("a", undefined, "2")).toBe(true);
      expect(await store.increment("n", 1)).toMatchObject({ value: 1 });
    });

    it("says whether there was something to delete", async () => {
      const { store } = await make();
      await store.put("a", "1");
      expect([await store.delete("a"), await store.delete("a")]).toEqual([true, false]);
    });

    it("scans a prefix while others write and delete", async () => {
      const { store } = await make();
      for (let i = 0; i < 100; i++) await store.put(`x/${i}`, `${i}`);
      await store.put("y/1", "other");
      const seen: string[] = [];
      for await (const [key] of store.scan("x/")) {
        seen.push(key);
        await store.put(`x/new-${seen.length}`, "new");
        await store.delete("x/99");
      }
      const old = seen.filter((key) => !key.includes("new"));
      expect(new Set(old).size).toBe(old.length);
      for (let i = 0; i < 99; i++) expect(old).toContain(`x/${i}`);
      expect(await keysOf(store, "y/")).toEqual(["y/1"]);
    });

    it("rejects with the signal's reason, and does nothing", async () => {
      const { store } = await make();
      const signal = AbortSignal.abort(new Error("gone"));
      await expect(store.put("a", "1", { signal })).rejects.toThrow("gone");
      expect(await store.get("a")).toBeUndefined();
    });
  });
}
