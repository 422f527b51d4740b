import fc from "fast-check";
import { simulatedClock } from "provider-guard/testing";
import { expect, it } from "vitest";
import { temporaryDirectory } from "../support.ts";
import { fakeSink, journalFiles, shippedFiles, shippingJournal } from "./support.ts";

const never = () => new Promise(() => {});
const refuse = () => {
  throw new Error("down");
};

/** What the sink does with one object. */
const behaviours = {
  takes: {},
  refuses: { before: refuse },
  "takes, and says that it did not": { after: refuse },
  "never answers": { before: never },
  "takes, and never answers": { after: never },
} as const;

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ record: fc.integer({ min: 1, max: 8 }) }) },
  { weight: 4, arbitrary: fc.record({ wait: fc.constantFrom(1_000, 5_000, 70_000) }) },
  { weight: 1, arbitrary: fc.constant({ crash: true } as const) },
  { weight: 1, arbitrary: fc.constant({ restart: true } as const) },
);
const names = Object.keys(behaviours) as (keyof typeof behaviours)[];

it("whatever fails in whatever order, after recovery the sink has the journal's bytes, each once", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 14 }),
      fc.array(fc.constantFrom(...names), { maxLength: 12 }),
      fc.constantFrom(1, 900, 100_000),
      async (steps, answers, maxPartBytes) => {
        const directory = temporaryDirectory();
        const clock = simulatedClock();
        const sink = fakeSink();
        const open = async () => {
          const life = clock.scope(); // its timers die with it
          const options = { sinks: [sink], maxPartBytes, closeTimeoutMs: 1_000 };
          const opened = await shippingJournal(directory, options, { clock, on: life, segmentBytes: 4096 });
          return { ...opened, life };
        };
        const left = [...answers];
        let next: { before?: () => unknown; after?: () => unknown } = {};
        sink.before = () => {
          next = behaviours[left.shift() ?? "takes"];
          return next.before?.();
        };
        sink.after = () => next.after?.();

        let process = await open();
        for (const each of steps) {
          if ("record" in each) await process.record(each.record);
          else if ("wait" in each) await clock.advance(each.wait);
          else {
            if ("crash" in each) {
              left.unshift("takes, and never answers");
              await clock.advance(5_000); // nothing after this is done by the one that dies
              process.journal.abandon();
            } else await clock.runUntil(process.journal.close());
            process.life.kill();
            left.length = 0;
            process = await open();
          }
        }
        left.length = 0;
        await clock.advance(400_000);
        expect(shippedFiles(sink)).toEqual(journalFiles(directory));
        await clock.runUntil(process.journal.close());
      },
    ),
    { numRuns: 60 },
  );
}, 60_000);
