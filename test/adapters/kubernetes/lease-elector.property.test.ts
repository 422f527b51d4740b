import fc from "fast-check";
import { type LeaseElector, leaseElector } from "provider-guard/kubernetes";
import { simulatedClock } from "provider-guard/testing";
import { expect, it } from "vitest";
import { seededRandom } from "../../../src/testing/seeded-random.ts";
import { type Fate, leaseClient, leaseServer, type ProcessClock, processClock } from "./lease-elector-model.ts";

const place = { namespace: "acme-system", name: "acme" };
const durations = { leaseDurationMs: 3_000, renewDeadlineMs: 2_000, retryPeriodMs: 500 };

const action = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("pass"), ms: fc.integer({ min: 1, max: 3_000 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("freeze"), who: fc.nat(2) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("thaw"), who: fc.nat(2) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("faults"), share: fc.double({ min: 0, max: 0.5, noNaN: true }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("delay"), ms: fc.integer({ min: 0, max: 900 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("cut"), who: fc.nat(2) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("mend") }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("delete") }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("label") }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart"), who: fc.nat(2), closes: fc.boolean() }) },
) as fc.Arbitrary<{ do: string; ms: number; who: number; share: number; closes: boolean }>;

/** As one replica: a process that may be frozen, and replaced by another one. */
interface Replica {
  readonly clock: ProcessClock;
  readonly elector: LeaseElector;
}

it("never lets two believe that they lead at one moment, gives rising tokens, and elects again once faults end", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { minLength: 20, maxLength: 60 }),
      fc.array(fc.double({ min: 0.9, max: 1.1, noNaN: true }), { minLength: 3, maxLength: 3 }),
      fc.nat(),
      async (actions, speeds, seed) => {
        const clock = simulatedClock();
        const server = leaseServer();
        server.create({ metadata: place, spec: {} });
        const random = seededRandom(seed);
        const net = { share: 0, delayMs: 50 };
        const cut = new Set<number>();
        const fate = (who: number): Fate => {
          if (cut.has(who)) return { thereMs: 20, backMs: 0, fault: random() < 0.5 ? "refused" : "hangs" };
          const fault =
            random() < net.share ? (["refused", "lost", "hangs"] as const)[Math.floor(random() * 3)] : undefined;
          return { thereMs: random() * net.delayMs, backMs: random() * net.delayMs, fault };
        };
        const tokens: number[] = [];
        const all: Replica[] = []; // the dead included: a process that was replaced may still be running
        const start = (who: number): Replica => {
          const own = processClock(clock, speeds[who] as number, (who - 1) * 86_400_000);
          const leases = leaseClient(server, clock, own, () => fate(who));
          const onEvent = (event: { type: string; token?: number }) => {
            if (event.type === "elected") tokens.push(event.token as number);
          };
          const options = { leases, ...place, ...durations, identity: `r${who}`, clock: own, random, onEvent };
          const replica = { clock: own, elector: leaseElector(options) };
          all.push(replica);
          return replica;
        };
        const replicas = [start(0), start(1), start(2)];
        const believers = () => all.filter(({ elector }) => elector.token !== undefined);
        async function pass(ms: number): Promise<void> {
          for (let left = ms; left > 0; left -= 25) {
            await clock.advance(Math.min(25, left));
            expect(believers().length).toBeLessThanOrEqual(1);
          }
        }

        for (const step of actions) {
          const replica = replicas[step.who] as Replica;
          if (step.do === "pass") await pass(step.ms);
          if (step.do === "freeze") replica.clock.freeze();
          if (step.do === "thaw") replica.clock.thaw();
          if (step.do === "cut") cut.add(step.who);
          if (step.do === "mend") cut.clear();
          if (step.do === "faults") net.share = step.share;
          if (step.do === "delay") net.delayMs = step.ms;
          if (step.do === "delete") server.remove();
          if (step.do === "label") server.edit((lease) => ({ ...lease, apiVersion: `${random()}` }));
          if (step.do === "restart") {
            if (step.closes) void replica.elector.close();
            replicas[step.who] = start(step.who);
          }
          expect(believers().length).toBeLessThanOrEqual(1);
        }
        Object.assign(net, { share: 0, delayMs: 50 });
        cut.clear();
        for (const replica of all) replica.clock.thaw();
        await pass(10_000);
        expect(believers()).toHaveLength(1);
        const first = all.map(({ elector }) => elector.close());
        await clock.runUntil(Promise.all(first));
        expect(tokens).toEqual([...tokens].sort((a, b) => a - b));
        expect(new Set(tokens).size).toBe(tokens.length);
      },
    ),
    { numRuns: 60 },
  );
}, 60_000);
