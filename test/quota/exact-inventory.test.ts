import fc from "fast-check";
import { memoryState } from "provider-guard";
import { simulatedClock } from "provider-guard/testing";
import { expect, it } from "vitest";
import {
  beginRemoval,
  endRemoval,
  type InventoryDocument,
  inventoryBook,
  recount,
} from "../../src/quota/inventory-budget.ts";
import { type Replica, replica, type Weather, weathered } from "./replicas.ts";

const limit = 6;
const reservationMs = 5_000;

interface Step {
  readonly afterMs: number;
  readonly replica: number;
  readonly act: "create" | "delete" | "count" | "crash";
  readonly takesMs: number;
  /** When the cloud does it, or shows a resource to whoever counts, as shares of the time that it takes. */
  readonly doneAt: number;
  readonly end: "used" | "open" | "free";
  /** Which resource is deleted. */
  readonly which: number;
}

const step = (acts: readonly Step["act"][]): fc.Arbitrary<Step> =>
  fc.record({
    afterMs: fc.integer({ min: 0, max: 5_000 }),
    replica: fc.integer({ min: 0, max: 2 }),
    act: fc.constantFrom("create", "create", "delete", ...acts),
    takesMs: fc.integer({ min: 0, max: 10_000 }),
    doneAt: fc.double({ min: 0, max: 1, noNaN: true }),
    end: fc.constantFrom("used", "used", "used", "open", "free"),
    which: fc.nat(20),
  });

/** Plays a schedule; returns the most that ever existed, and by how much the document is wrong in the end. */
async function play(steps: readonly Step[], weather: Weather) {
  const clock = simulatedClock();
  const state = weathered(memoryState({ clock }), clock, weather);
  const book = inventoryBook({ name: "i", inventory: true, limit, afterCrash: "count" });
  const replicas = [0, 1, 2].map(() => replica("i", book, clock, state, reservationMs));
  const existing = new Set<string>();
  const known: string[] = [];
  let most = 0;

  async function create({ ledger, clock: own }: Replica<InventoryDocument>, one: Step, id: string) {
    const answer = await ledger.reserve({ id, units: 1, lenient: false, abandoned: "free" }, undefined);
    if (!answer.granted) return;
    const made = () => {
      existing.add(id);
      known.push(id);
      most = Math.max(most, existing.size);
    };
    if (one.end !== "free") own.setTimeout(made, one.takesMs * one.doneAt);
    own.setTimeout(() => ledger.settle({ id, units: 1 }, one.end), one.takesMs);
  }

  async function destroy({ ledger, clock: own }: Replica<InventoryDocument>, one: Step, id: string) {
    const resource = known[one.which % Math.max(1, known.length)];
    if (resource === undefined) return;
    const removal = { id, units: 1, resources: [resource], at: own.now() };
    await ledger.document.change((doc) => [beginRemoval(doc, removal), undefined]).catch(() => {});
    if (one.end !== "free") own.setTimeout(() => existing.delete(resource), one.takesMs * one.doneAt);
    own.setTimeout(() => ledger.document.enqueue((doc) => endRemoval(doc, removal, one.end)), one.takesMs);
  }

  async function count({ ledger, clock: own }: Replica<InventoryDocument>, one: Step) {
    const beganAt = own.now();
    const seen = new Set<string>(); // a list that is read page by page: half of it is seen early, half late
    const look = (half: number) => {
      for (const id of existing) if (id.length % 2 === half) seen.add(id);
    };
    own.setTimeout(() => look(0), one.takesMs * one.doneAt);
    own.setTimeout(() => look(1), one.takesMs);
    await new Promise<void>((resolve) => own.setTimeout(resolve, one.takesMs));
    const endedAt = own.now();
    await ledger.document.change((doc) => [recount(doc, seen.size, { beganAt, endedAt }) ?? doc, undefined]);
  }

  for (const [index, one] of steps.entries()) {
    await clock.advance(one.afterMs);
    const chosen = replicas[one.replica] as Replica<InventoryDocument>;
    const id = `${"x".repeat(one.which % 2)}-${100 + index}`;
    if (one.act === "crash") chosen.crash();
    else if (one.act === "delete") void destroy(chosen, one, id);
    else void (one.act === "create" ? create(chosen, one, id) : count(chosen, one)).catch(() => {});
  }
  await clock.advance(60_000);
  const last = replicas[0] as Replica<InventoryDocument>;
  await clock.runUntil(count(last, { ...(steps[0] as Step), takesMs: 0 }).catch(() => {}));
  return { most, used: last.ledger.usage()?.used, existing: existing.size };
}

it.each<[string, readonly Step["act"][], Weather]>([
  ["creates and deletes", [], { slowMs: 0, failing: 0 }],
  ["counts while they are in flight", ["count"], { slowMs: 0, failing: 0 }],
  ["counts and crashes on a slow store", ["count", "crash"], { slowMs: 40, failing: 0 }],
  ["counts on a store that loses requests and answers", ["count"], { slowMs: 20, failing: 0.2 }],
])(
  "never more exists than the limit, for any schedule of %s",
  async (_what, acts, weather) => {
    const schedules = fc.array(step(acts), { minLength: 10, maxLength: 80 });
    await fc.assert(
      fc.asyncProperty(schedules, async (schedule) => {
        expect((await play(schedule, weather)).most).toBeLessThanOrEqual(limit);
      }),
      { numRuns: 80 },
    );
  },
  60_000,
);

it("a count in a quiet moment puts everything right", async () => {
  const schedules = fc.array(step(["count", "crash"]), { minLength: 10, maxLength: 80 });
  await fc.assert(
    fc.asyncProperty(schedules, async (schedule) => {
      const { used, existing } = await play(schedule, { slowMs: 0, failing: 0 });
      expect(used).toBe(existing);
    }),
    { numRuns: 60 },
  );
}, 60_000);
