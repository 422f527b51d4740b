import * as z from "zod";
import { parseOptions } from "../../core/config.ts";
import { type OcsfApiActivity, type OcsfResource, ocsfVersion } from "./api-activity.ts";
import { type JoinedCall, joinCalls, type Linked } from "./joined-calls.ts";

/** Options of {@link toOcsf}. */
export interface OcsfOptions {
  /**
   * Intents that are kept in memory until their outcome comes. Beyond that the oldest becomes an event of
   * unknown status, and its outcome another, with the same `metadata.uid`.
   * @defaultValue 10000
   */
  readonly maxOpen?: number;
  /** Told why a line became no event although it is none of the journal's own. @defaultValue nothing */
  readonly onSkipped?: (reason: string) => void;
}

const schema = z.strictObject({
  maxOpen: z.int().min(1).default(10_000),
  onSkipped: z.custom<(reason: string) => void>((value) => typeof value === "function").default(() => () => {}),
});

/**
 * Turns a journal into OCSF events of the class API Activity (6003): one for each call that ended, reads
 * and refusals among them, in the order in which they ended. Works in bounded memory on a journal of any
 * length. Calls without an outcome come last, with the status Unknown; notices are no calls and become no
 * events. Lines that are no records are skipped, and `onSkipped` is told.
 *
 * @param lines - Stored lines, in order, with or without their newlines; those of several segments may follow one another.
 * @param options - See {@link OcsfOptions}.
 * @returns The events, made as they are asked for.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for a wrong option; whatever `lines` throws.
 * @example
 * import { readFile } from "node:fs/promises";
 * import { toOcsf } from "provider-guard/audit";
 * const segment = await readFile("/var/log/acme-audit/00000001.jsonl", "utf8");
 * for await (const event of toOcsf(segment.trimEnd().split("\n"))) console.log(JSON.stringify(event));
 * @see OCSF 1.8.0, schema.ocsf.io/1.8.0/classes/api_activity, read 2026-11
 */
export function toOcsf(
  lines: Iterable<string> | AsyncIterable<string>,
  options: OcsfOptions = {},
): AsyncGenerator<OcsfApiActivity, void, undefined> {
  const { maxOpen, onSkipped } = parseOptions(schema, options, "ocsf");
  return events(joinCalls(lines, maxOpen, onSkipped));
}

async function* events(calls: AsyncIterable<JoinedCall>): AsyncGenerator<OcsfApiActivity, void, undefined> {
  for await (const call of calls) yield eventOf(call);
}

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

function eventOf({ chain, asked, ended }: JoinedCall): OcsfApiActivity {
  const facts = asked?.record;
  const end = ended?.record ?? (facts?.type === "read" ? facts : undefined);
  const refusal = facts?.type === "refusal" ? facts : undefined;
  const intent = facts?.type === "intent" ? facts : undefined;
  const result = end?.result ?? (refusal === undefined ? unknown : "refused");
  const [first, last] = [asked ?? ended, ended ?? asked] as Linked<{
    call: string;
    seq: number;
    prev: string;
    at: number;
  }>[];
  const { call, seq, at } = (first as NonNullable<typeof first>).record;
  const target = facts?.target;
  const activity = facts === undefined ? 0 : activities[facts.kind];
  const operation = facts?.operation ?? unknown;
  const code = end?.error ?? refusal?.code;
  const status = end?.attempts.at(-1)?.status;
  const startedAt = intent === undefined ? whole(at - (end?.ms ?? 0)) : whole(at);
  const { account, region } = target ?? {};
  const resources = resourcesOf({ asked, ended, chain });

  return {
    category_uid: 6,
    class_uid: 6003,
    activity_id: activity,
    type_uid: 600300 + activity,
    severity_id: severities[result],
    status_id: statuses[result],
    ...(code === undefined ? {} : { status_code: code }),
    status_detail: result,
    time: startedAt,
    start_time: startedAt,
    ...(end === undefined ? {} : { end_time: whole(end.at), duration: whole(end.ms) }),
    message: `${target?.service ?? unknown}.${operation}: ${result}`,
    metadata: {
      version: ocsfVersion,
      product: { name: "provider-guard", vendor_name: "provider-guard" },
      profiles: ["cloud"],
      uid: call,
      sequence: seq,
      log_name: "audit",
      ...(intent?.truncated === undefined ? {} : { is_truncated: true }),
    },
    actor: actorOf(facts),
    api: {
      operation,
      ...(target === undefined ? {} : { service: { name: target.service } }),
      request: { uid: call, ...(intent === undefined ? {} : { data: intent.input }) },
      ...(end === undefined && refusal === undefined
        ? {}
        : {
            response: {
              ...(status === undefined ? {} : { code: status }),
              ...(code === undefined ? {} : { error: code }),
            },
          }),
    },
    src_endpoint: {
      svc_name: facts?.owner.provider ?? unknown,
      ...(facts === undefined ? {} : { uid: facts.owner.managementCluster }),
    },
    cloud: {
      provider: target === undefined ? "Unknown" : (providers.get(target.cloud) ?? target.cloud),
      ...(region === undefined || region === "default" ? {} : { region }),
      ...(account === undefined || account === "default" ? {} : { account: { uid: account } }),
    },
    ...(resources.length === 0 ? {} : { resources }),
    unmapped: {
      ...(chain === undefined ? {} : { chain }),
      ...linkOf(first),
      ...(last === first ? {} : { outcome: linkOf(last) }),
      ...(end === undefined ? {} : { attempts: end.attempts }),
      ...pick(end ?? refusal ?? {}, "decisions"),
      ...pick(intent ?? {}, "token", "fingerprint"),
      ...(facts?.manual === undefined ? {} : { manual: pick(facts.manual, "reason", "ticket") }),
    },
  };
}

const linkOf = (at: Linked<{ seq: number; prev: string }> | undefined) =>
  at === undefined ? {} : { seq: at.record.seq, prev: at.record.prev, hash: at.hash };

function pick(from: object, ...names: readonly string[]): Record<string, unknown> {
  const fields = from as Record<string, unknown>;
  return Object.fromEntries(names.flatMap((name) => (fields[name] === undefined ? [] : [[name, fields[name]]])));
}

type Facts = NonNullable<JoinedCall["asked"]>["record"] | undefined;

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

function resourcesOf({ asked, ended }: JoinedCall): OcsfResource[] {
  const facts = asked?.record;
  const type = facts?.resourceType === undefined ? {} : { type: facts.resourceType };
  const resources: OcsfResource[] = [];
  if (facts?.type === "intent") for (const uid of facts.resources ?? []) resources.push({ uid, ...type, role_id: 1 });
  for (const uid of ended?.record.resources ?? []) resources.push({ uid, ...type, role_id: 3 });
  for (const [kind, ref] of [["Cluster", facts?.owner.cluster] as const, ["Machine", facts?.owner.machine] as const]) {
    if (ref === undefined) continue;
    resources.push({ uid: ref.uid, name: ref.name, namespace: ref.namespace, type: kind, role_id: 4 });
  }
  return resources;
}
