import type { IncomingMessage } from "node:http";
import { abortable } from "../../../core/abort.ts";
import { type Clock, systemClock } from "../../../core/clock.ts";
import { GuardError } from "../../../core/errors.ts";
import type { HttpStoreEvent, MisuseReason } from "./events.ts";
import { failureLimit } from "./failure-limit.ts";
import { digestOf, isDigestOf, itemCipher } from "./item-cipher.ts";
import type { HttpStoreSettings } from "./options.ts";
import { type ItemRequest, readRequest, sourceOf } from "./request.ts";
import type { SealingRecord, SealingRecords } from "./sealing-records.ts";

/** What a request gets. */
export interface Answer {
  readonly status: number;
  readonly bytes?: Buffer;
  readonly retryAfterSeconds?: number;
}

/** Decides on one request. It rejects where something that it asks fails. */
export type Answers = (request: IncomingMessage, signal: AbortSignal) => Promise<Answer>;

const refused: Answer = { status: 404 };
const forbidden: Answer = { status: 403 };
const reportText = /^(opening|opened|failed|refused) ([a-z][a-z0-9-]{0,63})$/;
const maxReports = 100;
/** Makes what decides on requests: nothing of HTTP but what a request says. */
export function httpAnswers(
  settings: HttpStoreSettings,
  records: SealingRecords,
  tell: (event: HttpStoreEvent) => void,
): Answers {
  const { backing, prefix, trustedProxies, ignitionWindowMs, allowSource } = settings;
  const clock: Clock = settings.clock ?? systemClock;
  const failures = failureLimit(settings.maxFailuresPerMinute, clock);

  function fail(source: string, answer: Answer): Answer {
    if (failures.fail(source)) tell({ type: "blocked", source });
    return answer;
  }

  async function misused(
    { id, source }: ItemRequest,
    record: SealingRecord,
    reason: MisuseReason,
    signal: AbortSignal,
  ): Promise<Answer> {
    const count = await records.countMisuse(id, record, signal).catch(() => 0);
    tell({ type: "misused", reason, machine: record.machine, id, source, count });
    return fail(source, reason === "late" ? refused : forbidden);
  }

  /** What a token is bound to, and what it must come with afterwards; `undefined`: it came without a claim. */
  const binderOf = ({ claim, source }: ItemRequest, { bindsTo }: SealingRecord): string | undefined =>
    bindsTo === "address" ? source : claim && digestOf(claim);

  const isBoundTo = ({ bound, bindsTo }: SealingRecord, { claim, source }: ItemRequest): boolean =>
    bindsTo === "address" ? bound === source : isDigestOf(claim ?? "", bound);

  const isLate = ({ expiresAt, bindsTo, boundAt, closed }: SealingRecord) =>
    closed !== undefined ||
    clock.now() >= expiresAt ||
    (bindsTo === "address" && boundAt !== undefined && clock.now() > boundAt + ignitionWindowMs);

  /** Whether it is the machine that was there first; the first one is, from now on. */
  async function bind(request: ItemRequest, binder: string, signal: AbortSignal): Promise<SealingRecord | undefined> {
    let first = false;
    const record = await records.change(
      request.id,
      (found) => {
        first = found.bound === undefined && !isLate(found);
        return first ? { ...found, bound: binder, boundAt: clock.now() } : found;
      },
      signal,
    );
    if (first && record) tell({ type: "claimed", machine: record.machine, id: request.id, source: request.source });
    return record;
  }

  async function read(request: ItemRequest, record: SealingRecord, signal: AbortSignal): Promise<Answer> {
    const binder = binderOf(request, record);
    if (binder === undefined) return fail(request.source, { status: 400 });
    const bound = record.bound === undefined ? await bind(request, binder, signal) : record;
    if (bound === undefined) return fail(request.source, refused);
    const wrong = bound.bindsTo === "address" ? "other-source" : "other-claim";
    if (bound.bound !== undefined && !isBoundTo(bound, request)) return misused(request, bound, wrong, signal);
    if (isLate(bound)) {
      const isOwn = bound.bindsTo === "claim" && bound.bound !== undefined; // the machine, once more
      return isOwn ? refused : misused(request, bound, "late", signal);
    }
    const name = `${request.id}/${request.index}`;
    const stored = await backing.get(name, { signal });
    if (stored === undefined) return refused;
    const bytes = itemCipher(request.token, request.id).open(name, stored);
    if (bytes === undefined) {
      throw new GuardError("ERR_BOOTSTRAP_STORE_UNAVAILABLE", `httpStore: an item of ${backing.name} was changed`);
    }
    return { status: 200, bytes };
  }

  async function forget(request: ItemRequest, record: SealingRecord, signal: AbortSignal): Promise<Answer> {
    if (record.bindsTo === "address" || request.claim === undefined || record.bound === undefined) {
      return fail(request.source, forbidden);
    }
    if (!isBoundTo(record, request)) return misused(request, record, "other-claim", signal);
    let first = false;
    await records.change(
      request.id,
      (found) => {
        first = found.closed === undefined;
        return first ? { ...found, closed: true } : found;
      },
      signal,
    );
    if (first) tell({ type: "forgotten", machine: record.machine, id: request.id });
    await backing.delete(`${request.id}/${request.index}`, { signal });
    return { status: 204 };
  }

  async function report(request: ItemRequest, record: SealingRecord, signal: AbortSignal): Promise<Answer> {
    const [, state, reason] = reportText.exec(request.status ?? "") ?? [];
    if (record.bindsTo === "address" || request.claim === undefined || state === undefined || reason === undefined) {
      return fail(request.source, { status: 400 });
    }
    if (record.bound !== undefined && !isBoundTo(record, request))
      return misused(request, record, "other-claim", signal);
    const made = { state, reason, at: clock.now() } as NonNullable<SealingRecord["report"]>;
    const reports = (record.reports ?? 0) + 1;
    if (reports > maxReports) return fail(request.source, { status: 429, retryAfterSeconds: 3_600 });
    await records.change(request.id, (found) => ({ ...found, report: made, reports }), signal);
    tell({ type: "reported", machine: record.machine, id: request.id, report: made });
    return { status: 204 };
  }

  return async (incoming, signal) => {
    const source = sourceOf(incoming, trustedProxies);
    const blocked = failures.blockedFor(source);
    if (blocked > 0) return { status: 429, retryAfterSeconds: blocked };
    const request = readRequest(incoming, prefix, source);
    if ("fails" in request) return fail(source, { status: request.status });
    const record = await records.get(request.id, signal);
    if (!isDigestOf(request.token, record?.token) || record === undefined) return fail(source, refused);
    const { machine } = record;
    if (allowSource && !(await abortable(Promise.resolve(allowSource({ machine, source, signal })), signal))) {
      return misused(request, record, "source-refused", signal);
    }
    if (request.method === "DELETE") return forget(request, record, signal);
    return request.method === "POST" ? report(request, record, signal) : read(request, record, signal);
  };
}
