import { fieldsOf, parseJson, textOf, textsOf, timeOf } from "./fields.ts";
import { type OpenStackRequest, operationOf, readingActions } from "./openstack-request.ts";

/** CADF says `unknown` where it does not know. */
const knownText = (value: unknown): string | undefined => (value === "unknown" ? undefined : textOf(value));

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/**
 * A CADF event in a notification, of keystone or of the audit middleware.
 *
 * @param ids - Request ids that stand beside it; glance's events have none of their own.
 * @returns `undefined` if it is no notification; `"other"` if it is not about a request.
 */
export function notifiedRequest(value: unknown, ids: readonly string[]): OpenStackRequest | "other" | undefined {
  const envelope = fieldsOf(value)["oslo.message"];
  const message = fieldsOf(typeof envelope === "string" ? parseJson(envelope) : value);
  const type = textOf(message.event_type);
  if (type === undefined) return undefined;
  const payload = fieldsOf(message.payload);
  if (!String(payload.typeURI).includes("/cloud/audit/")) return "other";
  const at = timeOf(payload.eventTime ?? message.timestamp);
  const id = textOf(payload.id) ?? textOf(message.message_id);
  const action = textOf(payload.action);
  if (at === undefined || id === undefined || action === undefined) return undefined;

  const { request_id, global_request_id, ...initiator } = fieldsOf(payload.initiator);
  const host = fieldsOf(initiator.host);
  const target = fieldsOf(payload.target);
  const fromContext = [message._context_request_id, fieldsOf(message.ctxt).request_id];
  const own = request_id === undefined ? [...ids, ...fromContext] : [request_id];
  const [group = "openstack"] = type.split(".");
  const url = textOf(payload.requestPath);
  const about =
    url === undefined
      ? { operation: action, resources: textsOf([target.id, payload.resource_info]) }
      : operationOf(action, decoded(url));
  const { reasonCode } = fieldsOf(payload.reason);
  return {
    ...{ id, at, readOnly: readingActions.has(action), ...about },
    // The audit middleware's events are all of type audit.http, whatever they are sent by.
    service: group === "audit" ? (knownText(target.name) ?? group) : group,
    requestIds: textsOf([...own, global_request_id]),
    user: knownText(initiator.user_id) ?? knownText(initiator.id),
    name: knownText(initiator.username) ?? knownText(initiator.name),
    project: knownText(initiator.project_id),
    agent: textOf(host.agent),
    address: textOf(host.address),
    error: payload.outcome === "failure" ? (textOf(reasonCode) ?? "failure") : undefined,
    told: payload.outcome === "pending" ? "pending" : "notified",
  };
}
