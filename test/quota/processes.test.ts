import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGuard, type QuotaView, type StateStore } from "provider-guard";
import { fileState } from "provider-guard/file";
import { redisState } from "provider-guard/redis";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { describeWithRedis, startRedis } from "../real/redis.ts";
import { bundle, startChild } from "../support/bundle.ts";
import type { Child } from "../support/child.ts";

const program = new URL("creator.process.ts", import.meta.url);
const limit = 300;

/** A store of one kind, and the arguments by which another process opens it. */
interface Place {
  readonly state: StateStore;
  readonly args: readonly string[];
}

async function start(place: Place, most: number, answers: "always" | "never"): Promise<Child> {
  const child = await startChild(program, [...place.args, String(most), answers]);
  onTestFinished(() => void child.process.kill("SIGKILL"));
  return child;
}

async function kill(child: Child): Promise<void> {
  child.process.kill("SIGKILL");
  await child.ended;
}

const sent = (children: readonly Child[]) => children.flatMap(({ lines }) => lines.filter((line) => line === "sent"));

/** The numbers of both budgets, as a process sees them that has just come. */
async function numbers({ state }: Place, most: number): Promise<QuotaView[]> {
  const guard = await createGuard({
    owner: { managementCluster: "mc-uid", provider: "infrastructure-acme" },
    audit: false,
    state,
    quota: {
      budgets: [
        { name: "creates", kinds: ["create"], windowMs: 3_600_000, limit: most, afterCrash: "count" },
        { name: "servers", inventory: true, limit: most },
      ],
    },
  });
  const views = await guard.quotas();
  await guard.close();
  return [...views];
}

function quotasAmongProcesses(open: () => Promise<Place>): void {
  it("let three processes together send exactly the limit", { timeout: 60_000 }, async () => {
    const place = await open();
    const children = await Promise.all([0, 1, 2].map(() => start(place, limit, "always")));
    await Promise.all(children.map((child) => child.printed(1)));
    await place.state.put("go", "1");
    await Promise.all(children.map(({ ended }) => ended));
    expect(children.map(({ lines }) => lines.at(-1))).toEqual(["done", "done", "done"]);
    expect(sent(children)).toHaveLength(limit);
    expect(await numbers(place, limit)).toMatchObject([
      { used: limit, reserved: 0 },
      { used: limit, reserved: 0 },
    ]);
  });

  it("never let more be sent when one is killed in the midst of it, and count what it may have sent", {
    timeout: 60_000,
  }, async () => {
    const place = await open();
    const children = await Promise.all([0, 1, 2].map(() => start(place, limit, "always")));
    await Promise.all(children.map((child) => child.printed(1)));
    await place.state.put("go", "1");
    const [victim, ...others] = children as [Child, ...Child[]];
    await victim.printed(20);
    await kill(victim);
    await Promise.all(others.map(({ ended }) => ended));
    expect(sent(children).length).toBeLessThanOrEqual(limit);
    const [window] = await numbers(place, limit);
    expect((window?.used ?? 0) + (window?.reserved ?? 0)).toBe(limit);
    expect(sent(children).length).toBeGreaterThan(limit - 9); // it had as many lanes, and so many may have been lost
  });

  it("give back what a killed process held, once its reservations end, unless the budget says to count it", {
    timeout: 60_000,
  }, async () => {
    const place = await open();
    await place.state.put("go", "1");
    const holder = await start(place, 8, "never");
    await holder.printed(9);
    expect(await numbers(place, 8)).toMatchObject([{ reserved: 8 }, { reserved: 8 }]);
    await kill(holder);
    let views = await numbers(place, 8);
    while (views.some(({ reserved }) => reserved > 0)) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      views = await numbers(place, 8);
    }
    expect(views).toMatchObject([
      { name: "creates", used: 8 },
      { name: "servers", used: 0 },
    ]);
  });
}

beforeAll(() => bundle(program), 120_000);

describe("quotas among processes on a folder", () =>
  quotasAmongProcesses(async () => {
    const directory = mkdtempSync(join(tmpdir(), "quotas-"));
    const state = fileState({ directory });
    onTestFinished(async () => {
      await state.close();
      rmSync(directory, { recursive: true, force: true });
    });
    return { state, args: ["file", directory] };
  }));

describeWithRedis("quotas among processes on a Redis", (redis) =>
  quotasAmongProcesses(async () => {
    const server = await startRedis(redis);
    const state = redisState({ url: server.url });
    onTestFinished(async () => {
      await state.close();
      await server.stop();
    });
    return { state, args: ["redis", server.url] };
  }),
);
