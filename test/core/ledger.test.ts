import { describe, expect, it } from "vitest";
import { type Entry, knows, type Ledger, ledgerText, lost, parseLedger } from "../../src/core/ledger.ts";

const set = (id: string, more: Partial<Entry> = {}): Entry => ({
  id,
  key: "k",
  by: "alice",
  reason: "why",
  at: 1,
  ...more,
});
const ended = (id: string, at = 2) => set(id, { ended: { id: `${id}-end`, by: "bob", at } });
const ledger = (changes: string[], ...entries: Entry[]): Ledger => ({
  changes,
  entries: new Map(entries.map((entry) => [entry.key, entry])),
});

describe("what a store has lost", () => {
  it("is nothing where the store knows the latest change, whatever it says now", () => {
    expect(lost(ledger(["1"], set("a")), ledger(["1", "2"]))).toEqual([]);
    expect(lost(ledger([]), ledger(["9"], set("a")))).toEqual([]);
  });

  it.each([
    ["a stop that is gone", set("a"), undefined, true],
    ["an end that is gone", ended("a"), undefined, true],
    ["the same stop", set("a"), set("a"), false],
    ["an end of a stop that stands again", ended("a"), set("a"), true],
    ["a stop that somebody has ended who knew of it", set("a"), ended("a"), false],
    ["a stop where another one has ended", set("a"), ended("b"), true],
    ["a stop where another one stands", set("a"), set("b"), false],
    ["an end where another stop stands", ended("a"), set("b"), false],
    ["an end where another one has ended", ended("a"), ended("b"), false],
  ] as const)("where it was written anew: %s", (_what, before, after, isLost) => {
    const now = ledger(["other"], ...(after === undefined ? [] : [after]));
    expect(lost(ledger(["1"], before), now)).toEqual(isLost ? [before] : []);
  });
});

describe("the text of a ledger", () => {
  it("is read back as it was", () => {
    const given: Ledger = { ...ledger(["1"], set("a", { key: "x" }), ended("b")), extra: [1] };
    expect(parseLedger(ledgerText(given))).toEqual(given);
  });

  it("keeps all that stands, the latest of what ended, and the latest changes", () => {
    const standing = Array.from({ length: 600 }, (_, i) => set(`s${i}`, { key: `s${i}` }));
    const over = Array.from({ length: 600 }, (_, i) => ({ ...ended(`e${i}`, i), key: `e${i}` }));
    const changes = Array.from({ length: 300 }, (_, i) => `${i}`);
    const read = parseLedger(ledgerText(ledger(changes, ...standing, ...over)));
    expect(read?.entries.size).toBe(1_100);
    expect([read?.entries.has("e99"), read?.entries.has("e100")]).toEqual([false, true]);
    expect(read?.changes).toEqual(changes.slice(200));
  });

  it.each([
    "",
    "{",
    "null",
    "[]",
    '{"version":2,"changes":[],"entries":[]}',
    '{"version":1,"changes":[],"entries":[{}]}',
  ])("is refused as a whole where it is %s", (text) => expect(parseLedger(text)).toBeUndefined());

  it("may hold a key that objects have by nature", () => {
    const given = ledger(["1"], set("a", { key: "__proto__" }));
    const read = parseLedger(ledgerText(given)) as Ledger;
    expect(knows(read, set("a", { key: "__proto__" }))).toBe(true);
    expect(({} as { id?: string }).id).toBeUndefined();
  });
});
