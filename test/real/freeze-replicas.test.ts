import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { emergencyStop } from "provider-guard";
import { fileState } from "provider-guard/file";
import { redisState } from "provider-guard/redis";
import { describe, expect, it, onTestFinished } from "vitest";
import { startChild } from "../support/bundle.ts";
import type { Child } from "../support/child.ts";
import { describeWithRedis, startRedis } from "./redis.ts";

const program = new URL("./freeze-replica.ts", import.meta.url);
const generous = { timeout: 30_000, interval: 20 };

async function replica(kind: "file" | "redis", place: string): Promise<Child> {
  const child = await startChild(program, [kind, place]);
  onTestFinished(async () => {
    child.process.kill("SIGKILL");
    await child.ended;
  });
  return child;
}

const comesTo = (child: Child, outcome: string) => expect.poll(() => child.lines.at(-1), generous).toBe(outcome);

/** One process stops the other, a third one that starts later obeys from its first call on, and a script ends it. */
async function obey(kind: "file" | "redis", place: string, stop: ReturnType<typeof emergencyStop>): Promise<void> {
  const [a, b] = await Promise.all([replica(kind, place), replica(kind, place)]);
  await Promise.all([comesTo(a, "sent"), comesTo(b, "sent")]);
  a.process.kill("SIGUSR2");
  await Promise.all([comesTo(a, "ERR_FREEZE_ACTIVE"), comesTo(b, "ERR_FREEZE_ACTIVE")]);
  a.process.kill("SIGKILL");
  await a.ended;
  const late = await replica(kind, place);
  await comesTo(late, "ERR_FREEZE_ACTIVE");
  expect(late.lines).toEqual(["ERR_FREEZE_ACTIVE"]);
  expect(await stop.frozen()).toMatchObject([{ scope: "all", reason: "incident 42", by: "alice" }]);
  expect(await stop.thaw({ by: "bob" })).toBe(true);
  await Promise.all([comesTo(b, "sent"), comesTo(late, "sent")]);
}

describe("replicas on one folder", () => {
  it("obey a stop that another process set, also after a restart, until a script ends it", async () => {
    const directory = mkdtempSync(join(tmpdir(), "freeze-"));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const state = fileState({ directory });
    onTestFinished(() => state.close());
    await obey("file", directory, emergencyStop(state));
  }, 60_000);
});

describeWithRedis("replicas on one Redis", (redis) => {
  it("obey a stop that another process set, also after a restart, until a script ends it", async () => {
    const server = await startRedis(redis);
    onTestFinished(() => server.stop());
    const state = redisState({ url: server.url });
    onTestFinished(() => state.close());
    await obey("redis", server.url, emergencyStop(state));
  }, 60_000);

  it("put a stop back that Redis forgot when it was restarted empty", async () => {
    const server = await startRedis(redis);
    onTestFinished(() => server.stop());
    const b = await replica("redis", server.url);
    await comesTo(b, "sent");
    const state = redisState({ url: server.url });
    onTestFinished(() => state.close());
    const stop = emergencyStop(state);
    await stop.freeze({ reason: "incident 42", by: "alice" });
    await comesTo(b, "ERR_FREEZE_ACTIVE");
    await server.kill();
    await server.start();
    await expect.poll(() => stop.frozen().catch(() => []), generous).toMatchObject([{ reason: "incident 42" }]);
    expect(b.lines).toEqual(["sent", "ERR_FREEZE_ACTIVE"]);
  }, 60_000);
});
