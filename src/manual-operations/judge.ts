import type { OperationClass } from "./findings.ts";
import { claimsOf, type IndexedCall, type JournalCall } from "./journal-call.ts";
import type { KeptCalls } from "./kept-calls.ts";
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
  readonly calls: KeptCalls;
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

/** Finds calls that an event fits. */
function matcher({ calls, sameOperation: same, slackMs, openMs }: Omit<JudgeOptions, "isOurs">) {
  const inTime = (call: IndexedCall, { at }: TrailEvent) =>
    at >= call.at - slackMs && at <= (call.endAt ?? call.at + openMs) + slackMs;

  const sameAccount = ({ target }: IndexedCall, { cloud, account, region }: TrailEvent) =>
    target.cloud === cloud &&
    (account === undefined || target.account === "default" || target.account === account) &&
    (region === undefined || target.region === "default" || target.region === region);

  const fits = (call: IndexedCall, event: TrailEvent): boolean =>
    call.unnamed > 0 &&
    inTime(call, event) &&
    sameAccount(call, event) &&
    same(call, event) &&
    sameResource(call, event);

  const uncertain = [...calls.byCall.values()].filter(({ unnamed }) => unnamed > 0);

  return {
    /** The request whose id it has. */
    byRequest: (event: TrailEvent) =>
      event.requestIds
        .map((id) => calls.byRequest.get(id))
        .find((known) => known !== undefined && inTime(known.call, event)),
    /** The call whose id it carries, and which lost a request: an id can be copied, so everything else has to fit. */
    byMark(event: TrailEvent): IndexedCall | undefined {
      const call = event.intent === undefined ? undefined : calls.byCall.get(event.intent);
      return call !== undefined && fits(call, event) ? call : undefined;
    },
    /** A call that lost a request, by account, operation, resource and time. */
    byFit: (event: TrailEvent, accepts: (call: IndexedCall) => boolean = () => true) =>
      uncertain.find((call) => accepts(call) && fits(call, event)),
  };
}

/** The order in which lost requests are given to events: the same, however the trail delivers them. */
const inOrder = (one: TrailEvent, other: TrailEvent): number =>
  one.at - other.at || (one.id < other.id ? -1 : one.id > other.id ? 1 : 0);

/**
 * Makes the functions that say what events are, by trail and journal alone. Requests of the cloud
 * itself come before those of our credential, since it acts on our behalf; then only a lost request of
 * the journal explains ours, and each only one event.
 */
export function judge(options: JudgeOptions) {
  const match = matcher(options);

  const foreign = (event: TrailEvent): Judgement | undefined => {
    if (event.byService !== undefined) return { event, class: "cloud-service" };
    return options.isOurs(event) ? undefined : { event, class: event.console ? "manual-console" : "manual-api" };
  };

  /** An event that carries the call's id has a better claim than one that only fits. */
  function displaced(call: IndexedCall): Judgement[] {
    const { marked, fitting } = claimsOf(call);
    if (marked.size + fitting.size <= call.unnamed) return [];
    const [event] = [...fitting.values()].sort(inOrder).slice(-1);
    if (event === undefined) return [];
    fitting.delete(event.id);
    return [{ event, class: "stolen-credential" }];
  }

  const mayClaim = ({ claims, unnamed }: IndexedCall, { id }: TrailEvent): boolean =>
    claims === undefined || claims.marked.has(id) || claims.marked.size < unnamed;

  function settled(event: TrailEvent): Judgement[] {
    const call = match.byMark(event);
    if (call !== undefined && mayClaim(call, event)) {
      const { marked, fitting } = claimsOf(call);
      marked.add(event.id);
      fitting.delete(event.id);
      call.seen = true;
      const last = marked.size === call.unnamed || call.endAt === undefined;
      return [{ event, class: last ? "own" : "own-retry", call }, ...displaced(call)];
    }
    const other = foreign(event);
    if (other !== undefined) return [other];
    const free = ({ claims, unnamed }: IndexedCall) =>
      claims === undefined || claims.marked.size + claims.fitting.size < unnamed;
    const found =
      match.byFit(event, ({ claims }) => claims?.fitting.has(event.id) === true) ?? match.byFit(event, free);
    if (found === undefined) return [{ event, class: "stolen-credential" }];
    claimsOf(found).fitting.set(event.id, event);
    found.seen = true;
    return [{ event, class: "own-unmatched", call: found }];
  }

  return {
    /** @returns `undefined` for an event that competes with others for a lost request: {@link settle} it with them. */
    judge(event: TrailEvent): Judgement | undefined {
      const found = match.byRequest(event);
      if (found !== undefined) {
        found.call.seen = true;
        return { event, class: found.last ? "own" : "own-retry", call: found.call };
      }
      if (match.byMark(event) !== undefined) return undefined;
      const other = foreign(event);
      if (other !== undefined) return other;
      return match.byFit(event) === undefined ? { event, class: "stolen-credential" } : undefined;
    },
    /** Says what competing events are. One that was settled before stays what it was. */
    settle: (events: readonly TrailEvent[]): readonly Judgement[] => [...events].sort(inOrder).flatMap(settled),
  };
}

/** What else the user knows: somebody else's controller does no manual operations. */
export function knowing(judgement: Judgement, { cluster, managedBy }: Belonging): Judgement {
  const managed = judgement.class !== "stolen-credential" && managedBy !== undefined && managedBy !== "";
  return { ...judgement, cluster, ...(managed ? { class: "externally-managed" as const } : {}) };
}
