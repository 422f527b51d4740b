import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonical } from "../../src/ownership/canonical.ts";

describe("the canonical text of an input", () => {
  it("does not depend on the order of keys, nor on keys without a value", () => {
    expect(canonical({ a: 1, b: { c: [1, 2], d: undefined } })).toBe(canonical({ b: { c: [1, 2] }, a: 1 }));
  });

  it.each([
    [{ a: 1 }, { a: "1" }],
    [{ a: [1, 2] }, { a: [2, 1] }],
    [{ a: "x,b:1" }, { a: "x", b: 1 }],
    [new Uint8Array([1]), new Uint8Array([2])],
    [{ a: null }, {}],
    [new Date(1), new Date(2)],
    [1n, 1],
  ])("tells different inputs apart: %#", (left, right) => {
    expect(canonical(left)).not.toBe(canonical(right));
  });

  it("is the same exactly when the JSON is", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (left, right) => {
        const shuffled = JSON.parse(JSON.stringify(left), (_key, value) =>
          value !== null && typeof value === "object" && !Array.isArray(value)
            ? Object.fromEntries(Object.entries(value).reverse())
            : value,
        );
        expect(canonical(shuffled)).toBe(canonical(JSON.parse(JSON.stringify(left))));
        const same = canonical(left) === canonical(right);
        try {
          expect(left).toEqual(right);
          expect(same).toBe(true);
        } catch {
          if (same) expect(left).toEqual(right);
        }
      }),
    );
  });

  it("ends on circular values", () => {
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    expect(canonical(circular).length).toBeGreaterThan(0);
  });
});
