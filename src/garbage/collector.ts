import { randomUUID } from "node:crypto";
import { joinSignals } from "../core/abort.ts";
import { systemClock } from "../core/clock.ts";
import { GuardError } from "../core/errors.ts";
import { guardParts } from "../core/guard-parts.ts";
import { classify } from "./classify.ts";
import type { GarbageCollector, GarbageCollectorOptions } from "./collector-interface.ts";
import type { Insides } from "./insides.ts";
import { markTags } from "./mark-tags.ts";
import { garbageMetrics } from "./metrics.ts";
import { checkCollector } from "./options.ts";
import { readOwners } from "./owners.ts";
import { people } from "./people.ts";
import { decide, decisions, makePlan, places, trippedBy } from "./plan.ts";
import { checkPolicy } from "./policy.ts";
import type { GarbageProgress } from "./progress.ts";
import { records } from "./records.ts";
import { type RunLease, runLease } from "./run-lease.ts";
import { scanAll } from "./scan.ts";
import { statusOf } from "./status.ts";
import { sweep } from "./sweep.ts";

/**
 * Collects the garbage of a provider: resources whose owner tags name a cluster or machine that does not
 * live any more. `scan` observes and marks, `plan` says what would be deleted, `sweep` deletes.
 *
 * Nothing is deleted that has no owner tags of this very provider, whose owner lives or could not be
 * judged, that is young or protected, or that was not seen without an owner by at least two complete
 * passes and for its grace. Types are only marked unless the policy says `delete`.
 *
 * @param options - See {@link GarbageCollectorOptions}.
 * @returns The collector; it has no timer, and runs when it is called.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 * @example
 * import { type GarbageInventory, garbageCollector, type OwnerSource, stateMarks } from "provider-guard/garbage";
 * import type { StateStore } from "provider-guard";
 * declare const inventory: GarbageInventory;
 * declare const owners: OwnerSource;
 * declare const state: StateStore;
 * const collector = garbageCollector({
 *   owner: { provider: "infrastructure-acme" },
 *   inventory,
 *   owners,
 *   marks: stateMarks({ state }),
 *   policy: { default: { graceMs: 24 * 3_600_000, action: "delete" } },
 * });
 * await collector.scan();
 * await collector.sweep(await collector.plan());
 */
export function garbageCollector(options: GarbageCollectorOptions): GarbageCollector {
  const { name, inventories, sources, lockMs, ...settings } = checkCollector(options);
  const policy = checkPolicy(options.policy, inventories);
  const { clock = systemClock, owner, marks, guard, leader, notify, onProgress, onError } = options;
  const { state, tagKey } = marks;
  const closing = new AbortController();
  const kept = records(state, name);
  const process = randomUUID();
  const metrics = garbageMetrics(options.meterProvider, () => statusOf(inventories, kept, closing.signal));

  const insides: Insides = {
    records: kept,
    clock,
    policy,
    provider: owner.provider,
    process,
    tags: tagKey === undefined ? undefined : markTags(tagKey, (error) => onError?.(error)),
    tell(progress: GarbageProgress) {
      metrics.see(progress);
      try {
        onProgress?.(progress);
      } catch (error) {
        onError?.(error); // a listener decides nothing
      }
    },
  };

  /** With a listener of one run. */
  function telling(listener: ((progress: GarbageProgress) => void) | undefined): Insides {
    if (listener === undefined) return insides;
    const tell = (progress: GarbageProgress) => {
      insides.tell(progress);
      listener(progress);
    };
    return { ...insides, tell };
  }

  const ended = (signal: AbortSignal | undefined) => joinSignals(signal, closing.signal) as AbortSignal;

  /** Runs what writes under the lock, so that two replicas never count the same pass twice. */
  async function alone<R>(
    dryRun: boolean,
    signal: AbortSignal,
    run: (check: () => Promise<void>) => Promise<R>,
  ): Promise<R> {
    signal.throwIfAborted();
    if (dryRun) return run(async () => {});
    await leader?.check();
    const holder = `${process}/${randomUUID()}`;
    const lease: RunLease = await runLease({ state, clock, key: `garbage/${name}/lock`, holder }, lockMs, signal);
    try {
      return await run(async () => {
        signal.throwIfAborted();
        await leader?.check();
        await lease.check(signal);
      });
    } finally {
      await lease.release().catch((error) => onError?.(error));
    }
  }

  return {
    scan({ signal: given, dryRun = false, onProgress } = {}) {
      const signal = ended(given);
      const parts = { ...telling(onProgress), signal, dryRun };
      return alone(dryRun, signal, (check) => scanAll(inventories, sources, { ...parts, check }));
    },
    plan({ signal, maxEntries = 100_000 } = {}) {
      return makePlan(inventories, insides, { collector: name, maxEntries, signal: ended(signal) });
    },
    decisions: ({ signal } = {}) => decisions(inventories, insides, ended(signal)),
    async sweep(plan, { signal: given, dryRun = false, onProgress } = {}) {
      if (plan?.collector !== name || !Array.isArray(plan.entries)) {
        throw new GuardError("ERR_CONFIG_INVALID", `plan.collector: expected a plan of the collector ${name}`);
      }
      const signal = ended(given);
      let readAt = Number.NEGATIVE_INFINITY;
      let reading: ReturnType<typeof readOwners> | undefined;
      const owners = () => {
        if (reading === undefined || clock.monotonic() - readAt > settings.maxOwnersAgeMs) {
          readAt = clock.monotonic();
          reading = readOwners(sources, signal);
        }
        return reading;
      };
      const journal = guard && guardParts.get(guard)?.journal;
      const parts = { ...telling(onProgress), ...settings, journal, notify, owners, signal, dryRun };
      return alone(dryRun, signal, (check) => sweep(plan, inventories, { ...parts, check }));
    },
    status: ({ signal } = {}) => statusOf(inventories, kept, ended(signal)),
    async explain(id, { signal: given } = {}) {
      const signal = ended(given);
      const owners = await readOwners(sources, signal);
      const found = [];
      for (const { inventory, place } of places(inventories)) {
        const mark = await kept.mark(place, id, { signal });
        const item = await inventory.read({ type: place.type, id }, { signal });
        if (mark === undefined && item === undefined) continue;
        const record = await kept.type(place, { signal });
        const watermark = mark?.since ?? clock.now();
        const court = { codec: inventory.codec, owners, provider: owner.provider, policy, watermark };
        const reason = await trippedBy(place, 1, insides, signal);
        found.push({
          ...place,
          ...(item && { item, judgement: insides.tags?.judge(item, classify(item, court)) ?? classify(item, court) }),
          ...(mark && {
            mark,
            entry: { since: mark.since, owner: mark.owner, ...decide(mark, place.type, record, insides) },
          }),
          ...(reason !== undefined && { breaker: { ...place, reason, wanted: 1 } }),
        });
      }
      return found;
    },
    ...people({ inventories, sources, insides, journal: guard && guardParts.get(guard)?.journal, ended }),
    close() {
      closing.abort(new GuardError("ERR_GUARD_CLOSED", "garbage: the collector is closed"));
      metrics.close();
    },
  };
}
