import fc from "fast-check";
import { memoryState } from "provider-guard";
import {
  type MachineSettled,
  machineOutcome,
  type ObjectChange,
  watchNodeRef,
  watchObjects,
} from "provider-guard/cluster-api";
import { type SimulatedClock, seededRandom, simulatedClock } from "provider-guard/testing";
import { expect, it } from "vitest";
import { gone, type ModelObject, type ModelServer, modelServer } from "./model-server.ts";

/** What may happen to a server and whoever watches it. */
type Step =
  | { readonly do: "create" | "update" | "node" | "fail" | "mark" | "delete" | "recreate"; readonly name: string }
  | { readonly do: "disconnect" | "break" | "bookmark" | "compact" | "stop" | "start" | "gone" | "restart" | "quiet" }
  | { readonly do: "repeat" | "pass"; readonly amount: number };

const name = fc.constantFrom("a", "b", "c", "d", "e");
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constantFrom("create", "update", "node", "fail", "mark", "delete", "recreate"),
      name,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom("disconnect", "break", "bookmark", "compact", "stop", "start", "gone"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("restart", "quiet") }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("repeat" as const), amount: fc.integer({ min: 0, max: 5 }) }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant("pass" as const), amount: fc.constantFrom(0, 0, 0, 500, 3000, 40_000) }),
  },
);
const schedule = fc.array(step, { minLength: 5, maxLength: 60, size: "max" });

const set = (status: Record<string, unknown>) => (object: ModelObject) => ({
  ...object,
  status: { ...object.status, ...status },
});

const mark = (object: ModelObject) => ({
  ...object,
  metadata: { ...object.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" },
});

function act(server: ModelServer, one: Step, count: number): void {
  if ("name" in one) {
    const exists = server.objects.has(one.name);
    if (one.do === "create" && !exists) server.create(one.name);
    if (one.do === "update") server.update(one.name, set({ count }));
    if (one.do === "node") server.update(one.name, set({ nodeRef: { name: "n" } }));
    if (one.do === "fail") server.update(one.name, set({ phase: "Failed" }));
    if (one.do === "mark") server.update(one.name, mark);
    if (one.do === "delete" || (one.do === "recreate" && exists)) server.delete(one.name);
    if (one.do === "recreate") server.create(one.name);
  }
  if (one.do === "disconnect") server.disconnect();
  if (one.do === "break") server.disconnect(new Error("reset"));
  if (one.do === "bookmark") server.bookmark();
  if (one.do === "compact") server.compact();
  if (one.do === "stop") server.stop();
  if (one.do === "start") server.start();
  if (one.do === "gone") server.failures.push(gone());
  if (one.do === "repeat") server.repeat(one.amount);
}

/** Lets happen what can happen in so much time, the server's answers included. */
async function pass(clock: SimulatedClock, ms: number): Promise<void> {
  for (let i = 0; i < 4; i++) await clock.advance(i === 0 ? ms : 0);
}

/** The server is well for so long that every pause is over. */
async function quiet(clock: SimulatedClock, server: ModelServer): Promise<void> {
  server.start();
  server.failures.length = 0;
  await pass(clock, 120_000);
  await pass(clock, 120_000);
}

const uidOf = (object: ModelObject) => object.metadata?.uid ?? "";

it("watchObjects tells what a server's objects become, whatever happens on the way", { timeout: 120_000 }, async () => {
  let relists = 0;
  await fc.assert(
    fc.asyncProperty(schedule, fc.integer(), async (steps, seed) => {
      const server = modelServer();
      const clock = simulatedClock();
      const told = new Map<string, { version: number; gone: boolean }>();
      /** By name: no two objects of one name at a time. */
      const names = new Map<string, string>();
      const onChange = ({ type, ref, object }: ObjectChange<ModelObject>) => {
        const before = told.get(ref.uid);
        const version = Number(object?.metadata?.resourceVersion ?? Number.POSITIVE_INFINITY);
        if (type === "added") {
          expect([before, names.get(ref.name)]).toEqual([undefined, undefined]);
          names.set(ref.name, ref.uid);
        } else {
          expect(before).toMatchObject({ gone: false });
          expect(version).toBeGreaterThan(before?.version ?? 0);
        }
        if (type === "deleted") names.delete(ref.name);
        told.set(ref.uid, { version, gone: type === "deleted" });
      };
      const errors: unknown[] = [];
      const watch = watchObjects({
        ...{ source: server.source, clock, random: seededRandom(seed), pageSize: 2, onChange },
        onError: (error) => void errors.push(error),
      });
      /** Everything that was there while the watch was well is known to it. */
      const check = () => {
        const live = [...told].filter(([, { gone }]) => !gone).map(([uid, { version }]) => [uid, version]);
        const there = [...server.objects.values()].map((one) => [uidOf(one), Number(one.metadata?.resourceVersion)]);
        expect(live.sort()).toEqual(there.sort());
        expect(watch.size).toBe(there.length);
      };
      try {
        for (const [index, one] of steps.entries()) {
          act(server, one, index);
          if (one.do === "pass") await pass(clock, one.amount);
          if (one.do === "quiet") {
            await quiet(clock, server);
            check();
          }
        }
        await quiet(clock, server);
        check();
        expect(errors.filter((error) => error instanceof Error && error.name === "AssertionError")).toEqual([]);
        relists += server.calls.filter(({ what }) => what === "list").length - 1;
      } finally {
        await watch.close();
      }
    }),
    { numRuns: 300 },
  );
  expect(relists).toBeGreaterThan(100);
});

it("watchNodeRef tells each Machine that it has seen exactly once, over restarts too", {
  timeout: 120_000,
}, async () => {
  let restarts = 0;
  await fc.assert(
    fc.asyncProperty(schedule, fc.integer(), async (steps, seed) => {
      const server = modelServer();
      const clock = simulatedClock();
      const state = memoryState({ clock });
      const random = seededRandom(seed);
      const told = new Map<string, MachineSettled>();
      const twice: string[] = [];
      /** Machines that were there while the watch was well: none of them may be missed. */
      const seen = new Set<string>();
      const start = () =>
        watchNodeRef({
          ...{ machines: server.source, clock, random, state, pageSize: 2, concurrency: 2 },
          async onMachine(settled) {
            if (random() < 0.2) throw new Error("mine");
            if (random() < 0.5) await new Promise<void>((resolve) => setImmediate(resolve));
            if (told.has(settled.machine.uid)) twice.push(settled.machine.uid);
            told.set(settled.machine.uid, settled);
          },
        });
      let watch = start();
      const well = async () => {
        await quiet(clock, server);
        for (const object of server.objects.values()) seen.add(uidOf(object));
      };
      try {
        for (const [index, one] of steps.entries()) {
          act(server, one, index);
          if (one.do === "pass") await pass(clock, one.amount);
          if (one.do === "quiet") await well();
          if (one.do === "restart") {
            restarts++;
            await watch.close();
            watch = start();
          }
        }
        await well();
        expect(twice).toEqual([]);
        const live = new Map([...server.objects.values()].map((object) => [uidOf(object), object]));
        for (const uid of seen) {
          const object = live.get(uid);
          const expected = object === undefined || machineOutcome(object) !== undefined;
          expect([uid, told.has(uid)]).toEqual([uid, expected]);
        }
        for (const { outcome, machine } of told.values()) {
          const ever = server.history.filter(({ event }) => uidOf(event.object) === machine.uid);
          const outcomes = ever.map(({ event }) => machineOutcome(event.object)?.outcome);
          const wasDeleted = ever.some(({ event }) => event.type === "DELETED");
          expect(outcome === "deleted" && wasDeleted ? "deleted" : outcomes).toEqual(
            outcome === "deleted" && wasDeleted ? "deleted" : expect.arrayContaining([outcome]),
          );
        }
        expect(watch.size).toBe(live.size);
        const kept: string[] = [];
        for await (const [key] of state.scan("cluster-api/node-ref/")) kept.push(key);
        expect(kept).toHaveLength(live.size);
      } finally {
        await watch.close();
      }
    }),
    { numRuns: 300 },
  );
  expect(restarts).toBeGreaterThan(50);
});
