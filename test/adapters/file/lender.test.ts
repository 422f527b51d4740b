import { createGuard, type Lease, type LeaseRequest } from "provider-guard";
import { fileState } from "provider-guard/file";
import { object } from "provider-guard/object";
import { simulatedClock } from "provider-guard/testing";
import { afterEach, describe, expect, it } from "vitest";
import { startChild } from "../../support/bundle.ts";
import { temporaryDirectory } from "./temporary.ts";

const worker = new URL("./worker.process.ts", import.meta.url);
const limit = { bucket: "one", ratePerSecond: 10, burst: 10, held: 0, need: 1, want: 1 };

describe("tokens lent by a folder", () => {
  const ends: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  function twoStores() {
    const directory = temporaryDirectory();
    const clock = simulatedClock();
    const stores = [fileState({ directory, clock }), fileState({ directory, clock })];
    for (const store of stores) ends.push(() => store.close());
    const lease = (index: number, rest: Partial<LeaseRequest> = {}): Promise<Lease> =>
      clock.hold(stores[index]?.lender?.lease({ ...limit, ...rest }) as Promise<Lease>);
    return { directory, clock, stores, lease };
  }

  it("are the same for all stores on it, and come back when a lease has ended", async () => {
    const { clock, lease } = twoStores();
    expect((await lease(0, { want: 10 })).tokens).toBe(10);
    await clock.advance(1_999);
    expect((await lease(1)).tokens).toBe(0);
    await clock.advance(500);
    expect((await lease(1, { want: 10 })).tokens).toBe(4);
  });

  it("are kept apart for those in one process that say who they are", async () => {
    const { lease } = twoStores();
    expect((await lease(0, { borrower: "one guard", want: 6 })).tokens).toBe(6);
    expect((await lease(0, { borrower: "another", want: 6 })).tokens).toBe(4);
    expect((await lease(0, { borrower: "another", held: 4, need: 0, want: 0 })).kept).toBe(4);
    expect((await lease(1, { need: 1 })).tokens).toBe(0); // the six are still lent
  });

  it("are forgotten once the bucket is full again", async () => {
    const { clock, stores, lease } = twoStores();
    await lease(0);
    expect(await clock.hold(stores[1]?.get("bucket/one") as Promise<unknown>)).toBeDefined();
    await clock.advance(10_000);
    expect(await clock.hold(stores[1]?.get("bucket/one") as Promise<unknown>)).toBeUndefined();
  });

  it("reject with the typed error once the store is closed", async () => {
    const { stores, lease } = twoStores();
    await stores[0]?.close();
    await expect(lease(0)).rejects.toMatchObject({ code: "ERR_STATE_UNAVAILABLE" });
  });

  it("never let several processes have more than the limit together, though one of them is killed", async () => {
    const directory = temporaryDirectory();
    const [rate, burst] = [40, 10];
    const start = () => startChild(worker, ["spend", directory, String(rate), String(burst)]);
    const children = await Promise.all([start(), start(), start()]);
    await Promise.all(children.map((child) => child.printed(5)));
    children[0]?.process.kill("SIGKILL");
    const seen = children.slice(1).map(({ lines }) => lines.length);
    await Promise.all(children.slice(1).map((child, index) => child.printed((seen[index] as number) + 20)));
    for (const child of children) child.process.kill("SIGKILL");
    await Promise.all(children.map(({ ended }) => ended));
    const sent = children.flatMap(({ lines }) => lines.map((line) => Number(line) / 1e6)).sort((a, b) => a - b);
    let most = 0;
    for (const [first, from] of sent.entries()) {
      for (const [index, to] of sent.slice(first).entries()) {
        most = Math.max(most, index + 1 - burst - ((to - from) * rate) / 1000);
      }
    }
    expect(most).toBeLessThanOrEqual(0);
    expect(sent.length).toBeGreaterThan(50);
  });

  it("are what guards on the folder take from", async () => {
    const directory = temporaryDirectory();
    const rateLimit = { rules: [{ name: "one", ratePerSecond: 0.001, burst: 1 }], maxWaitMs: 300 };
    const owner = { managementCluster: "mc", provider: "test" };
    const make = async () => {
      const state = fileState({ directory });
      const guard = await createGuard({ owner, audit: false, state, rateLimit });
      ends.push(
        () => state.close(),
        () => guard.close(),
      );
      const client = guard.wrap(
        { work: async () => "done" },
        object({ cloud: "c", operations: { work: { kind: "read" } } }),
      );
      return { guard, client };
    };
    const [one, other] = [await make(), await make()];
    expect(await one.client.work()).toBe("done");
    await expect(other.client.work()).rejects.toMatchObject({ code: "ERR_RATE_LIMIT_DEADLINE" });
    expect(other.guard.limits()).toMatchObject([{ bucket: "one", source: "shared", waiting: 0 }]);
  });
});
