import type { Call } from "../core/call.ts";
import { GuardError } from "../core/errors.ts";
import { resultOf } from "../core/outcome.ts";
import { refuse } from "../core/refusal.ts";
import { fingerprintText } from "./canonical.ts";
import type { OpenIntents } from "./open-intents.ts";
import { reservedKey } from "./reserved.ts";

const name = "own";

/** Why a create may not go out, whoever owns what it refers to. */
export function refusalOfCreate(call: Call): GuardError | undefined {
  if (call.owner.cluster === undefined) {
    const message = `${call.operation}: nobody could ever say whose the new resource is; make the call inside guard.reconcile({ cluster, machine }, fn), or guard.manual({ operator, reason, cluster }, fn)`;
    return new GuardError("ERR_OWNER_MISSING", message);
  }
  const key = reservedKey(call);
  if (key === undefined) return undefined;
  const message = `${call.operation}: the tag ${key} is written by the guard alone; remove it`;
  return new GuardError("ERR_OWNER_RESERVED_TAG", message);
}

/** Puts owner and token into creates, and keeps those open whose outcome nobody knows. */
export interface Creates {
  /**
   * @returns When the intent was first made, in Unix milliseconds.
   * @throws {@link GuardError} `ERR_OWNER_MISSING`, `ERR_OWNER_RESERVED_TAG`, `ERR_OWNER_UNTAGGABLE`.
   */
  prepare(call: Call): number;
  /** @param at - What {@link Creates.prepare} returned. */
  settle(call: Call, failed: boolean, at: number): void;
}

/**
 * Makes the part of the phase that creates go through.
 *
 * @param untaggable - Operations that may go out without tags.
 * @param correlate - Turns a fingerprint's text into what the journal stores.
 */
export function creates(
  untaggable: ReadonlySet<string>,
  intents: OpenIntents,
  correlate: (text: string) => string,
): Creates {
  return {
    prepare(call) {
      const tags = call.binding.adapter.tags;
      const error = refusalOfCreate(call);
      if (error !== undefined) throw refuse(call, "own", name, error);

      const { operation, owner } = call;
      call.fingerprint = correlate(fingerprintText(call));
      const resumed = intents.take(call.fingerprint);
      const intent = resumed?.call ?? call.id;
      const tagged = tags?.write(call, tags.codec.encode(owner, resumed?.at ?? call.startedAt, intent));
      if (tagged !== undefined) call.input = tagged;
      else if (!untaggable.has(operation)) {
        if (resumed !== undefined) intents.add(resumed);
        const message = `${operation}: its resource cannot carry owner tags, so nobody could ever find it again; list it in ownership.untaggable to accept that`;
        throw refuse(call, "own", name, new GuardError("ERR_OWNER_UNTAGGABLE", message));
      }
      const withToken = tags?.token?.(call, resumed?.token ?? intent);
      if (withToken !== undefined) {
        call.input = withToken.input;
        call.token = withToken.token;
      }
      if (resumed !== undefined) {
        call.resumes = resumed.call;
        call.decisions.push({ phase: "own", by: name, verdict: "resume", note: resumed.call });
      }
      return resumed?.at ?? call.startedAt;
    },

    settle(call, failed, at) {
      const result = resultOf(call, failed);
      if (result !== "unknown" && !(result === "not-sent" && call.resumes !== undefined)) return;
      if (call.token === undefined || call.fingerprint === undefined) return;
      intents.add({
        call: call.resumes ?? call.id,
        at,
        operation: call.operation,
        service: call.target.service,
        owner: call.owner,
        token: call.token,
        fingerprint: call.fingerprint,
      });
    },
  };
}
