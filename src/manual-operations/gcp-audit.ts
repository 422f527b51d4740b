import * as z from "zod";
import { parseOptions } from "../core/config.ts";
import { fieldsOf, parseJson, textOf, textsOf, timeOf } from "./fields.ts";
import { noting, type ReadingNotes, readingOf, type Trail, type TrailSpan } from "./trail.ts";
import { intentIn, type TrailEvent } from "./trail-event.ts";

/** Options of {@link gcpAudit}. */
export interface GcpAuditOptions {
  /**
   * Gives the log entries that may tell of a span: parsed ones, or lines of JSON as a sink delivers
   * them; is asked anew for every reading.
   */
  readonly entries: (span: TrailSpan) => AsyncIterable<object | string> | Iterable<object | string>;
  /**
   * Until when, in Unix milliseconds, everything is known to be among them.
   * @defaultValue the time of the latest entry
   */
  readonly deliveredTo?: () => number;
  /** The one project that the entries are of. @defaultValue any */
  readonly project?: string;
  /** Milliseconds after which an entry has certainly been delivered. @defaultValue 300000 */
  readonly deliveryDelayMs?: number;
}

const schema = z.strictObject({
  entries: z.function(),
  deliveredTo: z.function().optional(),
  project: z.string().min(1).optional(),
  deliveryDelayMs: z.number().min(0).default(300_000),
});

/** An entry with what it says of the long operation that it begins or ends. */
interface Entry {
  readonly event: TrailEvent;
  readonly operation?: { readonly id: string; readonly first: boolean; readonly last: boolean } | undefined;
}

const googleAgent = /^(?:service-\d+@[\w.-]+|\d+@cloudservices)\.(?:iam\.)?gserviceaccount\.com$|^system@google\.com$/;

/**
 * Reads one entry of an audit log.
 * @returns `undefined` if it is no log entry; `"other"` for one that is no audit log's.
 * @see Cloud Logging API, "LogEntry", and Cloud Audit Logs, "AuditLog", read 2026-11
 */
function gcpAuditEntry(value: unknown): Entry | "other" | undefined {
  const entry = fieldsOf(value);
  const id = textOf(entry.insertId);
  const at = timeOf(entry.timestamp);
  if (id === undefined || at === undefined) return undefined;
  const payload = fieldsOf(entry.protoPayload);
  const method = textOf(payload.methodName);
  if (method === undefined) return "other";
  const metadata = fieldsOf(payload.requestMetadata);
  const identity = fieldsOf(payload.authenticationInfo);
  const labels = fieldsOf(fieldsOf(entry.resource).labels);
  const email = textOf(identity.principalEmail);
  const ids = textsOf([email, identity.principalSubject, identity.serviceAccountKeyName]);
  const isService = email?.endsWith(".gserviceaccount.com") ?? false;
  const log = textOf(entry.logName) ?? "";
  const agent = textOf(metadata.callerSuppliedUserAgent);
  const operation = fieldsOf(entry.operation);
  const operationId = textOf(operation.id);
  const code = fieldsOf(payload.status).code;
  const service = textOf(payload.serviceName)?.replace(/\.googleapis\.com$/, "") ?? "gcp";
  const byGoogle = log.endsWith("system_event") || (email !== undefined && googleAgent.test(email));
  return {
    operation:
      operationId === undefined
        ? undefined
        : { id: operationId, first: operation.first === true, last: operation.last === true },
    event: {
      ...{ cloud: "gcp", id, at, service, operation: method },
      readOnly: log.endsWith("data_access") && /(?:^|\.)(?:get|list|aggregatedList|search)[A-Z]?\w*$/i.test(method),
      account: textOf(labels.project_id) ?? /^projects\/([^/]+)/.exec(log)?.[1],
      region: textOf(labels.zone) ?? textOf(labels.location) ?? textOf(labels.region),
      requestIds: textsOf([operationId]),
      principal:
        ids[0] === undefined
          ? undefined
          : { id: ids[0], type: isService ? "ServiceAccount" : "User", name: email, ids },
      userAgent: agent,
      resources: textsOf([payload.resourceName]),
      error: typeof code === "number" && code !== 0 ? String(code) : undefined,
      console: !isService && /^Mozilla\//.test(agent ?? ""),
      byService: byGoogle ? (email ?? "google") : undefined,
      sourceIp: textOf(metadata.callerIp),
      intent: intentIn(textOf(fieldsOf(metadata.requestAttributes).reason), agent),
    },
  };
}

const maxOpen = 10_000;

/** Long operations are told twice: by whoever asked for them, and when they end. The first is the request. */
async function* joined(entries: AsyncIterable<Entry>): AsyncGenerator<TrailEvent> {
  const begun = new Map<string, TrailEvent>();
  const ended = new Map<string, TrailEvent>();
  const merged = (first: TrailEvent, last: TrailEvent): TrailEvent => ({ ...first, error: last.error ?? first.error });
  for await (const { event, operation } of entries) {
    if (operation === undefined || operation.first === operation.last) {
      yield event;
      continue;
    }
    const { id } = operation;
    const [mine, others] = operation.first ? [begun, ended] : [ended, begun];
    const other = others.get(id);
    if (other !== undefined) {
      others.delete(id);
      yield operation.first ? merged(event, other) : merged(other, event);
      continue;
    }
    mine.set(id, event);
    if (mine.size <= maxOpen) continue;
    const [[oldest, waiting] = []] = mine;
    if (oldest !== undefined) mine.delete(oldest);
    if (waiting !== undefined && operation.first) yield waiting;
  }
  yield* begun.values(); // an end without a beginning belongs to a span before
}

/**
 * Reads Cloud Audit Logs, from `entries.list` or from what a sink delivers.
 *
 * @param options - See {@link GcpAuditOptions}.
 * @returns A trail of whatever projects the entries tell of.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 * @example
 * import { createReadStream } from "node:fs";
 * import { createInterface } from "node:readline";
 * import { gcpAudit } from "provider-guard/manual-operations";
 * const trail = gcpAudit({ entries: () => createInterface({ input: createReadStream("/var/gcp/activity.jsonl") }) });
 */
export function gcpAudit(options: GcpAuditOptions): Trail {
  const { project, deliveryDelayMs } = parseOptions(schema, options, "gcpAudit");

  async function* entriesOf(span: TrailSpan, notes: ReadingNotes, signal?: AbortSignal): AsyncGenerator<Entry> {
    for await (const item of options.entries(span)) {
      signal?.throwIfAborted();
      if (typeof item === "string" && item.trim() === "") continue;
      const entry = gcpAuditEntry(typeof item === "string" ? parseJson(item) : item);
      if (entry === undefined) notes.malformed++;
      else if (entry !== "other") yield entry;
    }
  }

  return {
    cloud: "gcp",
    deliveryDelayMs,
    account: project,
    read: (span, { signal } = {}) =>
      readingOf(span, (notes) => noting(notes, joined(entriesOf(span, notes, signal)), options.deliveredTo?.())),
  };
}
