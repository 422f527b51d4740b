import fc from "fast-check";
import { memoryState } from "provider-guard";
import { simulatedClock } from "provider-guard/testing";
import { expect, it } from "vitest";
import {
  type Finding,
  reconcileTrail,
  type Trail,
  type TrailEvent,
  type TrailReport,
  trailWatch,
} from "../../src/manual-operations/index.ts";
import { readingOf } from "../../src/manual-operations/trail.ts";
import { openJournal, temporaryDirectory } from "../audit/support.ts";
import { alice, callId, callRecords, fakeTrail, minute, ours, roleArn, start, trailEvent } from "./support.ts";

const hour = 60 * minute;
const day = 8 * hour; // what happens, happens in the first hours of it
const lateMs = 2 * hour;
const delayMs = 15 * minute;

/** Something that happens: a call of the guard's, or what somebody else does. */
const happening = fc.record({
  at: fc.integer({ min: 0, max: 5 * 60 }),
  who: fc.constantFrom("guard", "guard", "retry", "lost", "marked", "killed", "thief", "person", "console"),
  /** By how many seconds the trail's clock differs. */
  skew: fc.integer({ min: -110, max: 110 }),
  /** Minutes until it is delivered: nearly all within the watermark. */
  delay: fc.oneof({ weight: 6, arbitrary: fc.integer({ min: 0, max: 15 }) }, fc.integer({ min: 16, max: 119 })),
  twice: fc.boolean(),
  order: fc.integer(),
  operation: fc.constantFrom("RunInstances", "CreateVolume"),
});

const world = fc.record({
  happenings: fc.array(happening, { maxLength: 25, size: "max" }),
  /** Spans of minutes in which the trail cannot be read, or says that there is nothing. */
  outages: fc.array(
    fc.record({ from: fc.integer({ min: 0, max: 400 }), for: fc.integer({ min: 1, max: 90 }), empty: fc.boolean() }),
    { maxLength: 3, size: "max" },
  ),
  restarts: fc.array(fc.integer({ min: 0, max: 480 }), { maxLength: 4, size: "max" }),
});

type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

/** What the journal and the trail tell of it. */
function told({ at, who, skew, delay, operation }: Happening, n: number) {
  const time = start + at * minute;
  const call = callId();
  const event = (more: Partial<TrailEvent> = {}) => ({
    deliveredAt: time + 500 + delay * minute,
    event: trailEvent({ id: `e-${n}-${more.requestIds?.[0] ?? ""}`, at: time + 500 + skew * 1000, operation, ...more }),
  });
  const own = { principal: ours };
  const intent = { operation };
  const id = `req-${n}`;
  switch (who) {
    case "guard":
      return {
        records: callRecords({ call, at: time, requests: [id], intent }),
        events: [event({ ...own, requestIds: [id] })],
      };
    case "retry": {
      const requests = [`${id}-a`, `${id}-b`];
      return {
        records: callRecords({ call, at: time, requests, intent }),
        events: requests.map((request) => event({ ...own, requestIds: [request] })),
      };
    }
    case "lost":
      return {
        records: callRecords({ call, at: time, requests: [undefined], intent }),
        events: [event({ ...own, requestIds: [id] })],
      };
    case "marked":
      return {
        records: callRecords({ call, at: time, requests: [undefined], intent }),
        events: [event({ ...own, requestIds: [id], intent: call })],
      };
    case "killed":
      return {
        records: callRecords({ call, at: time, outcome: false, intent }),
        events: [event({ ...own, requestIds: [id] })],
      };
    case "thief":
      return { records: [], events: [event({ ...own, requestIds: [id] })] };
    default:
      return { records: [], events: [event({ principal: alice, console: who === "console", requestIds: [id] })] };
  }
}

const simple = (findings: readonly Finding[]) => findings.map(({ id, class: kind }) => `${kind} ${id}`).sort();

it("finds in the end what somebody who sees everything at once finds, whatever comes late, twice, or not for hours", async () => {
  await fc.assert(
    fc.asyncProperty(world, async ({ happenings, outages, restarts }) => {
      const all = happenings.map(told);
      const clock = simulatedClock({ startAt: start });
      const directory = temporaryDirectory();
      const journal = await openJournal(directory, { mode: "batch" }, undefined, { clock });
      const records = all.flatMap((one) => one.records);
      const events = all.flatMap((one, n) => {
        const { twice, order } = happenings[n] as Happening;
        return one.events.flatMap((each) => (twice ? [each, each] : [each]).map((item) => ({ ...item, order })));
      });
      // The controller is at work: where it is not, nobody can tell an empty answer from a quiet hour.
      for (let beat = 0; beat < day; beat += 4 * minute) {
        const request = `beat-${beat}`;
        records.push(...callRecords({ at: start + beat, requests: [request], intent: { operation: "DeleteVolume" } }));
        const event = trailEvent({ id: request, at: start + beat, requestIds: [request], operation: "DeleteVolume" });
        events.push({ event, deliveredAt: start + beat + minute, order: 0 });
      }
      records.sort((a, b) => Number(a.at) - Number(b.at));
      const trail: Trail = {
        ...fakeTrail([]),
        deliveryDelayMs: delayMs,
        read: (span) =>
          readingOf(span, async function* (notes) {
            const at = (clock.now() - start) / minute;
            const out = outages.find((outage) => at >= outage.from && at < outage.from + outage.for);
            if (out?.empty === false) throw new Error("down");
            notes.deliveredTo = span.to;
            if (out !== undefined) return;
            const there = events.filter(({ event, deliveredAt }) => {
              return deliveredAt <= clock.now() && event.at >= span.from && event.at <= span.to;
            });
            for (const { event } of there.sort((a, b) => a.order - b.order)) yield event;
          }),
      };
      const principals = [roleArn];
      const state = memoryState({ clock });
      const findings: Finding[] = [];
      const reports: TrailReport[] = [];
      const errors: unknown[] = [];
      const watching = () =>
        trailWatch({
          ...{ journal: { directory }, trail, principals, clock, state, startAt: start, lateMs },
          onFinding: (finding) => void findings.push(finding),
          onReport: (report) => void reports.push(report),
          onError: (error) => void errors.push(error),
        });
      let watch = watching();
      for (let at = 0; at < day + 4 * hour; at += 5 * minute) {
        while (records[0] !== undefined && Number(records[0].at) <= clock.now())
          journal.enqueue(records.shift() as never);
        await journal.flush();
        await watch.check();
        if (restarts.some((minutes) => minutes * minute >= at && minutes * minute < at + 5 * minute)) {
          await watch.close();
          watch = watching();
        }
        await clock.advance(5 * minute);
      }
      await watch.check();
      await watch.close();
      await journal.close();

      const oracle = await reconcileTrail({
        ...{ journal: { directory }, trail: fakeTrail(events.map(({ event }) => event)), principals, clock, lateMs: 0 },
        ...{ from: start, to: start + day },
      });
      expect(errors).toEqual([]);
      expect(new Set(findings.map(({ id }) => id)).size).toBe(findings.length);
      expect(simple(findings)).toEqual(simple(oracle.findings));
      expect(oracle.counts["missing-in-trail"]).toBe(0);
      for (const [n, { who }] of happenings.entries()) {
        if (["guard", "retry", "marked"].includes(who)) {
          expect(findings.filter(({ id }) => id.startsWith(`aws/e-${n}-`))).toEqual([]);
        }
      }
    }),
    { numRuns: 20 },
  );
}, 120_000);
