import { fieldsOf, parseJson, textOf, textsOf, timeOf } from "./fields.ts";
import { intentIn, type TrailEvent, type TrailPrincipal } from "./trail-event.ts";

const requestId = /^req-[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;
const horizon = /horizon|openstack[_-]dashboard/i;
const reads = new Set(["GET", "HEAD", "OPTIONS", "read", "read/list"]);

/** What a log line or a notification tells of one request. */
interface Request {
  readonly id: string;
  readonly at: number;
  readonly service: string;
  readonly operation: string;
  readonly readOnly: boolean;
  readonly requestIds: readonly string[];
  readonly user: string | undefined;
  readonly name?: string | undefined;
  readonly project: string | undefined;
  readonly agent?: string | undefined;
  readonly resources: readonly string[];
  readonly error: string | undefined;
  readonly address: string | undefined;
}

function eventOf(request: Request): TrailEvent {
  const { id, at, service, operation, readOnly, requestIds, user, name, project, agent, resources } = request;
  const principal: TrailPrincipal | undefined =
    user === undefined ? undefined : { id: user, type: "User", name, ids: textsOf([user, name]) };
  return {
    ...{ cloud: "openstack", id, at, service, operation, readOnly, requestIds, principal, resources },
    ...{ account: project, userAgent: agent, error: request.error, sourceIp: request.address },
    console: agent !== undefined && horizon.test(agent),
    intent: intentIn(agent),
  };
}

const uuid = /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32}/g;

/** `POST /v2.1/servers/0b9e…/action` is one operation, whatever the server. */
function operationOf(method: string, target: string) {
  const path = target.split("?")[0] ?? target;
  return {
    operation: `${method} ${path.replace(uuid, "{id}")}`.slice(0, 256),
    resources: textsOf(path.match(uuid) ?? []),
  };
}

const time = /(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d{1,6})?)/;
// Whoever makes a request writes parts of the line: nothing here may be matched in more than one way.
const logged =
  / ([a-z]{1,32})[\w.-]{0,128} \[([^\]]{1,512})\] ([^\s",]{1,64}(?:, ?[^\s",]{1,64}){0,8}) "([A-Z]{3,7}) (\S{1,2048})[^"]{0,32}" status: (\d{3})/;

const maxLogLine = 8192;

/** A line of an API's log, e.g. of nova or neutron; its time is taken for UTC. */
function loggedRequest(line: string): Request | undefined {
  const found = logged.exec(line);
  const when = time.exec(line);
  if (found === null || when === null) return undefined;
  const [, service = "", context = "", address, method = "", target = "", status = ""] = found;
  const at = timeOf(`${when[1]}T${when[2]}Z`);
  const words = context.split(/\s+/);
  const ids = words.filter((word) => requestId.test(word));
  const [id] = ids;
  if (at === undefined || id === undefined) return undefined;
  const after = words.slice(words.lastIndexOf(ids.at(-1) ?? id) + 1).map((word) => (word === "-" ? undefined : word));
  const named = operationOf(method, target);
  return {
    ...{ id: `${service}/${ids.at(-1)}/${named.operation}`, at, service, ...named },
    ...{ readOnly: reads.has(method), requestIds: ids, user: after[0], project: after[1], address },
    error: Number(status) >= 400 ? status : undefined,
  };
}

/** A CADF event in a notification, of keystone or of the audit middleware. */
function notifiedRequest(value: unknown): Request | "other" | undefined {
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
  const initiator = fieldsOf(payload.initiator);
  const host = fieldsOf(initiator.host);
  const target = fieldsOf(payload.target);
  const [service = "openstack"] = type.split(".");
  const { request_id, global_request_id } = initiator;
  const reason = fieldsOf(payload.reason);
  return {
    ...{ id, at, service, operation: action, readOnly: reads.has(action) },
    requestIds: textsOf([
      request_id,
      global_request_id,
      message._context_request_id,
      fieldsOf(message.ctxt).request_id,
    ]),
    user: textOf(initiator.user_id) ?? textOf(initiator.id),
    name: textOf(initiator.username) ?? textOf(initiator.name),
    project: textOf(initiator.project_id),
    agent: textOf(host.agent),
    address: textOf(host.address),
    resources: textsOf([target.id, payload.resource_info]),
    error: payload.outcome === "failure" ? (textOf(reason.reasonCode) ?? "failure") : undefined,
  };
}

/**
 * Reads one line: a request in an API's log, or a notification as JSON.
 * @returns `undefined` if it claims to be JSON and is not what it should be; `"other"` for any other line.
 * @see Keystone, "Keystone Event Notifications" (CADF), and nova's `nova.api.openstack.requestlog`, read 2026-11
 */
export function openStackLine(line: string): TrailEvent | "other" | undefined {
  if (!line.trimStart().startsWith("{")) {
    const request = loggedRequest(line.slice(0, maxLogLine));
    return request === undefined ? "other" : eventOf(request);
  }
  const request = notifiedRequest(parseJson(line));
  return typeof request === "object" ? eventOf(request) : request;
}
