import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { verifyJournal } from "provider-guard";
import { type SeededRandom, seededRandom } from "provider-guard/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { killAt, nextMoment } from "./capi-provider/kill-moments.ts";
import type { Network } from "./capi-provider/manifests.ts";
import { byMachine, followCloud, isRead, readChanges, type Witness } from "./capi-provider/witness.ts";
import {
  clusterManifests,
  connectWorkload,
  core,
  describeWithLab,
  type Lab,
  merge,
  type Provider,
  standInForKubelets,
} from "./capi-provider.ts";

const kills = Number(process.env.PROVIDER_KILLS ?? 12);
const seed = Number(process.env.PROVIDER_KILLS_SEED ?? randomInt(1e9));

/** Longer than a machine that was deleted while its launch was in doubt is waited for. */
const settled = { timeout: 150_000, interval: 500 };

interface World {
  readonly lab: Lab;
  readonly namespace: string;
  readonly network: Network;
  readonly random: SeededRandom;
  readonly signal: AbortSignal;
}

/** Wakes early when the run ends. */
const pause = (ms: number, { signal }: World) => sleep(ms, undefined, { signal }).catch(() => {});

const clusterPath = (namespace: string, name: string) =>
  `/apis/${core}/v1beta2/namespaces/${namespace}/clusters/${name}`;

async function makeCluster({ lab, namespace, network }: World, name: string, workers: number): Promise<void> {
  await connectWorkload(lab.kubernetes, { namespace, cluster: name, workload: lab.workload });
  await lab.apply(...clusterManifests({ namespace, name, network, workers }));
}

async function scale({ lab, namespace }: World, name: string, replicas: number): Promise<void> {
  const path = `/apis/${core}/v1beta2/namespaces/${namespace}/machinedeployments/${name}`;
  await lab.kubernetes.request("PATCH", path, { spec: { replicas } }, merge);
}

/** Asks for more and for fewer machines, all the time. */
async function keepScaling(world: World, name: string): Promise<void> {
  const random = world.random.fork("scale");
  while (!world.signal.aborted) {
    await scale(world, name, Math.floor(random() * 5));
    await pause(500 + random() * 2_500, world);
  }
}

/** Lets clusters come and go, all the time. */
async function keepReplacing(world: World): Promise<void> {
  const { lab, namespace, signal } = world;
  const random = world.random.fork("replace");
  for (let count = 1; !signal.aborted; count++) {
    const name = `green-${count}`;
    await makeCluster(world, name, 1);
    await pause(2_000 + random() * 15_000, world);
    await lab.kubernetes.request("DELETE", clusterPath(namespace, name));
    const left = async () => (await lab.list(namespace, `${core}/v1beta2`, "clusters")).map((one) => one.metadata.name);
    while (!signal.aborted && (await left()).includes(name)) await pause(500, world);
  }
}

/** Operations of which a request has arrived and is not answered. */
const onTheWire = ({ open }: Witness) =>
  new Set([...open].map((request) => (isRead(request) ? "a read" : request.operation)));

/** What a killed provider has left behind. */
async function leftBehind({ lab, namespace }: World, provider: Provider, witness: Witness): Promise<string[]> {
  const facts = new Set<string>();
  const events = provider.log().map(({ event }) => event);
  if (!events.includes("elected")) facts.add("no leader yet");
  const recorded = await readChanges(provider.auditDirectory);
  const last = recorded.at(-1);
  if (last?.type === "intent") facts.add(witness.changes.has(last.call) ? "request in doubt" : "intent, nothing sent");
  const objects = await lab.acmeMachines(namespace);
  for (const { Tags = [], State } of await lab.instances("all")) {
    const name = Tags.find(({ Key }) => Key === "Name")?.Value;
    const object = objects.find(({ metadata }) => metadata.name === name);
    if (object === undefined) continue;
    const { metadata, spec } = object;
    if (State?.Name === "terminated") facts.add("instance gone, finalizer there");
    else if (spec.providerID === undefined) facts.add("instance without providerID");
    else if (metadata.deletionTimestamp !== undefined) facts.add("deletion asked for, instance there");
  }
  if (facts.size === 0) facts.add("nothing under way");
  return [...facts];
}

describeWithLab(`the example provider, killed at ${kills} random moments (seed ${seed})`, (start) => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await start();
  }, 180_000);
  afterAll(() => lab?.stop());

  it(
    "makes no machine twice, loses none, and leaves nothing",
    async () => {
      const witness = followCloud(lab.cloud);
      const ending = new AbortController();
      const namespace = await lab.kubernetes.freshNamespace("killed");
      const network = await lab.makeNetwork();
      const random = seededRandom(seed);
      const world: World = { lab, namespace, network, random, signal: ending.signal };
      const stopKubelets = standInForKubelets(lab, { namespace, workload: lab.workload });
      const twice = async () => {
        const told = [...witness.made].map(([machine, ids]) => [machine, [...ids]] as const);
        return [...told, ...byMachine(await lab.instances("all"))].filter(([, ids]) => ids.length > 1);
      };
      await makeCluster(world, "blue", 2);
      const driving = Promise.all([keepScaling(world, "blue"), keepReplacing(world)]);
      driving.catch(() => {}); // waited for below

      const tally = new Map<string, number>();
      const count = (what: string) => tally.set(what, (tally.get(what) ?? 0) + 1);
      const moments = random.fork("moments");
      for (let kill = 1; kill <= kills; kill++) {
        const provider = await lab.startProvider();
        if (moments() < 0.3) lab.cloud.loseAnswers(moments() < 0.5 ? "RunInstances" : "TerminateInstances", 1);
        const onKill = (cause: string) => {
          count(`because: ${cause}`);
          for (const operation of onTheWire(witness)) count(`on the wire: ${operation}`);
        };
        await killAt(nextMoment(moments, lab.cloud), provider, { afterMs: 6_000, onKill });
        witness.open.clear();
        for (const fact of await leftBehind(world, provider, witness)) count(`left: ${fact}`);
        expect(await twice(), `after kill ${kill}`).toEqual([]);
        if (kill % 20 !== 10) await lab.releaseLease(); // else its successor waits for the Lease's end
      }
      ending.abort();
      await driving;
      const lines = [...tally].sort().map(([what, times]) => `${String(times).padStart(4)}  ${what}`);
      process.stdout.write(`kills: ${kills}, seed: ${seed}\n${lines.join("\n")}\n`);

      // Whoever comes last finds everything and ends it.
      const provider = await lab.startProvider();
      await scale(world, "blue", 3);
      const blue = async () =>
        (await lab.running(namespace)).filter(({ metadata }) => metadata.name.startsWith("blue"));
      await expect.poll(async () => (await blue()).length, settled).toBe(4);
      const ownerless = async () => {
        const found = byMachine(await lab.instances("alive"));
        for (const { metadata } of await lab.machines(namespace)) found.delete(metadata.uid);
        return [...found];
      };
      await expect.poll(ownerless, settled).toEqual([]); // lost: nobody would ever end it
      const alive = byMachine(await lab.instances("alive"));
      for (const { metadata, spec } of await blue()) {
        expect(alive.get(metadata.uid)).toEqual([spec.providerID?.split("/").at(-1)]);
      }
      for (const { metadata } of await lab.list(namespace, `${core}/v1beta2`, "clusters")) {
        if (metadata.deletionTimestamp !== undefined) continue;
        await lab.kubernetes.request("DELETE", clusterPath(namespace, metadata.name));
      }
      await expect.poll(() => lab.list(namespace, `${core}/v1beta2`, "clusters"), settled).toEqual([]);
      expect(await lab.machines(namespace)).toEqual([]);
      expect(await lab.acmeMachines(namespace)).toEqual([]);
      expect(await lab.instances("alive")).toEqual([]);
      expect(await lab.securityGroups(network.vpc)).toEqual([]);
      await stopKubelets();

      provider.process.kill("SIGTERM");
      expect(await provider.ended).toBe(0);
      expect(await twice()).toEqual([]);
      expect(witness.made.size).toBeGreaterThan(kills / 4);
      const { auditDirectory: directory } = provider;
      expect(await verifyJournal({ directory })).toMatchObject({ ok: true });
      const intents = new Set((await readChanges(directory)).map(({ call }) => call));
      expect([...witness.changes].filter((call) => !intents.has(call))).toEqual([]);
    },
    600_000 + kills * 10_000,
  );
});
