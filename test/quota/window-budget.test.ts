import { describe, expect, it } from "vitest";
import { advance, renew, reserve, settle, usage } from "../../src/quota/bookings.ts";
import { type WindowDocument, windowBook } from "../../src/quota/window-budget.ts";

const windowMs = 60_000; // slices of a second
const reservationMs = 10_000;
const book = windowBook({ name: "w", windowMs, limit: 5 });
const start = 1_000_000_000_000;

/** A document at a time in milliseconds after the start, by the rules alone. */
const at = (doc: WindowDocument, ms: number) => advance(book, doc, start + ms);
const take = (doc: WindowDocument, id: string, units = 1, lenient = false) =>
  reserve(book, doc, { id, units, lenient }, reservationMs);
const end = (doc: WindowDocument, id: string, how: "used" | "free" | "open", repeated = false) =>
  settle(book, doc, { id, units: 1, end: how }, repeated);

function used(doc: WindowDocument, ms: number, units: number): WindowDocument {
  const [held] = take(at(doc, ms), `call-${ms}`, units);
  return end(held, `call-${ms}`, "used");
}

describe("the document of a window budget", () => {
  it("has room again once the slice of what was used has passed by a window, and not a millisecond sooner", () => {
    const full = used(book.blank, 300, 5); // counts as if at the end of its second
    const [, early] = take(at(full, 60_999), "next");
    expect(early).toMatchObject({ granted: false, used: 5, roomInMs: 1 });
    const [, due] = take(at(full, 61_000), "next");
    expect(due).toMatchObject({ granted: true, used: 0 });
  });

  it("says when there is room for as much as was asked for", () => {
    const full = [0, 10_000, 20_000, 30_000, 40_000].reduce((doc, ms) => used(doc, ms, 1), book.blank);
    const roomFor = (units: number) => take(at(full, 50_000), "x", units)[1].roomInMs;
    expect([1, 2, 5].map(roomFor)).toEqual([11_000, 21_000, 51_000]);
    const [held] = take(at(book.blank, 0), "in-flight", 5);
    expect(take(at(held, 1), "x")[1].roomInMs).toBeUndefined();
  });

  it("counts a call from its end on, since its request may have left at any time until then", () => {
    let [doc] = take(at(book.blank, 0), "long", 5);
    for (let ms = 5_000; ms <= 100_000; ms += 5_000) doc = renew(at(doc, ms), new Set(["long"]), reservationMs);
    doc = end(at(doc, 100_000), "long", "used");
    expect(take(at(doc, 160_999), "next")[1].granted).toBe(false);
    expect(take(at(doc, 161_000), "next")[1].granted).toBe(true);
  });

  it("stays small, however much is used", () => {
    let doc = book.blank;
    for (let ms = 0; ms < 600_000; ms += 137) doc = end(take(at(doc, ms), "x", 0.01)[0], "x", "used");
    expect(doc.slices.length).toBeLessThanOrEqual(61);
    for (let n = 0; n < 1000; n++) doc = end(take(at(doc, 600_000), `lost-${n}`, 0.001, true)[0], `lost-${n}`, "open");
    const before = usage(book, doc).used;
    doc = at(doc, 600_001);
    expect(doc.claims.length).toBeLessThanOrEqual(200);
    expect(usage(book, doc).used).toBeCloseTo(before);
  });

  it("takes a call up again that it knows, in flight or unclear, without counting it twice or asking for room", () => {
    const [held] = take(at(book.blank, 0), "resumed", 5);
    const open = end(held, "resumed", "open");
    for (const known of [held, open, at(held, 20_000)]) {
      const [again, answer] = take(known, "resumed", 5);
      expect(answer.granted).toBe(true);
      expect(usage(book, again)).toEqual({ used: 0, reserved: 5 });
    }
    expect(take(open, "resumed", 6)[1].granted).toBe(false);
  });

  it("settles once, however often it is written", () => {
    const [held] = take(at(book.blank, 0), "x");
    const once = end(held, "x", "used");
    expect(end(once, "x", "used", true)).toBe(once);
    expect(usage(book, end(once, "x", "free", true))).toMatchObject({ used: 1 });
    expect(usage(book, end(book.blank, "never seen", "used"))).toMatchObject({ used: 1 });
    expect(end(book.blank, "never seen", "free")).toBe(book.blank);
  });

  it("adds fractions without losing the last unit to rounding", () => {
    let doc = book.blank;
    for (let n = 0; n < 50; n++) {
      const [held, { granted }] = take(at(doc, n), `${n}`, 0.1);
      expect(granted).toBe(true);
      doc = settle(book, held, { id: `${n}`, units: 0.1, end: "used" }, false);
    }
    expect(take(doc, "more", 0.1)[1].granted).toBe(false);
  });

  describe("under clocks that disagree", () => {
    it("never lets time run back by a little, so that nothing is written into the past", () => {
      const ahead = used(book.blank, 30_000, 5);
      const behind = at(ahead, 0);
      expect(behind.at).toBe(start + 30_000);
      expect(take(behind, "x")[1].granted).toBe(false);
    });

    it("believes the present clock where it is far behind, and counts what lies in its future from now on", () => {
      const yearMs = 365 * 86_400_000;
      const wrong = used(book.blank, yearMs, 5);
      const [held] = take(at(wrong, yearMs), "crashed", 1, true);
      const right = at(held, 0);
      expect(right.at).toBe(start + 60_000);
      expect(usage(book, right)).toEqual({ used: 5, reserved: 1 });
      expect(take(at(right, 121_000), "x")[1].granted).toBe(true);
      expect(usage(book, at(right, 2 * 3_600_000))).toEqual({ used: 0, reserved: 0 });
    });
  });

  it("reads back what it has written, and nothing else", () => {
    const doc = take(used(book.blank, 0, 2), "x")[0];
    expect(book.parse(JSON.stringify({ v: 1, ...doc }))).toMatchObject(doc);
    for (const text of ["{", "{}", '{"v":2}', JSON.stringify({ v: 1, ...doc, claims: [{}] }), "null"]) {
      expect(() => book.parse(text)).toThrow();
    }
  });
});
