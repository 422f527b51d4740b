import { hash } from "node:crypto";
import type { Call } from "../core/call.ts";
import type { PhaseInterceptor } from "../core/interceptor.ts";
import type { Journal } from "../core/journal.ts";
import type { Principal } from "../core/owner.ts";
import type { Runtime } from "../core/runtime.ts";
import { seenIn } from "../core/seen.ts";
import { onSettled } from "../core/settled.ts";
import { changes } from "./changes.ts";
import { creates, refusalOfCreate } from "./creates.ts";
import { knownOwners } from "./known-owners.ts";
import { openIntents } from "./open-intents.ts";
import { checkOwnership, type OwnershipOptions } from "./options.ts";
import { formerOwners } from "./standing.ts";

const targetsOf = (call: Call) => call.binding.adapter.tags?.targets?.(call) ?? [];

/**
 * Puts owner tags and an idempotency token into creates, and keeps updates and deletes away
 * from what somebody else owns.
 *
 * @param principal - Who the guard works for.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 */
export function ownPhase(
  options: OwnershipOptions,
  principal: Principal,
  runtime: Runtime,
  journal: Journal | undefined,
): PhaseInterceptor {
  const checked = checkOwnership(options, principal);
  const { clock } = runtime;
  const owners = knownOwners(clock, checked.maxKnown, checked.knownTtlMs);
  const intents = openIntents(journal?.unfinished ?? [], clock, checked.resumeWindowMs);
  const correlate = journal?.correlate.bind(journal) ?? ((text: string) => hash("sha256", text, "base64url"));

  function learn(call: Call, result: unknown): void {
    try {
      for (const { id, tags } of seenIn(call, result)) owners.learn(call, id, tags);
    } catch {
      // An answer that the adapter cannot read teaches nothing; the call itself has succeeded.
    }
  }

  const creating = creates(checked.untaggable, intents, correlate);
  const changing = changes(owners, formerOwners(checked.formerOwners), learn, runtime.telemetry);

  async function create(call: Call, next: () => Promise<unknown>): Promise<unknown> {
    const changed = targetsOf(call);
    if (changed.length > 0) await changing.refuseForeign(call, changed);
    const intendedAt = creating.prepare(call);
    let failed = true;
    try {
      const result = await next();
      failed = false;
      learn(call, result);
      return result;
    } finally {
      creating.settle(call, failed, intendedAt);
    }
  }

  function read(call: Call, next: () => Promise<unknown>): Promise<unknown> {
    return onSettled(next(), (failed, value) => {
      if (!failed) learn(call, value);
    });
  }

  return {
    name: "own",
    ring: "operation",
    phase: "own",
    intercept(call, next) {
      if (call.kind === "create") return create(call, next);
      return call.kind === "read" ? read(call, next) : changing.intercept(call, targetsOf(call), next);
    },
    explain(call) {
      if (call.kind === "read") return { verdict: "pass", reason: "reads teach who owns what" };
      const error = call.kind === "create" ? refusalOfCreate(call) : undefined;
      if (error !== undefined) return { verdict: "refuse", reason: `${error.code}: ${error.message}` };
      const changed = changing.explain(call, targetsOf(call));
      return call.kind !== "create" || changed.verdict === "refuse"
        ? changed
        : { verdict: "change", reason: "owner tags and an idempotency token go in" };
    },
  };
}
