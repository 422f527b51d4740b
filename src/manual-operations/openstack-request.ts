import { textsOf } from "./fields.ts";
import { intentIn, type TrailEvent, type TrailPrincipal } from "./trail-event.ts";

/** What a log line or a notification tells of one request. */
export interface OpenStackRequest {
  readonly id: string;
  readonly at: number;
  readonly service: string;
  readonly operation: string;
  readonly readOnly: boolean;
  /** Its own first, then the one that a client may have chosen. */
  readonly requestIds: readonly string[];
  readonly user: string | undefined;
  readonly name?: string | undefined;
  readonly project: string | undefined;
  readonly agent?: string | undefined;
  readonly resources: readonly string[];
  readonly error: string | undefined;
  readonly address: string | undefined;
  /** Path of its URL, decoded; keystone's notifications have none. */
  readonly path?: string | undefined;
  /** `notified`: another notification tells how it ended. */
  readonly told?: "pending" | "notified" | undefined;
}

/** Methods, and CADF's actions, that change nothing. */
export const readingActions = new Set(["GET", "HEAD", "OPTIONS", "read", "read/list", "authenticate"]);

const uuid = /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32}/g;

/** `POST /v2.1/servers/0b9e…/action` is one operation, whatever the server. */
export function operationOf(verb: string, target: string) {
  const path = target.split("?")[0] ?? target;
  return {
    path: path.slice(0, 512),
    operation: `${verb} ${path.replace(uuid, "{id}")}`.slice(0, 256),
    resources: textsOf(path.match(uuid) ?? []),
  };
}

const horizon = /horizon|openstack[_-]dashboard/i;

/** @param services - Users of OpenStack's own services, by id or name. */
export function openStackEvent(request: OpenStackRequest, services: ReadonlySet<string>): TrailEvent {
  const { id, at, service, operation, readOnly, requestIds, user, name, project, agent, resources } = request;
  const ids = textsOf([user, name]);
  const principal: TrailPrincipal | undefined = user === undefined ? undefined : { id: user, type: "User", name, ids };
  return {
    ...{ cloud: "openstack", id, at, service, operation, readOnly, requestIds, principal, resources },
    ...{ account: project, userAgent: agent, error: request.error, sourceIp: request.address },
    byService: ids.some((known) => services.has(known)) ? (name ?? user) : undefined,
    console: agent !== undefined && horizon.test(agent),
    intent: intentIn(agent),
  };
}
