import type { Clock, Timer } from "provider-guard";
import type { LeaseApi, LeaseObject } from "provider-guard/kubernetes";
import type { SimulatedClock } from "provider-guard/testing";

/** An error as client-node throws it. */
export const apiError = (code: number) => Object.assign(new Error(`HTTP-Code: ${code}`), { code });

/** The API server as far as one Lease goes: versions rise, and a write is made on the version that it names. */
export function leaseServer() {
  let version = 100;
  let stored: LeaseObject | undefined;
  const next = (body: LeaseObject): LeaseObject => {
    stored = { ...body, metadata: { ...body.metadata, resourceVersion: String(++version) } };
    return structuredClone(stored);
  };
  return {
    get stored() {
      return stored;
    },
    read(): LeaseObject {
      if (stored === undefined) throw apiError(404);
      return structuredClone(stored);
    },
    create(body: LeaseObject): LeaseObject {
      if (stored !== undefined) throw apiError(409);
      return next(body);
    },
    replace(body: LeaseObject): LeaseObject {
      if (stored?.metadata?.resourceVersion !== body.metadata?.resourceVersion) throw apiError(409);
      return next(body);
    },
    /** What a person does by hand. */
    edit(change: (lease: LeaseObject) => LeaseObject): void {
      if (stored !== undefined) next(change(stored));
    },
    remove(): void {
      version++;
      stored = undefined;
    },
  };
}

export type LeaseServer = ReturnType<typeof leaseServer>;

/** How a request fares: on the way there, and on the way back. */
export interface Fate {
  readonly thereMs: number;
  readonly backMs: number;
  /** `refused`: never arrives. `lost`: arrives, the answer does not. */
  readonly fault?: "refused" | "lost" | "hangs" | undefined;
}

/**
 * A client of that server whose requests fare as told, even those that were given up meanwhile.
 *
 * @param network - Its time goes on while the process is frozen.
 * @param process - What a frozen process gets waits for it.
 */
export function leaseClient(server: LeaseServer, network: Clock, process: Clock, fate: () => Fate): LeaseApi {
  const wait = (clock: Clock, ms: number) => new Promise<void>((resolve) => void clock.setTimeout(resolve, ms));
  async function ask(work: () => LeaseObject): Promise<LeaseObject> {
    const { thereMs, backMs, fault } = fate();
    await wait(network, thereMs);
    if (fault === "refused") {
      await wait(process, 0);
      throw apiError(503);
    }
    let answer: { readonly lease: LeaseObject } | { readonly error: unknown };
    try {
      answer = { lease: work() };
    } catch (error) {
      answer = { error };
    }
    if (fault === "hangs") return new Promise(() => {});
    await wait(network, backMs);
    await wait(process, 0);
    if (fault === "lost") throw new Error("socket hang up");
    if ("error" in answer) throw answer.error;
    return answer.lease;
  }
  return {
    readNamespacedLease: () => ask(() => server.read()),
    createNamespacedLease: ({ body }) => ask(() => server.create(body)),
    replaceNamespacedLease: ({ body }) => ask(() => server.replace(body)),
  };
}

/** The clock of one process: of its own speed and wall time, and stopped with the process by SIGSTOP. */
export interface ProcessClock extends Clock {
  freeze(): void;
  thaw(): void;
}

/**
 * @param speed - Seconds that it counts in a second of true time.
 * @param skewMs - How far its wall clock is off.
 */
export function processClock(clock: SimulatedClock, speed: number, skewMs: number): ProcessClock {
  let frozen = false;
  const held: (() => void)[] = [];
  return {
    now: () => clock.now() * 1 + skewMs,
    monotonic: () => clock.monotonic() * speed,
    setTimeout(callback, delayMs): Timer {
      let cancelled = false;
      const run = () => {
        if (frozen) held.push(run);
        else if (!cancelled) callback();
      };
      const timer = clock.setTimeout(run, delayMs / speed);
      return {
        cancel() {
          cancelled = true;
          timer.cancel();
        },
      };
    },
    freeze() {
      frozen = true;
    },
    thaw() {
      frozen = false;
      for (const run of held.splice(0)) run();
    },
  };
}
