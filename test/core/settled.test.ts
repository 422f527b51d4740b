import { describe, expect, it } from "vitest";
import { onSettled } from "../../src/core/settled.ts";

/** A result whose end the test decides. */
function pending() {
  let resolve: (value: unknown) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<unknown>((ok, no) => {
    resolve = ok;
    reject = no;
  });
  return { promise, resolve, reject };
}

describe("onSettled", () => {
  it("hands on the same promise, and calls back innermost first, before whoever gets it later", async () => {
    const order: string[] = [];
    const { promise, resolve } = pending();
    const inner = onSettled(promise, (failed, value) => order.push(`inner ${failed} ${value}`));
    const outer = onSettled(inner, (failed, value) => order.push(`outer ${failed} ${value}`));
    expect(outer).toBe(promise);
    const caller = outer.then((value) => order.push(`caller ${value}`));
    resolve("done");
    await caller;
    expect(order).toEqual(["inner false done", "outer false done", "caller done"]);
  });

  it("shares one reaction among all who watch one result, and none among several results", () => {
    let reactions = 0;
    class Counted extends Promise<unknown> {
      // biome-ignore lint/suspicious/noThenProperty: counts who reacts
      override then(...handlers: Parameters<Promise<unknown>["then"]>): never {
        reactions++;
        return super.then(...handlers) as never;
      }
    }
    const one = new Counted(() => {});
    const other = new Counted(() => {});
    for (let i = 0; i < 3; i++) onSettled(one, () => {});
    expect(reactions).toBe(1);
    onSettled(other, () => {});
    onSettled(one, () => {}); // another result came between: a reaction of its own
    expect(reactions).toBe(3);
  });

  it("tells of an error, and leaves it to whoever gets the result", async () => {
    const told: unknown[] = [];
    const { promise, reject } = pending();
    const result = onSettled(promise, (failed, error) => told.push([failed, error]));
    reject("broken");
    await expect(result).rejects.toBe("broken");
    expect(told).toEqual([[true, "broken"]]);
  });

  it("calls back whoever comes after the end, too", async () => {
    const { promise, resolve } = pending();
    const told: string[] = [];
    onSettled(promise, () => {
      told.push("first");
      onSettled(promise, () => told.push("from a callback"));
    });
    resolve(1);
    await promise;
    onSettled(promise, () => told.push("late"));
    await promise;
    expect(told).toEqual(["first", "from a callback", "late"]);
  });
});
