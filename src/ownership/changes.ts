import type { Call } from "../core/call.ts";
import { GuardError } from "../core/errors.ts";
import type { Explanation } from "../core/interceptor.ts";
import { refuse } from "../core/refusal.ts";
import type { Telemetry } from "../core/telemetry.ts";
import type { KnownOwners, Ownership } from "./known-owners.ts";
import { reservedKey } from "./reserved.ts";
import { advice, foreign, type IsFormer } from "./standing.ts";
import { judgeTakeover, type Takeover, takeoverIn } from "./takeover.ts";

const name = "own";

/** Keeps changes away from what somebody else owns, and lets owner tags change by a takeover alone. */
export interface Changes {
  /**
   * @returns Whether any is a former owner's.
   * @throws {@link GuardError} `ERR_OWNER_FOREIGN`, `ERR_OWNER_UNKNOWN`.
   */
  refuseForeign(call: Call, ids: readonly string[]): Promise<boolean>;
  /**
   * Runs an update or delete.
   * @throws {@link GuardError} `ERR_OWNER_FOREIGN`, `ERR_OWNER_UNKNOWN`, `ERR_OWNER_RESERVED_TAG`.
   */
  intercept(call: Call, ids: readonly string[], next: () => Promise<unknown>): Promise<unknown>;
  /** What would happen to an update or delete, as far as that is known without asking the cloud. */
  explain(call: Call, ids: readonly string[]): Explanation;
}

/**
 * Makes the part of the phase that goes for whatever is there already.
 *
 * @param learn - Takes in an answer.
 */
export function changes(
  owners: KnownOwners,
  isFormer: IsFormer,
  learn: (call: Call, answer: unknown) => void,
  telemetry: Pick<Telemetry, "noted">,
): Changes {
  function note(call: Call, verdict: "warn" | "change", text: string): void {
    if (call.decisions.some((decision) => decision.by === name && decision.note === text)) return;
    call.decisions.push({ phase: "own", by: name, verdict, note: text });
    telemetry.noted(call, text);
  }

  /** @returns Whether it is a former owner's. @throws {@link GuardError} where it is somebody else's. */
  function checkOwner(call: Call, id: string, theirs: Ownership | undefined): boolean {
    const whose = foreign(call.owner, theirs);
    if (whose === undefined) return false;
    if (isFormer(call.owner, theirs)) return true;
    const mine = call.owner.cluster?.name ?? call.owner.provider;
    const message = `${call.operation}: ${id} belongs to ${whose}, not to ${mine}${advice(call.owner, theirs)}`;
    throw new GuardError("ERR_OWNER_FOREIGN", message);
  }

  async function refuseForeign(call: Call, ids: readonly string[]): Promise<boolean> {
    let former = false;
    try {
      for (const id of ids) {
        const theirs = owners.peek(call, id) ?? (await owners.ask(call, id));
        if (checkOwner(call, id, theirs)) former = true;
      }
      if (former) note(call, "warn", "former owner");
      return former;
    } catch (error) {
      throw refuse(call, "own", name, error as GuardError);
    }
  }

  /** The takeover that a call with a reserved tag is. @throws {@link GuardError} where it is none. */
  function takeoverOf(call: Call, ids: readonly string[], key: string): Takeover {
    const takeover = ids.length === 0 ? undefined : takeoverIn(call);
    if (takeover !== undefined) return takeover;
    const unless = call.kind === "update" ? ", or write all of guard.owner()'s tags to take the resource over" : "";
    const message = `${call.operation}: the tag ${key} is written by the guard alone; remove it${unless}`;
    throw new GuardError("ERR_OWNER_RESERVED_TAG", message);
  }

  /** @returns What to note of it. @throws {@link GuardError} where the resource may not be taken over. */
  function judge(call: Call, id: string, takeover: Takeover, before: Ownership | undefined): string | undefined {
    checkOwner(call, id, before);
    const { against, note: text } = judgeTakeover(call, takeover, before, isFormer);
    if (against === undefined) return text;
    throw new GuardError("ERR_OWNER_RESERVED_TAG", `${call.operation}: ${id} ${against}`);
  }

  /** Looks at what is there now; what is remembered counts only where the cloud cannot be asked. */
  async function checkTakeover(call: Call, ids: readonly string[], key: string): Promise<Takeover> {
    try {
      const takeover = takeoverOf(call, ids, key);
      for (const id of ids) {
        const now = await owners.ask(call, id);
        const text = judge(call, id, takeover, now === "unreadable" ? (owners.peek(call, id) ?? now) : now);
        if (text !== undefined) note(call, "change", text);
      }
      return takeover;
    } catch (error) {
      throw refuse(call, "own", name, error as GuardError);
    }
  }

  async function takeOver(call: Call, ids: readonly string[], key: string, next: () => Promise<unknown>) {
    const { tags } = await checkTakeover(call, ids, key);
    const answer = await next();
    for (const id of ids) owners.learn(call, id, tags);
    learn(call, answer); // where it shows what came of it, that counts
    return answer;
  }

  function explain(call: Call, ids: readonly string[]): Explanation {
    const key = reservedKey(call);
    const takeover = key === undefined ? undefined : takeoverOf(call, ids, key);
    let former = false;
    for (const id of ids) {
      const theirs = owners.peek(call, id);
      if (checkOwner(call, id, theirs)) former = true;
      if (takeover !== undefined && theirs !== undefined) judge(call, id, takeover, theirs);
    }
    if (takeover !== undefined) return { verdict: "pass", reason: "a takeover, once the cloud has said whose it is" };
    const what = former ? "what a former owner left is named" : "nothing known to belong to somebody else is named";
    return { verdict: "pass", reason: what };
  }

  return {
    refuseForeign,
    async intercept(call, ids, next) {
      const key = reservedKey(call);
      if (key !== undefined) return takeOver(call, ids, key, next);
      const former = await refuseForeign(call, ids);
      const answer = await next();
      if (former) learn(call, answer);
      if (call.kind === "delete") for (const id of ids) owners.forget(call, id);
      return answer;
    },
    explain(call, ids) {
      try {
        return explain(call, ids);
      } catch (error) {
        const { code, message } = error as GuardError;
        return { verdict: "refuse", reason: `${code}: ${message}` };
      }
    },
  };
}
