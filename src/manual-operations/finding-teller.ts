import { createHash } from "node:crypto";
import type { Counter } from "@opentelemetry/api";
import { abortable } from "../core/abort.ts";
import type { Clock } from "../core/clock.ts";
import { guardParts } from "../core/guard-parts.ts";
import type { StateStore } from "../core/state-store.ts";
import type { Finding } from "./findings.ts";
import { recentIds } from "./recent-ids.ts";

/** Options of {@link findingTeller}. */
export interface TellerOptions {
  readonly state: StateStore;
  readonly prefix: string;
  readonly rememberMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly guard: object | undefined;
  readonly counter: Counter;
  readonly onFinding: ((finding: Finding) => void | Promise<void>) | undefined;
  failed(error: unknown): void;
}

function noticeOf({ class: kind, cloud, service, operation, requestId, principal, call, cluster }: Finding) {
  const said = { class: kind, cloud, service, operation, requestId, principal: principal?.id, call, cluster };
  return Object.fromEntries(Object.entries(said).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/**
 * Makes the function that tells each finding once: in the guard's audit log, in metrics, to the hook.
 * @returns Whether everybody who should know does; a finding whose hook failed is to be told again.
 */
export function findingTeller(options: TellerOptions): (finding: Finding) => Promise<boolean> {
  const { state, prefix, rememberMs, clock, signal, guard, counter, onFinding, failed } = options;
  const told = recentIds();
  const noted = recentIds();

  function note(finding: Finding): void {
    const journal = guard && guardParts.get(guard)?.journal;
    journal?.enqueue({ type: "notice", at: clock.now(), event: "finding", details: noticeOf(finding) });
    counter.add(1, { class: finding.class, cloud: finding.cloud });
  }

  return async (finding) => {
    const { id } = finding;
    const key = `${prefix}finding/${createHash("sha256").update(id).digest("base64url")}`;
    if (told.has(id)) return true;
    try {
      if ((await state.get(key, { signal })) !== undefined) return true;
    } catch (error) {
      failed(error); // better told twice than never
    }
    if (!noted.again(id)) note(finding);
    try {
      await abortable(Promise.resolve(onFinding?.(finding)), signal);
    } catch (error) {
      failed(error);
      return false;
    }
    told.add(id);
    await state.put(key, "1", { ttlMs: rememberMs, signal }).catch(failed);
    return true;
  };
}
