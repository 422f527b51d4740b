import type { OperationClass } from "./findings.ts";
import type { IndexedCall, JournalCall, JournalIndex } from "./journal-index.ts";
import type { TrailEvent } from "./trail-event.ts";

/** What the user knows about an event, beyond trail and journal. */
export interface Belonging {
  /** UID of the cluster that the resources belong to. */
  readonly cluster?: string | undefined;
  /** Value of `cluster.x-k8s.io/managed-by` on that cluster: somebody else's controller works on it. */
  readonly managedBy?: string | undefined;
}

/** What an event turned out to be. */
export interface Judgement {
  readonly event: TrailEvent;
  readonly class: OperationClass;
  /** The journal's call that it is part of. */
  readonly call?: JournalCall | undefined;
  readonly cluster?: string | undefined;
}

/** What a judge goes by. */
export interface JudgeOptions {
  readonly index: JournalIndex;
  readonly isOurs: (event: TrailEvent) => boolean;
  readonly sameOperation: (call: JournalCall, event: TrailEvent) => boolean;
  /** By how much, in milliseconds, the cloud's clock may differ from ours. */
  readonly slackMs: number;
  /** How long a call without an outcome may have been on its way. */
  readonly openMs: number;
}

/** Names differ in case and prefix: `v1.compute.instances.insert` is `insert`, or `compute.instances.insert`. */
export function sameOperation({ operation }: JournalCall, event: TrailEvent): boolean {
  const ours = operation.toLowerCase();
  const theirs = event.operation.toLowerCase();
  return ours === theirs || theirs.endsWith(`.${ours}`);
}

function sameResource(call: IndexedCall, { resources }: TrailEvent): boolean {
  if (call.resources.length === 0 || resources.length === 0) return true;
  return resources.some((id) => call.resources.some((ours) => ours === id || id.endsWith(`/${ours}`)));
}

/** Finds the journal's call that an event is part of, and marks it as seen. */
function matcher({ index, sameOperation: same, slackMs, openMs }: Omit<JudgeOptions, "isOurs">) {
  const inTime = (call: IndexedCall, { at }: TrailEvent) =>
    at >= call.at - slackMs && at <= (call.endAt ?? call.at + openMs) + slackMs;

  const sameAccount = ({ target }: IndexedCall, { cloud, account, region }: TrailEvent) =>
    target.cloud === cloud &&
    (account === undefined || target.account === "default" || target.account === account) &&
    (region === undefined || target.region === "default" || target.region === region);

  /** A request whose id nobody has seen explains one event, not any number of them. */
  function takes(call: IndexedCall, event: TrailEvent): boolean {
    if (call.unnamed === 0 || !inTime(call, event) || !sameAccount(call, event)) return false;
    return same(call, event) && sameResource(call, event);
  }

  function taken(call: IndexedCall): IndexedCall {
    call.unnamed--;
    call.seen = true;
    return call;
  }

  return {
    /** By request id, then by the call's id: the latter can be copied, so everything else has to fit. */
    named(event: TrailEvent): { readonly call: IndexedCall; readonly last: boolean } | undefined {
      for (const id of event.requestIds) {
        const found = index.byRequest.get(id);
        if (found === undefined || !inTime(found.call, event)) continue;
        found.call.seen = true;
        return found;
      }
      const call = event.intent === undefined ? undefined : index.byCall.get(event.intent);
      if (call === undefined || !takes(call, event)) return undefined;
      return { call: taken(call), last: call.unnamed === 0 || call.endAt === undefined };
    },
    /** By account, operation, resource and time, among calls that lost a request. */
    unnamed(event: TrailEvent): IndexedCall | undefined {
      const call = index.uncertain.find((candidate) => takes(candidate, event));
      return call && taken(call);
    },
  };
}

/**
 * Makes the function that says what an event is, by trail and journal alone. Requests of the cloud
 * itself come before those of our credential, since it acts on our behalf; then only a lost request of
 * the journal explains ours.
 */
export function judge(options: JudgeOptions) {
  const match = matcher(options);
  return {
    judge(event: TrailEvent): Judgement {
      const found = match.named(event);
      if (found !== undefined) return { event, class: found.last ? "own" : "own-retry", call: found.call };
      if (event.byService !== undefined) return { event, class: "cloud-service" };
      if (!options.isOurs(event)) return { event, class: event.console ? "manual-console" : "manual-api" };
      const call = match.unnamed(event);
      return call === undefined ? { event, class: "stolen-credential" } : { event, class: "own-unmatched", call };
    },
    /** Notes that the trail shows a call, by an event that is not judged. */
    saw: (event: TrailEvent): void => void match.named(event),
  };
}

/** What else the user knows: somebody else's controller does no manual operations. */
export function knowing(judgement: Judgement, { cluster, managedBy }: Belonging): Judgement {
  const managed = judgement.class !== "stolen-credential" && managedBy !== undefined && managedBy !== "";
  return { ...judgement, cluster, ...(managed ? { class: "externally-managed" as const } : {}) };
}
