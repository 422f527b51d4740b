/**
 * The work queue: each key is worked on by one reconcile at a time, what changes meanwhile is looked at
 * once more afterwards, and failures wait longer and longer.
 */
import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { requeueBackoff } from "provider-guard/cluster-api";

export interface QueueOptions {
  /** @returns Milliseconds until the key is to be worked on again; `undefined` waits for its next event. */
  readonly work: (key: string, signal: AbortSignal) => Promise<number | undefined>;
  readonly onError: (key: string, error: unknown, requeueMs: number) => void;
  /** How many keys are worked on at the same time. */
  readonly concurrency: number;
}

export interface Queue {
  add(key: string): void;
  /** Begins nothing anymore, ends the waits of what runs, and resolves once it is over. */
  stop(reason: Error): Promise<void>;
}

export function workQueue({ work, onError, concurrency }: QueueOptions): Queue {
  const backoff = requeueBackoff();
  const ready = new Set<string>();
  const running = new Map<string, Promise<void>>();
  const timers = new Map<string, NodeJS.Timeout>();
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal);

  function add(key: string): void {
    if (stopping.signal.aborted) return;
    clearTimeout(timers.get(key));
    timers.delete(key);
    ready.add(key);
    next();
  }

  function addLater(key: string, delayMs: number): void {
    if (ready.has(key) || stopping.signal.aborted) return; // it changed meanwhile: sooner than later
    timers.set(key, setTimeout(add, delayMs, key));
  }

  async function run(key: string): Promise<void> {
    try {
      const requeueMs = await work(key, stopping.signal);
      backoff.succeeded(key);
      if (requeueMs !== undefined) addLater(key, requeueMs);
    } catch (error) {
      if (stopping.signal.aborted) return;
      const requeueMs = backoff.failed(key, error);
      onError(key, error, requeueMs);
      addLater(key, requeueMs);
    }
  }

  function next(): void {
    for (const key of ready) {
      if (running.size >= concurrency) return;
      if (running.has(key)) continue;
      ready.delete(key);
      const done = run(key).finally(() => {
        running.delete(key);
        next();
      });
      running.set(key, done);
    }
  }

  return {
    add,
    async stop(reason) {
      stopping.abort(reason);
      ready.clear();
      for (const timer of timers.values()) clearTimeout(timer);
      // A request to a server that hangs must not keep the process: the fence refuses what comes of it.
      await Promise.race([Promise.all(running.values()), sleep(10_000)]);
    },
  };
}
