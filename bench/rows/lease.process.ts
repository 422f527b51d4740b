// Admissions per second of one process on a limit that it shares through Redis, while leases last:
// by the guard's limit, or by Bottleneck's.
import Bottleneck from "bottleneck";
import { Redis } from "ioredis";
import type { Attempt } from "provider-guard";
import { systemClock } from "provider-guard";
import { redisState } from "provider-guard/redis";
import { noTelemetry } from "../../src/core/telemetry.ts";
import { rateLimit } from "../../src/rate-limit/rate-limit.ts";
import { breathe } from "../row.ts";

const [url = "", who = "guard", startAt = "0"] = process.argv.slice(2);
setInterval(() => {}, 1000); // waiting for a limit alone keeps no process alive
const sharedNow = () => Number(process.hrtime.bigint()) / 1e6;
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const figures = { ratePerSecond: 1e9, burst: 1e9 };
const measuredMs = 3_000;

async function throughGuard(): Promise<number> {
  const state = redisState({ url });
  const runtime = { clock: systemClock, random: Math.random, telemetry: noTelemetry, modeOf: () => "enforce" as const };
  const limit = rateLimit({ rules: [{ name: "wide", ...figures }] }, runtime, state.lender);
  const target = { cloud: "bench", service: "bench", account: "default", region: "default" };
  const call = { target, operation: "create", kind: "create", owner: {}, decisions: [], binding: { adapter: {} } };
  const attempt = { call, sent: true, answer: { class: "ok" }, waitedMs: 0 } as unknown as Attempt;
  const next = () => Promise.resolve();
  const admitted = async (untilMs: number) => {
    let count = 0;
    while (sharedNow() < untilMs) {
      for (let i = 0; i < 100; i++) await limit.intercept(attempt, next);
      count += 100;
      await breathe();
    }
    return count;
  };
  await admitted(Number(startAt)); // borrows, and finds its pace
  return (await admitted(Number(startAt) + measuredMs)) / (measuredMs / 1000);
}

async function throughBottleneck(): Promise<number> {
  const limiter = new Bottleneck({
    datastore: "ioredis",
    clientOptions: new URL(url).port ? { port: Number(new URL(url).port), host: "127.0.0.1" } : {},
    Redis,
    id: "bench",
    clearDatastore: false,
    reservoir: 1e9,
  });
  await limiter.ready();
  await wait(Number(startAt) - sharedNow());
  let count = 0;
  const endAt = Number(startAt) + measuredMs;
  const lane = async () => {
    while (sharedNow() < endAt) {
      await limiter.schedule(() => Promise.resolve());
      count++;
    }
  };
  await Promise.all(Array.from({ length: 100 }, lane));
  return count / (measuredMs / 1000);
}

const rate = who === "guard" ? await throughGuard() : await throughBottleneck();
process.stdout.write(`${JSON.stringify(rate)}\n`);
process.exit(0);
