import { hash } from "node:crypto";
import * as z from "zod";
import type { TagSupport } from "../core/adapter.ts";
import type { Call } from "../core/call.ts";
import { parseOptions } from "../core/config.ts";
import { GuardError } from "../core/errors.ts";
import type { Explanation, PhaseInterceptor } from "../core/interceptor.ts";
import type { Journal } from "../core/journal.ts";
import { resultOf } from "../core/outcome.ts";
import type { Owner } from "../core/owner.ts";
import { refuse } from "../core/refusal.ts";
import type { Runtime } from "../core/runtime.ts";
import { seenIn } from "../core/seen.ts";
import { fingerprintText } from "./canonical.ts";
import { type KnownOwners, knownOwners, type Ownership } from "./known-owners.ts";
import { type OpenIntents, openIntents } from "./open-intents.ts";

/** Options of the ownership phase. */
export interface OwnershipOptions {
  /** Create operations that may go out although their resources cannot be tagged. @defaultValue `[]` */
  readonly untaggable?: readonly string[];
  /** Resources whose owners are remembered. @defaultValue 10000 */
  readonly maxKnown?: number;
  /** Milliseconds after which a remembered owner is read again. @defaultValue 600000 */
  readonly knownTtlMs?: number;
  /**
   * Milliseconds during which an open intent is resumed with its own token.
   * @defaultValue 86400000
   * @see EC2 API reference, "Ensuring idempotency": tokens are remembered for at least 24 hours; read 2026-11
   */
  readonly resumeWindowMs?: number;
}

const schema = z.strictObject({
  untaggable: z.array(z.string().min(1)).readonly().optional(),
  maxKnown: z.int().positive().optional(),
  knownTtlMs: z.number().positive().optional(),
  resumeWindowMs: z.number().positive().optional(),
});

const name = "own";

/** Why this owner may not touch that resource, or `undefined` if it may. */
function foreign(mine: Owner, theirs: Ownership | undefined): string | undefined {
  if (theirs === undefined || typeof theirs === "string") return undefined;
  if (theirs.managementCluster !== mine.managementCluster) return `management cluster ${theirs.managementCluster}`;
  if (theirs.provider !== mine.provider) return `provider ${theirs.provider}`;
  if (mine.cluster !== undefined && theirs.clusterUid !== undefined && theirs.clusterUid !== mine.cluster.uid) {
    return `cluster ${theirs.clusterNamespace}/${theirs.clusterName} (${theirs.clusterUid})`;
  }
  return undefined;
}

/**
 * Puts owner tags and an idempotency token into creates, and keeps updates and deletes away
 * from what somebody else owns.
 */
export function ownPhase(options: OwnershipOptions, runtime: Runtime, journal: Journal | undefined): PhaseInterceptor {
  const {
    untaggable = [],
    maxKnown = 10_000,
    knownTtlMs = 600_000,
    resumeWindowMs = 86_400_000,
  } = parseOptions(schema, options, "ownership");
  const owners: KnownOwners = knownOwners(runtime.clock, maxKnown, knownTtlMs);
  const intents: OpenIntents = openIntents(journal?.unfinished ?? [], runtime.clock, resumeWindowMs);
  const correlate = journal?.correlate.bind(journal) ?? ((text: string) => hash("sha256", text, "base64url"));
  const untaggableSet = new Set(untaggable);

  function missing(call: Call): GuardError | undefined {
    if (call.owner.cluster !== undefined) return undefined;
    const message = `${call.operation}: nobody could ever say whose the new resource is; make the call inside guard.reconcile({ cluster, machine }, fn), or guard.manual({ operator, reason, cluster }, fn)`;
    return new GuardError("ERR_OWNER_MISSING", message);
  }

  function reserved(call: Call, tags: TagSupport | undefined): GuardError | undefined {
    const given = tags?.given?.(call);
    const key = given && Object.keys(given).find((key) => key.startsWith((tags as TagSupport).codec.prefix));
    if (key === undefined) return undefined;
    return new GuardError(
      "ERR_OWNER_RESERVED_TAG",
      `${call.operation}: the tag ${key} is written by the guard alone; remove it`,
    );
  }

  /** @returns When the intent was first made, in Unix milliseconds. */
  function prepare(call: Call): number {
    const tags = call.binding.adapter.tags;
    const error = missing(call) ?? reserved(call, tags);
    if (error !== undefined) throw refuse(call, "own", name, error);

    const { operation, owner } = call;
    call.fingerprint = correlate(fingerprintText(call));
    const resumed = intents.take(call.fingerprint);
    const intent = resumed?.call ?? call.id;
    const tagged = tags?.write(call, tags.codec.encode(owner, resumed?.at ?? call.startedAt, intent));
    if (tagged !== undefined) call.input = tagged;
    else if (!untaggableSet.has(operation)) {
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
  }

  /** Keeps the intent open where nobody knows what became of it. */
  function settle(call: Call, failed: boolean, at: number): void {
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
  }

  function learn(call: Call, result: unknown): void {
    try {
      for (const { id, tags } of seenIn(call, result)) owners.learn(call, id, tags);
    } catch {
      // An answer that the adapter cannot read teaches nothing; the call itself has succeeded.
    }
  }

  async function create(call: Call, next: () => Promise<unknown>): Promise<unknown> {
    const changed = targetsOf(call);
    if (changed.length > 0) await refuseForeign(call, changed);
    const intendedAt = prepare(call);
    let failed = true;
    try {
      const result = await next();
      failed = false;
      learn(call, result);
      return result;
    } finally {
      settle(call, failed, intendedAt);
    }
  }

  /** @throws {@link GuardError} `ERR_OWNER_FOREIGN`, `ERR_OWNER_UNKNOWN`. */
  async function refuseForeign(call: Call, ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const theirs = foreign(call.owner, owners.peek(call, id) ?? (await ask(call, id)));
      if (theirs === undefined) continue;
      const message = `${call.operation}: ${id} belongs to ${theirs}, not to ${call.owner.cluster?.name ?? call.owner.provider}`;
      throw refuse(call, "own", name, new GuardError("ERR_OWNER_FOREIGN", message));
    }
  }

  const targetsOf = (call: Call) => call.binding.adapter.tags?.targets?.(call) ?? [];

  async function change(call: Call, next: () => Promise<unknown>): Promise<unknown> {
    const error = reserved(call, call.binding.adapter.tags);
    if (error !== undefined) throw refuse(call, "own", name, error);
    const ids = targetsOf(call);
    await refuseForeign(call, ids);
    const result = await next();
    if (call.kind === "delete") for (const id of ids) owners.forget(call, id);
    return result;
  }

  async function ask(call: Call, id: string): Promise<Ownership | undefined> {
    try {
      return await owners.ask(call, id);
    } catch (error) {
      throw refuse(call, "own", name, error as GuardError);
    }
  }

  function read(call: Call, next: () => Promise<unknown>): Promise<unknown> {
    const result = next();
    result.then(
      (value) => learn(call, value),
      () => {},
    );
    return result;
  }

  return {
    name,
    ring: "operation",
    phase: "own",
    intercept(call, next) {
      if (call.kind === "create") return create(call, next);
      return call.kind === "read" ? read(call, next) : change(call, next);
    },
    explain(call): Explanation {
      if (call.kind === "read") return { verdict: "pass", reason: "reads teach who owns what" };
      const error = (call.kind === "create" ? missing(call) : undefined) ?? reserved(call, call.binding.adapter.tags);
      if (error !== undefined) return { verdict: "refuse", reason: `${error.code}: ${error.message}` };
      for (const id of targetsOf(call)) {
        const theirs = foreign(call.owner, owners.peek(call, id));
        if (theirs !== undefined) return { verdict: "refuse", reason: `ERR_OWNER_FOREIGN: ${id} belongs to ${theirs}` };
      }
      return call.kind === "create"
        ? { verdict: "change", reason: "owner tags and an idempotency token go in" }
        : { verdict: "pass", reason: "nothing known to belong to somebody else is named" };
    },
  };
}
