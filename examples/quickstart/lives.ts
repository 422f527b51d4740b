/**
 * The life of the controller's process on the simulator, once with the bare client and once with the
 * guarded one. All that guarding takes is in `guardedLife`.
 */
import { createGuard, credentialLease, type FileJournal, fileJournal, requeueAfter } from "provider-guard";
import { object } from "provider-guard/object";
import {
  type Connection,
  type SimulatedClock,
  type SimulatedCloud,
  seededRandom,
  simulatedCloudOperations,
} from "provider-guard/testing";
import { startController } from "./controller.ts";
import type { KubernetesApi } from "./kubernetes.ts";
import type { GuardMetrics } from "./metrics.ts";
import type { Progress } from "./progress.ts";
import { simulatorCloud } from "./simulator-cloud.ts";

/** The cloud account that the provider works in. */
export const account = "acme";
const pollMs = 5_000;
const credentialTtlMs = 60_000;

/** What the guard is told that the cloud allows: the published figures, a little below. */
const rules = [
  { name: "reads", kinds: ["read"], ratePerSecond: 3, burst: 8 },
  { name: "changes", kinds: ["create", "update", "delete"], ratePerSecond: 1, burst: 3 },
] as const;

/** One life of the controller's process. */
export interface Life {
  /** Ends it as a controller should end. */
  stop(): Promise<void>;
  /** Ends it as a power failure does. */
  crash(): Promise<void>;
}

/** Everything that outlives the controller. */
export interface World {
  readonly clock: SimulatedClock;
  readonly cloud: SimulatedCloud;
  readonly api: KubernetesApi;
  readonly progress: Progress;
  readonly seed: number;
}

/** A controller with the cloud's client as it is. It fetches a credential when the last one was refused, as many do. */
export async function bareLife(world: World): Promise<Life> {
  const { cloud, clock } = world;
  const scope = clock.scope();
  let held: string | undefined;
  const line = cloud.connect({
    account,
    credential: () => {
      held ??= cloud.issueCredential(account, credentialTtlMs).value;
      return held;
    },
  });
  const stop = startController({
    ...observed(world),
    cloud: simulatorCloud(line.client),
    clock: scope,
    onBehalfOf: (_subject, reconcile) => reconcile(),
    requeueAfter(error) {
      if ((error as { code?: unknown }).code === "Unauthenticated") held = undefined;
      return undefined;
    },
  });
  return {
    stop: async () => stop(),
    crash: async () => die(stop, scope, line),
  };
}

/** The same controller with the same client, guarded. */
export async function guardedLife(world: World, directory: string, metrics: GuardMetrics): Promise<Life> {
  const { cloud, clock, seed } = world;
  const scope = clock.scope();
  const random = seededRandom(seed).fork(`guard from ${clock.monotonic()}`);
  let journal: FileJournal | undefined;
  const guard = await createGuard({
    owner: { managementCluster: "8f14e45f-ceea-4672-9a3b-0d5c6e7f8a90", provider: "infrastructure-quickstart" },
    audit: {
      async open(context) {
        journal = await fileJournal({ directory }).open(context);
        return journal;
      },
    },
    rateLimit: { rules },
    circuitBreaker: { windowMs: 10_000, minimumAttempts: 8, failureThresholdPercent: 30 }, // quick: the run is short
    telemetry: { meterProvider: metrics.meterProvider },
    clock: scope,
    random,
  });
  const lease = credentialLease({
    fetch: async () => cloud.issueCredential(account, credentialTtlMs),
    clock: scope,
    random,
  });
  const line = cloud.connect({ account, credential: async () => (await lease.get()).value });
  const client = guard.wrap(line.client, object(simulatedCloudOperations), { credentials: lease });
  const stop = startController({
    ...observed(world),
    cloud: simulatorCloud(client),
    clock: scope,
    onBehalfOf: (subject, reconcile) => guard.reconcile(subject, reconcile),
    requeueAfter,
  });
  return {
    async stop() {
      stop();
      await clock.runUntil(guard.close());
      lease.close();
    },
    async crash() {
      die(stop, scope, line);
      await journal?.flush(); // what the kernel would have been given by now; a repeatable crash needs one answer
      journal?.abandon();
    },
  };
}

function die(stop: () => void, scope: { kill(): void }, line: Connection): void {
  scope.kill();
  line.sever();
  stop();
}

const observed = ({ api, clock, progress }: World) => ({
  api,
  pollMs,
  report: (report: Parameters<Progress["reconciled"]>[1]) => progress.reconciled(clock.monotonic(), report),
});
