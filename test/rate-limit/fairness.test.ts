import { describe, expect, it } from "vitest";
import { acme, subject } from "../support/acme.ts";

/** Jain's index: 1 when everybody is served alike, 1/n when one takes all. */
function jain(served: readonly number[]): number {
  const sum = served.reduce((a, b) => a + b, 0);
  return sum ** 2 / (served.length * served.reduce((a, b) => a + b * b, 0));
}

describe("a flood from one cluster", () => {
  it("leaves the others their share, though it asks for a hundred times as much", async () => {
    const { guard, client, clock } = await acme({
      rateLimit: {
        rules: [{ name: "ten", ratePerSecond: 10, burst: 1 }],
        maxWaitingPerCluster: 10_000,
        maxWaitMs: 1e6,
      },
    });
    const served = new Array<number>(10).fill(0);
    const ask = (cluster: number) =>
      guard
        .reconcile(subject(`c${cluster}`), () => client.listServers())
        .then(
          () => {
            served[cluster] = (served[cluster] ?? 0) + 1;
          },
          () => {},
        );
    for (let second = 0; second < 30; second++) {
      for (let cluster = 0; cluster < 10; cluster++) {
        for (let request = cluster === 0 ? 100 : 1; request > 0; request--) void ask(cluster);
      }
      await clock.advance(1000);
    }
    expect(served.reduce((a, b) => a + b, 0)).toBeGreaterThanOrEqual(300);
    expect(jain(served)).toBeGreaterThanOrEqual(0.95);
    await guard.close({ signal: AbortSignal.abort() });
  });
});
