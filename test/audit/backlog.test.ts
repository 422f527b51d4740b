import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Backlog, type Entry, type Rank } from "../../src/audit/backlog.ts";

const waiter = { resolve() {}, reject() {} };
const plain = (index: number, rank: Rank, by?: typeof waiter): Entry => ({
  text: `${index}`,
  type: "read",
  rank,
  waiter: by,
});

/** The same, as simply as it can be said. */
class Model {
  entries: Entry[] = [];

  take(maxLength: number): Entry[] {
    let length = 0;
    const end = this.entries.findIndex((entry, index) => {
      length += entry.text.length;
      return index > 0 && length > maxLength;
    });
    return this.entries.splice(0, end === -1 ? this.entries.length : end);
  }

  putBack(taken: readonly Entry[]): void {
    this.entries = [...taken, ...this.entries].filter((entry) => entry.waiter === undefined);
  }

  trim(max: number): number {
    const before = this.entries.length;
    for (const rank of [0, 1, 2]) {
      for (;;) {
        const index = this.entries.findIndex((entry) => entry.rank === rank && entry.waiter === undefined);
        if (this.entries.length <= max || index === -1) break;
        this.entries.splice(index, 1);
      }
    }
    return before - this.entries.length;
  }
}

describe("the backlog", () => {
  it("keeps order, drops the least dear and oldest first, and never one that somebody waits for", () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ push: fc.constantFrom<Rank>(0, 1, 2), waits: fc.boolean() }) },
      { weight: 2, arbitrary: fc.record({ take: fc.nat(30) }) },
      { weight: 1, arbitrary: fc.record({ fail: fc.nat(30) }) },
      { weight: 3, arbitrary: fc.record({ trim: fc.nat(12) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const backlog = new Backlog();
        const model = new Model();
        for (const [index, action] of steps.entries()) {
          if ("push" in action) {
            const entry = plain(index, action.push, action.waits ? waiter : undefined);
            backlog.push(entry);
            model.entries.push(entry);
          } else if ("take" in action) {
            expect(backlog.take(action.take)).toEqual(model.take(action.take));
          } else if ("fail" in action) {
            const taken = backlog.take(action.fail);
            model.putBack(model.take(action.fail));
            backlog.putBack(taken, () => false);
          } else {
            expect(backlog.trim(action.trim)).toBe(model.trim(action.trim));
          }
          expect(backlog.size).toBe(model.entries.length);
        }
        expect(backlog.take(Number.POSITIVE_INFINITY)).toEqual(model.entries);
      }),
      { numRuns: 500 },
    );
  });

  it("stays small when a disk is full for hours", () => {
    const backlog = new Backlog();
    let dropped = 0;
    for (let i = 0; i < 100_000; i++) {
      backlog.push(plain(i, 0));
      dropped += backlog.trim(10);
    }
    expect(dropped).toBe(99_990);
    expect(backlog.take(100).map(({ text }) => text)).toEqual(Array.from({ length: 10 }, (_, i) => `${99_990 + i}`));
  });
});
