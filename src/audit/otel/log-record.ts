import { requestIdName, targetAttributes } from "../../core/semantic-names.ts";
import type { StoredRecord } from "../schema/records.ts";

/** Attributes of a log record. */
export type LogAttributes = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/** A log record, as `@opentelemetry/api-logs` takes it. */
export interface OtelLogRecord {
  /** `provider_guard.audit.` and the type of the record. */
  readonly eventName: string;
  /** Unix milliseconds. */
  readonly timestamp: number;
  /** 9 INFO, 13 WARN. */
  readonly severityNumber: 9 | 13;
  readonly severityText: "INFO" | "WARN";
  /** One line for people. */
  readonly body: string;
  readonly attributes: Record<string, string | number | boolean | string[]>;
}

type Attributes = OtelLogRecord["attributes"];
type Facts = Extract<StoredRecord, { type: "intent" | "read" | "refusal" }>;
type Ending = Extract<StoredRecord, { type: "outcome" | "read" }>;

/** Sets what is known. */
function put(into: Attributes, values: Readonly<Record<string, Attributes[string] | undefined>>): void {
  for (const [name, value] of Object.entries(values)) if (value !== undefined) into[name] = value;
}

function factsOf({ target, operation, kind, resourceType, owner, manual }: Facts): Attributes {
  const attributes: Attributes = {};
  put(attributes, {
    ...targetAttributes(target, operation),
    "k8s.cluster.uid": owner.managementCluster,
    "user.name": manual?.operator,
    "provider_guard.provider": owner.provider,
    "provider_guard.kind": kind,
    "provider_guard.resource_type": resourceType,
    "provider_guard.cluster.namespace": owner.cluster?.namespace,
    "provider_guard.cluster.name": owner.cluster?.name,
    "provider_guard.cluster.uid": owner.cluster?.uid,
    "provider_guard.machine.name": owner.machine?.name,
    "provider_guard.machine.uid": owner.machine?.uid,
    "provider_guard.manual.reason": manual?.reason,
    "provider_guard.manual.ticket": manual?.ticket,
  });
  return attributes;
}

function endingOf({ result, ms, attempts, error }: Ending, cloud: unknown): Attributes {
  const attributes: Attributes = {};
  const last = attempts.at(-1);
  put(attributes, {
    "provider_guard.result": result,
    "provider_guard.duration_ms": ms,
    "provider_guard.attempts": attempts.length,
    "provider_guard.request_ids": attempts.flatMap(({ requestId }) => requestId ?? []),
    "error.type": error,
    "http.response.status_code": last?.status,
    [requestIdName(String(cloud))]: last?.requestId,
  });
  return attributes;
}

/**
 * Makes a log record of a stored one.
 *
 * @param asked - Attributes of the intent that an outcome belongs to, where they are at hand.
 */
export function logRecordOf(record: StoredRecord, chain: string, asked: LogAttributes = {}): OtelLogRecord {
  const attributes: Attributes = {};
  put(attributes, {
    ...(asked as Attributes),
    "provider_guard.audit.chain": chain,
    "provider_guard.audit.seq": record.seq,
    "provider_guard.audit.prev": record.prev,
  });
  let what: string = record.type;
  let result: string | undefined;
  switch (record.type) {
    case "intent":
    case "read":
    case "refusal":
      put(attributes, { ...factsOf(record), "provider_guard.call_id": record.call });
      break;
    case "outcome":
      put(attributes, { "provider_guard.call_id": record.call });
      break;
    case "notice":
      what = record.event;
      put(attributes, { "provider_guard.event": record.event });
      for (const [name, value] of Object.entries(record.details ?? {})) attributes[`provider_guard.${name}`] = value;
      break;
    default: // what is about the journal itself has no more to say
  }
  if (record.type === "outcome" || record.type === "read") {
    result = record.result;
    put(attributes, endingOf(record, attributes["cloud.provider"]));
  } else if (record.type === "refusal") {
    result = "refused";
    put(attributes, { "provider_guard.result": result, "error.type": record.code });
  }
  if ("resources" in record && Array.isArray(record.resources)) {
    attributes["provider_guard.resources"] = [...record.resources];
  }
  const method = attributes["rpc.method"];
  const isWarning = result !== undefined && result !== "ok";
  return {
    eventName: `provider_guard.audit.${record.type}`,
    timestamp: record.type === "header" ? record.createdAt : record.at,
    severityNumber: isWarning ? 13 : 9,
    severityText: isWarning ? "WARN" : "INFO",
    body: [method ?? what, ...(method === undefined ? [] : [result ?? what])].join(": "),
    attributes,
  };
}
