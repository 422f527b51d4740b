import { describe, expect, it } from "vitest";
import { advance, reserve, settle, usage } from "../../src/quota/bookings.ts";
import {
  beginRemoval,
  endRemoval,
  type InventoryDocument,
  inventoryBook,
  recount,
} from "../../src/quota/inventory-budget.ts";

const reservationMs = 10_000;
const book = inventoryBook({ name: "i", inventory: true, limit: 5 });
const start = 1_000_000_000_000;

const at = (doc: InventoryDocument, ms: number) => advance(book, doc, start + ms);
const hold = (doc: InventoryDocument, id: string) =>
  reserve(book, doc, { id, units: 1, lenient: false }, reservationMs)[0];
const end = (doc: InventoryDocument, id: string, how: "used" | "free" | "open") =>
  settle(book, doc, { id, units: 1, end: how }, false);
const create = (doc: InventoryDocument, ms: number, id = `call-${ms}`) => end(hold(at(doc, ms), id), id, "used");

function destroy(
  doc: InventoryDocument,
  beganMs: number,
  endedMs: number,
  resources: readonly string[] = [],
  how: "used" | "free" | "open" = "used",
) {
  const units = Math.max(1, resources.length);
  const removal = { id: `delete-${beganMs}-${endedMs}`, units, resources, at: start + beganMs };
  return endRemoval(at(beginRemoval(at(doc, beganMs), removal), endedMs), removal, how);
}

function counted(doc: InventoryDocument, count: number, beganMs: number, endedMs: number, nowMs = endedMs) {
  const after = recount(at(doc, nowMs), count, { beganAt: start + beganMs, endedAt: start + endedMs });
  if (after === undefined) throw new Error("too long ago");
  return after;
}

const used = (doc: InventoryDocument) => usage(book, doc).used;

describe("the document of an inventory budget", () => {
  it("gives back as many units as resources that were not deleted before", () => {
    let doc = [1, 2, 3, 4, 5].reduce((made, ms) => create(made, ms), book.blank);
    doc = destroy(doc, 10, 11, ["a", "b"]);
    expect(used(doc)).toBe(3);
    doc = destroy(doc, 20, 21, ["a", "b"]);
    expect(used(doc)).toBe(3);
    doc = destroy(doc, 30, 31, ["b", "c"]);
    expect(used(doc)).toBe(2);
    expect(used(destroy(doc, 4_000_000, 4_000_001, ["a"]))).toBe(1); // an hour later the name may be another's
    expect(used(destroy(destroy(doc, 40, 41), 50, 51))).toBe(0);
    expect(used(destroy(destroy(destroy(doc, 40, 41), 50, 51), 60, 61))).toBe(0);
  });

  it("gives back once, however often it is written", () => {
    const doc = destroy(create(create(book.blank, 1), 2), 5, 6);
    expect(destroy(doc, 5, 6).count).toBe(1);
  });

  it("gives back nothing for a delete that failed, and once for one that was repeated because nobody knew", () => {
    const doc = create(create(book.blank, 1), 2);
    expect(used(destroy(doc, 5, 6, ["a"], "free"))).toBe(2);
    expect(destroy(doc, 5, 6, ["a"], "free").changes).toEqual(doc.changes);
    expect(used(destroy(doc, 5, 6, ["a"], "open"))).toBe(2);
    expect(used(destroy(destroy(doc, 5, 6, ["a"], "open"), 7, 8, ["a"]))).toBe(1);
  });

  describe("while somebody counts", () => {
    it("adds creates that ended after the count began, and no earlier ones", () => {
      const doc = create(create(create(book.blank, 1000), 2000), 3000);
      expect(used(counted(doc, 1, 1500, 2500, 3500))).toBe(3);
      expect(used(counted(doc, 7, 5000, 6000))).toBe(7);
    });

    it("adds a create that ends after the count was stored", () => {
      const doc = counted(hold(at(book.blank, 1000), "x"), 4, 1500, 2500);
      expect(usage(book, doc)).toEqual({ used: 4, reserved: 1 });
      expect(used(end(doc, "x", "used"))).toBe(5);
      expect(used(end(doc, "x", "free"))).toBe(4);
      const ahead = counted(hold(at(book.blank, 1000), "x"), 4, 50_000, 55_000, 2000); // by a clock that is ahead
      expect(usage(book, ahead).reserved).toBe(1);
    });

    it("takes off deletes that began after the count ended, and no earlier ones: it may have missed those already", () => {
      const doc = [1, 2, 3, 4, 5].reduce((made, ms) => create(made, ms), book.blank);
      expect(used(counted(destroy(doc, 3000, 3100), 5, 1000, 2000, 3500))).toBe(4);
      expect(used(counted(destroy(doc, 1500, 2500), 5, 1000, 2000, 3500))).toBe(5);
      const late = counted(doc, 5, 1000, 2000, 2100);
      expect(used(destroy(late, 1500, 2500))).toBe(5);
      expect(used(destroy(late, 2500, 2600))).toBe(4);
    });

    it("takes nothing off for a delete that only repeats one from before the count, of which nobody knew the end", () => {
      const doc = create(create(book.blank, 1), 2);
      const unclear = counted(destroy(doc, 1000, 1100, ["a"], "open"), 1, 2000, 2100);
      expect(used(destroy(unclear, 3000, 3100, ["a"]))).toBe(1);
      expect(used(destroy(unclear, 3000, 3100, ["b"]))).toBe(0);
    });

    it("forgets what ended without a clear answer before the count began, as the count tells", () => {
      const doc = end(hold(at(book.blank, 1000), "x"), "x", "open");
      expect(used(doc)).toBe(1);
      expect(used(counted(doc, 0, 1500, 2000))).toBe(0);
      expect(used(counted(doc, 0, 500, 2000))).toBe(1);
    });

    it("keeps the newer of two counts, in whatever order they arrive", () => {
      const doc = counted(book.blank, 3, 2000, 3000);
      expect(counted(doc, 5, 1000, 3500)).toMatchObject({ count: 3 });
      expect(counted(doc, 5, 2500, 3500)).toMatchObject({ count: 5 });
    });

    it("refuses a count that began before what it remembers", () => {
      const doc = at(create(book.blank, 0), 3_600_000);
      const late = { beganAt: start - 1, endedAt: start + 1000 };
      expect(recount(doc, 1, late)).toBeUndefined();
      let many = book.blank;
      for (let n = 0; n < 1005; n++) many = end(hold(at(many, 10_000 + n), `${n}`), `${n}`, "used");
      expect(recount(at(many, 20_000), 1, { beganAt: start + 10_000, endedAt: start + 20_000 })).toBeUndefined();
      expect(recount(at(many, 20_000), 1, { beganAt: start + 10_900, endedAt: start + 20_000 })?.count).toBe(106);
    });
  });

  it("lets nothing in before it is counted, where it was told so", () => {
    const careful = inventoryBook({ name: "i", inventory: true, limit: 5, startsAt: "counted" });
    const ask = (doc: InventoryDocument) =>
      reserve(careful, doc, { id: "x", units: 1, lenient: false }, reservationMs)[1];
    expect(ask(advance(careful, careful.blank, start))).toMatchObject({ granted: false, uncounted: true });
    expect(ask(counted(careful.blank, 0, 1, 2))).toMatchObject({ granted: true });
  });

  it("remembers a create whose process died for a day, and counts it after all when somebody tells", () => {
    const lapsed = at(hold(at(book.blank, 0), "x"), 23 * 3_600_000);
    expect(usage(book, lapsed)).toEqual({ used: 0, reserved: 0 });
    expect(used(end(lapsed, "x", "used"))).toBe(1);
    expect(at(lapsed, 25 * 3_600_000).claims).toEqual([]);
  });

  it("keeps counting what was never clear, after it is no longer known by its call", () => {
    const open = end(hold(at(book.blank, 0), "x"), "x", "open");
    const later = at(open, 25 * 3_600_000);
    expect(later.claims).toEqual([]);
    expect(used(later)).toBe(1);
  });

  it("leaves the store when there is nothing to remember", () => {
    const idle = destroy(create(book.blank, 1), 5, 6);
    expect(book.ttlMs(idle)).toBeGreaterThan(3_600_000);
    expect(book.ttlMs(create(idle, 10))).toBeUndefined();
    expect(book.ttlMs(counted(idle, 0, 10, 20))).toBeUndefined();
  });

  it("reads back what it has written, and nothing else", () => {
    const doc = counted(destroy(create(hold(at(book.blank, 0), "x"), 1), 5, 6, ["a"]), 3, 10, 20);
    expect(book.parse(JSON.stringify({ v: 1, ...doc }))).toMatchObject(JSON.parse(JSON.stringify(doc)));
    expect(() => book.parse('{"v":1}')).toThrow();
  });
});
