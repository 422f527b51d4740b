import { AsyncLocalStorage } from "node:async_hooks";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { fileJournal } from "provider-guard";
import { seededRandom, simulatedClock } from "provider-guard/testing";
import { describe, expect, test } from "vitest";
import { sleep } from "../../src/core/clock.ts";

describe("simulated clock", () => {
  test("stands still until it is told to move", async () => {
    const clock = simulatedClock({ startAt: 1_000 });
    let fired = false;
    clock.setTimeout(() => {
      fired = true;
    }, 10);
    await new Promise((resolve) => setImmediate(resolve));
    expect([clock.now(), clock.monotonic(), fired, clock.pending]).toEqual([1_000, 0, false, 1]);
    await clock.advance(9);
    expect(fired).toBe(false);
    await clock.advance(1);
    expect([clock.now(), clock.monotonic(), fired, clock.pending]).toEqual([1_010, 10, true, 0]);
  });

  test("fires timers by due time, then in the order in which they were set, whatever is cancelled", async () => {
    const plan = fc.array(fc.record({ delay: fc.integer({ min: 0, max: 50 }), cancel: fc.boolean() }), {
      maxLength: 400,
    });
    await fc.assert(
      fc.asyncProperty(plan, async (timers) => {
        const clock = simulatedClock();
        const fired: { readonly index: number; readonly at: number }[] = [];
        const handles = timers.map(({ delay }, index) =>
          clock.setTimeout(() => fired.push({ index, at: clock.monotonic() }), delay),
        );
        timers.forEach(({ cancel }, index) => {
          if (cancel) handles[index]?.cancel();
        });
        const expected = timers
          .map(({ delay, cancel }, index) => ({ delay, cancel, index }))
          .filter(({ cancel }) => !cancel)
          .sort((a, b) => a.delay - b.delay || a.index - b.index)
          .map(({ index, delay }) => ({ index, at: delay }));
        expect(clock.pending).toBe(expected.length);
        await clock.advance(50);
        expect(fired).toEqual(expected);
        expect(clock.pending).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  test("keeps its order when most timers are cancelled", async () => {
    const clock = simulatedClock();
    const random = seededRandom(11);
    const fired: number[] = [];
    const timers = Array.from({ length: 3_000 }, () => {
      const delay = Math.floor(random() * 10_000);
      return { delay, handle: clock.setTimeout(() => fired.push(delay), delay) };
    });
    const kept = timers.filter(() => random() < 0.1);
    for (const timer of timers) if (!kept.includes(timer)) timer.handle.cancel();
    await clock.advance(10_000);
    expect(fired).toEqual(kept.map(({ delay }) => delay).sort((a, b) => a - b));
  });

  test("lets everything that follows from one timer happen before the next, even if it is due together", async () => {
    const clock = simulatedClock();
    const seen: string[] = [];
    const worker = async (name: string) => {
      await sleep(clock, 5);
      seen.push(`${name} wakes`);
      for (let i = 0; i < 50; i++) await undefined;
      seen.push(`${name} ends`);
    };
    const work = Promise.all([worker("a"), worker("b")]);
    await clock.runUntil(work);
    expect(seen).toEqual(["a wakes", "a ends", "b wakes", "b ends"]);
  });

  test("runs a promise to its end in virtual time, and hands on its failure", async () => {
    const clock = simulatedClock();
    const hours = async () => {
      for (let i = 0; i < 100; i++) await sleep(clock, 3_600_000);
      return clock.monotonic();
    };
    expect(await clock.runUntil(hours())).toBe(360_000_000);
    await expect(
      clock.runUntil(
        sleep(clock, 5).then(() => {
          throw new Error("boom");
        }),
      ),
    ).rejects.toThrow("boom");
  });

  test("gives up after maxMs, and when nothing is left to wait for", async () => {
    const clock = simulatedClock();
    await expect(clock.runUntil(sleep(clock, 5_000), { maxMs: 100 })).rejects.toThrow("after 100 virtual ms");
    await clock.advance(10_000);
    await expect(clock.runUntil(new Promise(() => {}))).rejects.toThrow("nothing is left to wait for");
  });

  test.each(["held", "found out"])("stands still while files are written: %s", async (how) => {
    const directory = await mkdtemp(join(tmpdir(), "simulated-clock-"));
    try {
      const clock = simulatedClock();
      const times: number[] = [];
      const write = async () => {
        const file = await open(join(directory, "file"), "a");
        await file.write("line\n");
        await file.datasync();
        await file.close();
      };
      const worker = async () => {
        for (let i = 0; i < 5; i++) {
          await (how === "held" ? clock.hold(write()) : write());
          times.push(clock.monotonic());
          await sleep(clock, 10);
        }
      };
      clock.setTimeout(() => times.push(-1), 15); // would fire early if time passed during a write
      await clock.runUntil(worker());
      expect(times).toEqual([0, 10, -1, 20, 30, 40]);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test("stands still while a journal writes, however its writes follow each other", async () => {
    const directory = await mkdtemp(join(tmpdir(), "simulated-clock-"));
    try {
      const clock = simulatedClock();
      const principal = { managementCluster: "m", provider: "p" };
      const journal = await fileJournal({ directory }).open({ clock, random: seededRandom(1), principal });
      const late: number[] = [];
      const worker = async (first: number) => {
        for (let i = 0; i < 20; i++) {
          const at = clock.monotonic();
          await journal.append({ type: "notice", at, event: `${first}-${i}` });
          await journal.append({ type: "notice", at, event: `${first}-${i}, again` });
          if (clock.monotonic() !== at) late.push(at);
          await sleep(clock, first);
        }
      };
      for (let i = 0; i < 500; i++) clock.setTimeout(() => {}, i); // something to pass on to at any time
      await clock.runUntil(Promise.all([1, 2, 3, 5].map(worker)));
      expect(late).toEqual([]);
      await journal.close();
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test("asks settle before each step, and again while it says so", async () => {
    const clock = simulatedClock();
    let writes = 0;
    let pending: Promise<true> | undefined;
    const write = () => {
      pending = new Promise((resolve) => {
        setTimeout(() => {
          writes++;
          pending = undefined;
          resolve(true);
        }, 2);
      });
      return pending;
    };
    const worker = async () => {
      await write();
      await write(); // begins only once the first settle is over
      const at = clock.monotonic();
      await sleep(clock, 1);
      return at;
    };
    clock.setTimeout(() => {}, 0.5);
    expect(await clock.runUntil(worker(), { settle: async () => pending })).toBe(0);
    expect(writes).toBe(2);
  });

  test("jumps the wall clock without firing timers or moving monotonic time", async () => {
    const clock = simulatedClock({ startAt: 0 });
    let fired = 0;
    clock.setTimeout(() => fired++, 100);
    clock.jump(-5_000);
    expect([clock.now(), clock.monotonic()]).toEqual([-5_000, 0]);
    clock.jump(1_000_000);
    await clock.advance(99);
    expect(fired).toBe(0);
    await clock.advance(1);
    expect([clock.now(), fired]).toEqual([995_100, 1]);
  });

  test("a killed scope never fires a timer, set before or after, while its siblings go on", async () => {
    const clock = simulatedClock();
    const [doomed, survivor] = [clock.scope(), clock.scope()];
    const fired: string[] = [];
    doomed.setTimeout(() => fired.push("doomed"), 10);
    survivor.setTimeout(() => fired.push("survivor"), 10);
    await clock.advance(5);
    doomed.kill();
    doomed.setTimeout(() => fired.push("ghost"), 1);
    expect([doomed.killed, survivor.killed, clock.pending]).toEqual([true, false, 1]);
    await clock.advance(100);
    expect(fired).toEqual(["survivor"]);
    expect(doomed.now()).toBe(clock.now());
  });

  test("a timer fires in the async context that set it", async () => {
    const clock = simulatedClock();
    const context = new AsyncLocalStorage<string>();
    let seen: string | undefined;
    context.run("inside", () => {
      clock.setTimeout(() => {
        seen = context.getStore();
      }, 1);
    });
    await clock.advance(1);
    expect(seen).toBe("inside");
  });

  test("refuses bad times and two runs at once", async () => {
    const clock = simulatedClock();
    await expect(clock.advance(-1)).rejects.toThrow("ms: expected");
    await expect(clock.advance(Number.NaN)).rejects.toThrow("ms: expected");
    expect(() => simulatedClock({ startAt: Number.NaN })).toThrow("startAt");
    const running = clock.advance(10);
    await expect(clock.advance(10)).rejects.toThrow("being run already");
    await running;
  });

  test("cancels a hundred thousand timers without searching for them", async () => {
    const clock = simulatedClock();
    for (let i = 0; i < 100_000; i++) clock.setTimeout(() => {}, 30_000).cancel();
    expect(clock.pending).toBe(0);
  });
});
