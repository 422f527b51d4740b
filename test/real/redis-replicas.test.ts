import { expect, it } from "vitest";
import { startChild } from "../support/bundle.ts";
import type { Child } from "../support/child.ts";
import { describeWithRedis, startRedis } from "./redis.ts";

const program = new URL("./redis-replica.ts", import.meta.url);
const ratePerSecond = 100;
const burst = 20;
const leaseMs = 400;
/** A process may be stopped between taking a token and noting when: its window seems so much shorter. */
const tolerance = ratePerSecond * 0.1;

/** The most that any window had over what it may have: the sum so far is dropped where a new window begins better. */
function excess(sentAt: readonly number[]): number {
  let most = Number.NEGATIVE_INFINITY;
  let sum = 0;
  let before = 0;
  for (const at of sentAt) {
    sum = Math.max(0, sum - (at - before) * ratePerSecond) + 1;
    most = Math.max(most, sum - burst);
    before = at;
  }
  return most;
}

describeWithRedis("replicas on one Redis", (redis) => {
  it("stay under the limit together and go on, whatever becomes of Redis and of them", {
    timeout: 60_000,
  }, async () => {
    const server = await startRedis(redis);
    const all: Child[] = [];
    const running = new Set<Child>();
    const args = [server.url, String(ratePerSecond), String(burst), String(leaseMs)];
    const start = async () => {
      const child = await startChild(program, args);
      all.push(child);
      running.add(child);
    };
    const kill = async (child: Child) => {
      child.process.kill("SIGKILL");
      running.delete(child);
      await child.ended;
    };
    /** Resolves once all of them together sent so many calls more. */
    const goOn = async (calls: number) => {
      const count = () => [...running].reduce((sum, { lines }) => sum + lines.length, 0);
      const goal = count() + calls;
      const ended = Promise.race([...running].map((child) => child.ended)).then((code) => {
        if (count() < goal) throw new Error(`a replica ended: ${code}`);
      });
      while (count() < goal) {
        await Promise.race([ended, ...[...running].map((child) => child.printed(child.lines.length + 1))]);
      }
    };

    await Promise.all([start(), start(), start()]);
    await goOn(60);
    await kill([...running][0] as Child); // while it holds a lease
    await start();
    await goOn(60);
    await server.admin((client) => client.flushall());
    await goOn(60);
    await server.admin((client) => client.script("FLUSH"));
    await goOn(60);
    await server.kill();
    await server.start();
    await goOn(60);
    server.pause();
    await new Promise((resolve) => setTimeout(resolve, 2 * leaseMs)); // every lease ends meanwhile
    server.resume();
    await goOn(60);
    for (const child of [...running]) await kill(child);
    await server.stop();

    const sentAt = all.flatMap(({ lines }) => lines.map((line) => Number(BigInt(line) / 1000n) / 1e6));
    sentAt.sort((a, b) => a - b);
    expect(sentAt.length).toBeGreaterThanOrEqual(6 * 60);
    expect(excess(sentAt)).toBeLessThanOrEqual(tolerance);
  });
});
