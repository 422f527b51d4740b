import { type OcsfApiActivity, type OcsfResource, ocsfVersion } from "./api-activity.ts";
import type { JoinedCall, Linked } from "./joined-calls.ts";

const activities = { create: 1, read: 2, update: 3, delete: 4 } as const;
const statuses = { ok: 1, failed: 2, "not-sent": 2, refused: 2, unknown: 0 } as const;
const severities = { ok: 1, failed: 2, "not-sent": 2, refused: 3, unknown: 3 } as const;
const providers: ReadonlyMap<string, string> = new Map([
  ["aws", "AWS"],
  ["azure", "Azure"],
  ["gcp", "GCP"],
  ["openstack", "OpenStack"],
]);
const unknown = "unknown";

/** A whole number that is no time before 1970 and no negative duration: OCSF has only those. */
const whole = (value: number): number => Math.max(0, Math.round(value));

/** Lets fields be added one by one: to spread what may be there into a literal takes ten times as long. */
type Made<T> = { -readonly [K in keyof T]: T[K] };

type Facts = NonNullable<JoinedCall["asked"]>["record"] | undefined;

/** The event of one call. */
export function apiActivity({ chain, asked, ended }: JoinedCall): OcsfApiActivity {
  const facts = asked?.record;
  const end = ended?.record ?? (facts?.type === "read" ? facts : undefined);
  const refusal = facts?.type === "refusal" ? facts : undefined;
  const intent = facts?.type === "intent" ? facts : undefined;
  const result = end?.result ?? (refusal === undefined ? unknown : "refused");
  const [first, last] = [asked ?? ended, ended ?? asked] as [Line, Line];
  const { call, seq, at } = first.record;
  const target = facts?.target;
  const activity = facts === undefined ? 0 : activities[facts.kind];
  const operation = facts?.operation ?? unknown;
  const code = end?.error ?? refusal?.code;
  const startedAt = intent === undefined ? whole(at - (end?.ms ?? 0)) : whole(at);

  const event = {
    category_uid: 6,
    class_uid: 6003,
    activity_id: activity,
    type_uid: 600300 + activity,
    severity_id: severities[result],
    status_id: statuses[result],
  } as Made<OcsfApiActivity>;
  if (code !== undefined) event.status_code = code;
  event.status_detail = result;
  event.time = startedAt;
  event.start_time = startedAt;
  if (end !== undefined) {
    event.end_time = whole(end.at);
    event.duration = whole(end.ms);
  }
  event.message = `${target?.service ?? unknown}.${operation}: ${result}`;

  const metadata: Made<OcsfApiActivity["metadata"]> = {
    version: ocsfVersion,
    product: { name: "provider-guard", vendor_name: "provider-guard" },
    profiles: ["cloud"],
    uid: call,
    sequence: seq,
    log_name: "audit",
  };
  if (intent?.truncated !== undefined) metadata.is_truncated = true;
  event.metadata = metadata;
  event.actor = actorOf(facts);

  const api = { operation } as Made<OcsfApiActivity["api"]>;
  if (target !== undefined) api.service = { name: target.service };
  api.request = intent === undefined ? { uid: call } : { uid: call, data: intent.input };
  if (end !== undefined || refusal !== undefined) {
    const response: Made<NonNullable<OcsfApiActivity["api"]["response"]>> = {};
    const status = end?.attempts.at(-1)?.status;
    if (status !== undefined) response.code = status;
    if (code !== undefined) response.error = code;
    api.response = response;
  }
  event.api = api;

  event.src_endpoint =
    facts === undefined
      ? { svc_name: unknown }
      : { svc_name: facts.owner.provider, uid: facts.owner.managementCluster };
  event.cloud = cloudOf(target);
  const resources = resourcesOf(facts, ended?.record.resources);
  if (resources.length > 0) event.resources = resources;

  const unmapped: Record<string, unknown> = {};
  if (chain !== undefined) unmapped.chain = chain;
  unmapped.seq = seq;
  unmapped.prev = first.record.prev;
  unmapped.hash = first.hash;
  if (last !== first) unmapped.outcome = { seq: last.record.seq, prev: last.record.prev, hash: last.hash };
  if (end !== undefined) unmapped.attempts = end.attempts;
  const decisions = (end ?? refusal)?.decisions;
  if (decisions !== undefined) unmapped.decisions = decisions;
  if (intent?.token !== undefined) unmapped.token = intent.token;
  if (intent?.fingerprint !== undefined) unmapped.fingerprint = intent.fingerprint;
  if (facts?.manual !== undefined) {
    const { reason, ticket } = facts.manual;
    unmapped.manual = ticket === undefined ? { reason } : { reason, ticket };
  }
  event.unmapped = unmapped;
  return event;
}

type Line = Linked<{ readonly call: string; readonly seq: number; readonly prev: string; readonly at: number }>;

function actorOf(facts: Facts): OcsfApiActivity["actor"] {
  if (facts === undefined) return { app_name: "provider-guard", user: { name: unknown, type_id: 4 } };
  const { provider, managementCluster } = facts.owner;
  const person = facts.manual;
  return {
    app_name: provider,
    app_uid: managementCluster,
    user:
      person === undefined
        ? { name: provider, uid: managementCluster, type_id: 4 }
        : { name: person.operator, type_id: 1 },
  };
}

function cloudOf(target: NonNullable<Facts>["target"] | undefined): OcsfApiActivity["cloud"] {
  if (target === undefined) return { provider: "Unknown" };
  const { cloud: name, region, account } = target;
  const cloud: Made<OcsfApiActivity["cloud"]> = { provider: providers.get(name) ?? name };
  if (region !== "default") cloud.region = region;
  if (account !== "default") cloud.account = { uid: account };
  return cloud;
}

function resourcesOf(facts: Facts, made: readonly string[] = []): OcsfResource[] {
  const type = facts?.resourceType;
  const resources: OcsfResource[] = [];
  const add = (uid: string, role_id: 1 | 3) =>
    resources.push(type === undefined ? { uid, role_id } : { uid, type, role_id });
  if (facts?.type === "intent") for (const uid of facts.resources ?? []) add(uid, 1);
  for (const uid of made) add(uid, 3);
  if (facts === undefined) return resources;
  const { cluster, machine } = facts.owner;
  if (cluster !== undefined) resources.push(related("Cluster", cluster));
  if (machine !== undefined) resources.push(related("Machine", machine));
  return resources;
}

const related = (
  type: string,
  { uid, name, namespace }: { readonly uid: string; readonly name: string; readonly namespace: string },
): OcsfResource => ({ uid, name, namespace, type, role_id: 4 });
