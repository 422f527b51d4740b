import { joinSignals, onAbort } from "../../src/core/abort.ts";
import { sleep, systemClock } from "../../src/core/clock.ts";
import { GuardError } from "../../src/core/errors.ts";
import { newId, systemRandom } from "../../src/core/id.ts";
import { statusOf } from "./api-call.ts";
import { type ElectionEvent, electorOptions, type LeaseElectorOptions } from "./lease-elector-options.ts";
import { durationOf, holderOf, type LeaseObject, versionOf } from "./lease-elector-record.ts";
import { leaseRequests } from "./lease-elector-requests.ts";
import { beginTerm, type Leadership, momentOf, since, type Term } from "./lease-elector-term.ts";

/** One replica's part in an election. */
export interface LeaseElector extends AsyncDisposable {
  /** The current term's, while this process surely leads; judged by its own clock, without asking anybody. */
  readonly token: number | undefined;
  /** Who was last seen to hold the Lease; `undefined` where nobody did. */
  readonly leader: string | undefined;
  /**
   * Says that this process surely leads: ask before each destructive step.
   * @throws {@link GuardError} `ERR_LEADER_LOST`.
   */
  check(): Leadership;
  /**
   * Waits until this process leads.
   * @throws {@link GuardError} `ERR_LEADER_LOST`: the elector was closed; `signal.reason` when aborted.
   */
  elected(options?: { readonly signal?: AbortSignal }): Promise<Leadership>;
  /** Ends the term, then gives the Lease back, so that another replica need not wait. Rejects never. */
  close(): Promise<void>;
}

/** Who holds a Lease that was made because there was none. */
const nobody = "nobody";

/** What was last seen of the Lease, and since when it has been so. */
interface Observation {
  readonly version: number;
  readonly at: number;
  /** For how long from then on somebody may believe to hold it. */
  readonly waitMs: number;
}

/**
 * Elects one leader among replicas by a Lease, and campaigns from now on until it is closed.
 *
 * A leader believes in its term for `renewDeadlineMs` from before the last successful renewal was sent;
 * others wait for `leaseDurationMs` from when they saw the Lease change, each on its own monotonic
 * clock. So clocks may disagree, and a process that was frozen past its term knows when it wakes. Who
 * finds no Lease waits as long, too: its holder may not know yet that somebody deleted it.
 *
 * @param options - See {@link LeaseElectorOptions}.
 * @returns An elector that campaigns already, and keeps no process alive.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 * @example
 * import { CoordinationV1Api, KubeConfig } from "@kubernetes/client-node";
 * import { createGuard } from "provider-guard";
 * import { fencing, leaseElector } from "provider-guard/kubernetes";
 * const config = new KubeConfig();
 * config.loadFromDefault();
 * const leases = config.makeApiClient(CoordinationV1Api);
 * const elector = leaseElector({ leases, namespace: "acme-system", name: "acme", identity: "acme-0" });
 * const guard = await createGuard({
 *   owner: { managementCluster: "6f9c2a51-7d0e-4a3b-9f0a-2c1d5e8b7a90", provider: "infrastructure-acme" },
 *   audit: false,
 *   interceptors: [fencing(elector)],
 * });
 * const { signal } = await elector.elected();
 * @see client-go's `leaderelection`, whose Leases it shares
 */
export function leaseElector(options: LeaseElectorOptions): LeaseElector {
  const settings = electorOptions(options);
  const { namespace, name, leaseDurationMs, renewDeadlineMs, retryPeriodMs } = settings;
  const { clock = systemClock, random = systemRandom } = settings;
  const requests = leaseRequests({ ...settings, clock, withinMs: renewDeadlineMs / 2 });
  const holder = `${settings.identity}_${newId(clock, random)}`;
  const stopping = new AbortController();
  let term: Term | undefined;
  let lease: LeaseObject | undefined;
  let observed: Observation | undefined;
  /** Whether the Lease may have changed since it was seen. */
  let stale = true;

  function tell(event: ElectionEvent): void {
    try {
      settings.onEvent?.(event);
    } catch {
      // a listener must not decide who leads
    }
  }

  function lostError(): GuardError {
    const message = stopping.signal.aborted
      ? `lease ${namespace}/${name}: the elector is closed`
      : `lease ${namespace}/${name}: this process does not surely hold it${elector.leader === undefined ? "" : `; last seen with ${elector.leader}`}`;
    const retryable = !stopping.signal.aborted;
    return new GuardError("ERR_LEADER_LOST", message, retryable ? { retryable, requeueAfterMs: leaseDurationMs } : {});
  }

  function lose(reason: string): void {
    const ended = term;
    term = undefined;
    if (ended === undefined) return;
    ended.end(lostError());
    tell({ type: "lost", token: ended.token, reason });
  }

  function observe(seen: LeaseObject | undefined): void {
    const version = seen && versionOf(seen);
    const before = elector.leader;
    lease = seen;
    if (seen === undefined || version === undefined) observed = undefined;
    else if (observed?.version !== version) {
      observed = { version, at: clock.monotonic(), waitMs: durationOf(seen, leaseDurationMs) };
    }
    if (elector.leader !== before) tell({ type: "leader", identity: elector.leader });
  }

  /** Milliseconds for which somebody else may still believe to lead. */
  function othersMs(): number {
    if (lease === undefined || observed === undefined) return leaseDurationMs;
    if (["", holder].includes(holderOf(lease))) return 0;
    return observed.at + observed.waitMs - clock.monotonic();
  }

  async function step(): Promise<void> {
    const { signal } = stopping;
    if (stale) observe(await requests.read(signal));
    if (term !== undefined && (lease === undefined || holderOf(lease) !== holder)) {
      lose(lease === undefined ? "the Lease was deleted" : "somebody else took the Lease");
    }
    stale = true;
    if (lease === undefined) {
      // Its holder may not know yet that it was deleted. Whether it was made and deleted again between two
      // looks nobody can tell: so it is made first, for nobody, and taken as one that somebody held.
      observe(await requests.write(lease, { holder: nobody, acquires: false }, signal));
      return;
    }
    if (term === undefined && othersMs() > 0) return;
    const sent = momentOf(clock);
    const going = term;
    observe(await requests.write(lease, { holder, acquires: going === undefined }, signal));
    stale = false;
    if (going === undefined) begin(sent);
    else if (going.held) going.renewed(sent);
  }

  function begin(sent: ReturnType<typeof momentOf>): void {
    if (since(clock, sent) >= renewDeadlineMs) return; // the answer came too late to be sure
    const { version: token } = observed as Observation;
    term = beginTerm(clock, token, sent, renewDeadlineMs, () => lose("not renewed in time"));
    tell({ type: "elected", token });
    for (const resolve of [...waiting]) resolve();
  }

  function pauseMs(): number {
    if (term !== undefined) return retryPeriodMs;
    const leftMs = othersMs();
    const pause = retryPeriodMs * (1 + random()); // candidates must not come all at once
    return leftMs > 0 ? Math.min(Math.ceil(leftMs), pause) : pause;
  }

  async function campaign(): Promise<void> {
    const { signal } = stopping;
    while (!signal.aborted) {
      await step()
        // As leader, find out at once whether it is deleted or taken.
        .catch((error) => (term !== undefined && statusOf(error) === 409 ? step() : Promise.reject(error)))
        .catch((error) => signal.aborted || tell({ type: "error", error }));
      await sleep(clock, pauseMs(), signal).catch(() => {});
    }
  }

  async function release(): Promise<void> {
    for (let tries = 0; tries < 3; tries++) {
      try {
        if (stale) observe(await requests.read());
        if (lease === undefined || holderOf(lease) !== holder) return;
        stale = true;
        observe(await requests.write(lease, { holder: "", acquires: false }));
        return;
      } catch (error) {
        tell({ type: "error", error }); // the Lease ends by itself
        if (statusOf(error) !== 409) return;
      }
    }
  }

  const waiting = new Set<() => void>();
  let closing: Promise<void> | undefined;

  const elector: LeaseElector = {
    get token() {
      return term?.held ? term.token : undefined;
    },
    get leader() {
      const seen = lease && holderOf(lease);
      return seen === nobody ? undefined : seen || undefined;
    },
    check() {
      if (term?.held) return term;
      lose("not renewed in time");
      throw lostError();
    },
    async elected({ signal } = {}) {
      signal?.throwIfAborted();
      const either = joinSignals(signal, stopping.signal) as AbortSignal;
      while (!term?.held) {
        if (stopping.signal.aborted) throw lostError();
        await new Promise<void>((resolve, reject) => {
          const done = () => {
            waiting.delete(done);
            listenNoMore();
            resolve();
          };
          const listenNoMore = onAbort(either, () => {
            waiting.delete(done);
            reject(signal?.aborted ? signal.reason : lostError());
          });
          waiting.add(done);
        });
      }
      return term;
    },
    close() {
      closing ??= (async () => {
        stopping.abort(new Error("closed"));
        lose("closed");
        await campaigning;
        await release();
      })();
      return closing;
    },
    [Symbol.asyncDispose]: () => elector.close(),
  };
  const campaigning = campaign();
  return elector;
}
