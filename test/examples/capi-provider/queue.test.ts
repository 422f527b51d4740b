import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type QueueOptions, workQueue } from "../../../examples/capi-provider/queue.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A queue whose work ends when it is told to. */
function standIn(options: Partial<QueueOptions> = {}) {
  const begun: string[] = [];
  const running = new Map<string, { resolve(requeueMs?: number): void; reject(error: Error): void }>();
  const waits: number[] = [];
  const queue = workQueue({
    concurrency: 2,
    onError: (_key, _error, requeueMs) => waits.push(requeueMs),
    work: (key) => {
      begun.push(key);
      if (running.has(key)) throw new Error(`${key} is worked on twice at the same time`);
      return new Promise((resolve, reject) => {
        running.set(key, { resolve, reject });
      });
    },
    ...options,
  });
  const end = async (key: string, outcome?: number | Error) => {
    const work = running.get(key);
    running.delete(key);
    if (outcome instanceof Error) work?.reject(outcome);
    else work?.resolve(outcome);
    await vi.advanceTimersByTimeAsync(0);
  };
  return { queue, begun, waits, end };
}

describe("the work queue", () => {
  it("works on a key once at a time, and once more when it changed meanwhile", async () => {
    const { queue, begun, end } = standIn();
    for (let change = 0; change < 5; change++) queue.add("a");
    expect(begun).toEqual(["a"]);
    await end("a");
    expect(begun).toEqual(["a", "a"]);
    await end("a");
    expect(begun).toEqual(["a", "a"]);
  });

  it("works on so many keys at the same time, and on the others in their order", async () => {
    const { queue, begun, end } = standIn();
    for (const key of ["a", "b", "c", "d"]) queue.add(key);
    expect(begun).toEqual(["a", "b"]);
    await end("b");
    expect(begun).toEqual(["a", "b", "c"]);
  });

  it("goes on past a key that is being worked on", () => {
    const { queue, begun } = standIn();
    for (const key of ["a", "a", "b"]) queue.add(key);
    expect(begun).toEqual(["a", "b"]);
  });

  it("comes back when the work says so, and sooner when something changes", async () => {
    const { queue, begun, end } = standIn();
    queue.add("a");
    await end("a", 5_000);
    await vi.advanceTimersByTimeAsync(4_999);
    expect(begun).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(begun).toHaveLength(2);
    await end("a", 5_000);
    queue.add("a");
    expect(begun).toHaveLength(3);
    await end("a");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(begun).toHaveLength(3); // the first timer is gone with what it was set for
  });

  it("waits longer after each failure in a row, and begins anew after a success", async () => {
    const { queue, waits, end } = standIn();
    queue.add("a");
    for (let failure = 0; failure < 12; failure++) {
      await end("a", new Error("denied"));
      await vi.advanceTimersByTimeAsync(waits.at(-1) ?? 0);
    }
    expect(waits[0]).toBeGreaterThanOrEqual(1_000);
    expect(waits[0]).toBeLessThan(120_000);
    expect(waits.at(-1)).toBeGreaterThanOrEqual(600_000);
    await end("a");
    queue.add("a");
    await end("a", new Error("denied"));
    expect(waits.at(-1)).toBeLessThan(120_000);
  });

  it("stops: what runs is told so and waited for, and nothing begins anymore", async () => {
    const { queue, begun, end } = standIn({ concurrency: 1 });
    for (const key of ["a", "b"]) queue.add(key);
    let stopped = false;
    const reason = new Error("the provider is stopping");
    const stopping = queue.stop(reason).then(() => {
      stopped = true;
    });
    await vi.advanceTimersByTimeAsync(0);
    expect(stopped).toBe(false);
    await end("a", 10);
    await stopping;
    queue.add("c");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(begun).toEqual(["a"]);
  });

  it("has no failure of what it stopped", async () => {
    let given: AbortSignal | undefined;
    const { queue, waits } = standIn({
      work: (_key, signal) => {
        given = signal;
        return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
    });
    queue.add("a");
    await queue.stop(new Error("the provider is stopping"));
    expect(given?.aborted).toBe(true);
    expect(waits).toEqual([]);
  });
});
