/**
 * One run on the simulator: three clusters come up while the cloud throttles, loses answers and has
 * an outage, and while the controller crashes with a machine on its way; then one cluster is
 * deleted. The world is the same for both runs; what differs is whether the client is guarded.
 */
import { verifyJournal } from "provider-guard";
import {
  type Fault,
  type ResourceState,
  type SimulatedClock,
  type SimulatedCloud,
  seededRandom,
  simulatedClock,
  simulatedCloud,
} from "provider-guard/testing";
import { addClusters, kubernetesApi } from "./kubernetes.ts";
import { account, bareLife, guardedLife, type World } from "./lives.ts";
import { type GuardMetrics, guardMetrics } from "./metrics.ts";
import type { Progress } from "./progress.ts";
import type { Figures } from "./summary.ts";

const crashAtMachines = 5;

/** What the cloud allows per account and region. */
const limits = { read: { ratePerSecond: 3, burst: 12 }, mutating: { ratePerSecond: 1, burst: 5 } };

const faults: Fault[] = [
  { effect: "lost", operations: ["createMachine", "createLoadBalancer"], share: 0.2 },
  { effect: "unavailable", fromMs: 22_000, untilMs: 42_000 },
  { effect: "reset", kinds: ["read"], share: 0.02 },
  { effect: "slow", share: 0.05, delayMs: 2_000 },
];

export interface SimulationOptions {
  readonly seed: number;
  readonly progress: Progress;
  /** Directory of the audit log; without one the client stays bare. */
  readonly audit: string | undefined;
  /** Awaited at every step of virtual time, to slow it down for people. */
  readonly pace: ((virtualMs: number) => Promise<void>) | undefined;
}

export async function simulate({ seed, progress, audit, pace }: SimulationOptions): Promise<Figures> {
  const clock = simulatedClock();
  const cloud = simulatedCloud({ seed, clock, limits, faults, consistencyMs: 3_000, bootMs: 15_000 });
  const api = kubernetesApi();
  const world: World = { clock, cloud, api, progress, seed };
  const metrics = guardMetrics();
  addClusters(api, seededRandom(seed).fork("objects"));

  const born = () => (audit === undefined ? bareLife(world) : guardedLife(world, audit, metrics));
  const settle = async () => pace?.(clock.monotonic());
  /** Runs the world until something is the case, at most so many seconds. */
  const until = (isSo: () => boolean, seconds: number, everyMs = 500) =>
    clock.runUntil(waitUntil(clock, isSo, seconds, everyMs), { settle });

  const wanted = api.machines().length;
  let life = await born();
  // The machine exists, and the answer that says so is still on its way.
  await until(() => cloud.inspect().live[account]?.machine === crashAtMachines, 300, 5);
  await life.crash();
  progress.event(clock.monotonic(), "the controller crashes, and is started again");
  await until(() => false, 3);
  life = await born();
  await until(() => showBar(world, wanted) === wanted, 600);

  const figures = { machines: api.machines().length, duplicates: duplicatesIn(cloud) };
  const last = api.clusters().at(-1);
  if (last !== undefined) {
    progress.event(clock.monotonic(), `cluster ${last.name} is to be deleted`);
    api.requestDeletion(last);
    await until(() => api.clusters().length < 3, 180);
  }
  const stuck = api.clusters().filter(({ deleting }) => deleting).length;
  await life.stop();
  progress.end();
  return { ...figures, stuck, ...(await countEverything(world, metrics, audit)) };
}

function waitUntil(clock: SimulatedClock, isSo: () => boolean, seconds: number, everyMs: number): Promise<void> {
  const end = clock.monotonic() + seconds * 1000;
  return new Promise((resolve) => {
    const look = () => {
      if (isSo() || clock.monotonic() >= end) resolve();
      else clock.setTimeout(look, everyMs);
    };
    look();
  });
}

/** @returns How many machines are running. */
function showBar({ api, progress }: World, wanted: number): number {
  const running = api.machines().filter(({ status }) => status.running).length;
  progress.bar(running, wanted, `${running} of ${wanted} machines running`);
  return running;
}

const exists = (state: ResourceState) => state !== "deleting" && state !== "deleted";

/** Machines beyond the first of their name. */
function duplicatesIn(cloud: SimulatedCloud): number {
  const names = cloud
    .inspect()
    .resources.filter(({ type, state }) => type === "machine" && exists(state))
    .map(({ name }) => name);
  return names.length - new Set(names).size;
}

async function countEverything({ api, cloud }: World, metrics: GuardMetrics, audit: string | undefined) {
  const { resources, requests, throttled, credentialsIssued } = cloud.inspect();
  const owned = new Set([
    ...api.clusters().flatMap(({ status }) => Object.values(status.parts)),
    ...api.machines().map(({ status }) => status.providerId),
  ]);
  const creates = requests.filter(({ kind, result }) => kind === "create" && result === "ok");
  const common = {
    calls: requests.length,
    throttled,
    expired: requests.filter(({ result }) => result === "Unauthenticated").length,
    unowned: resources.filter(({ id, state }) => exists(state) && !owned.has(id)).length,
    resumed: creates.length - new Set(creates.flatMap(({ resourceIds }) => resourceIds)).size,
    credentials: credentialsIssued,
  };
  if (audit === undefined) return common;
  const { ok, records } = await verifyJournal({ directory: audit });
  return {
    ...common,
    waits: await metrics.count("wait.duration"),
    trips: await metrics.count("breaker.transitions", { state: "open" }),
    refused: await metrics.count("refusals"),
    audit: { records, verified: ok },
  };
}
