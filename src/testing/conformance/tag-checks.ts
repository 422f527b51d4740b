import { deepStrictEqual, equal, notEqual, ok } from "node:assert/strict";
import type { TagSupport } from "../../core/adapter.ts";
import type { Call } from "../../core/call.ts";
import type { Owner } from "../../core/owner.ts";
import { kitOwner } from "./recording-port.ts";
import { begin, type Check, need, type Session, succeed } from "./session.ts";
import type { ConformanceSubject, SubjectOperation } from "./subject.ts";

const createdAtMs = Date.UTC(2026, 0, 2, 3, 4, 5);

/** Owners that must not be taken for each other. */
const owners: Owner[] = [
  kitOwner,
  { managementCluster: kitOwner.managementCluster, provider: kitOwner.provider },
  { ...kitOwner, managementCluster: "22222222-aaaa-4aaa-8aaa-000000000001" },
  { ...kitOwner, provider: "infrastructure-other" },
  { ...kitOwner, cluster: { namespace: "kit", name: "cluster-1", uid: "22222222-bbbb-4bbb-8bbb-000000000002" } },
  { ...kitOwner, machine: { namespace: "kit", name: "machine-1", uid: "22222222-cccc-4ccc-8ccc-000000000003" } },
];

/** Does in the operation ring what the guard's ownership phase does. */
function owning<C extends object>(session: Session<C>, tags: TagSupport, token?: string): { own?: string } {
  const made: { own?: string } = {};
  session.port.operation = (call: Call) => {
    call.input = tags.write(call, tags.codec.encode(kitOwner, createdAtMs, call.id)) ?? call.input;
    if (token === undefined) return;
    const written = tags.token?.(call, token);
    ok(written, "the create takes no idempotency token");
    call.input = written.input;
    made.own = written.token;
  };
  return made;
}

/** Owner tags and idempotency tokens, as they reach the wire. */
export function tagChecks<C extends object>(subject: ConformanceSubject<C>): Check<C>[] {
  const tags = subject.adapter().tags as TagSupport;
  const create = subject.operations.create as SubjectOperation<C>;
  const { update, delete: remove, read } = subject.operations;
  const changes = [update, remove].filter((operation) => operation !== undefined);
  const watched = [read, create].filter((operation) => operation?.seen !== undefined);
  const hasTags = need(tags && create, "no create that carries tags");
  const hasToken = need(tags?.token && create, "no create that carries an idempotency token");
  const prefix = tags?.codec.prefix;

  return [
    {
      title: "owners survive the way into tags and back, and none is taken for another",
      needs: ["tags", need(tags, "the adapter has no tags")],
      async run() {
        const seen = new Set<string>();
        for (const owner of owners) {
          const encoded = tags.codec.encode(owner, createdAtMs, "kit-intent");
          for (const key of Object.keys(encoded)) ok(key.startsWith(prefix), `${key} is not under ${prefix}`);
          deepStrictEqual(tags.codec.decode(encoded), {
            managementCluster: owner.managementCluster,
            provider: owner.provider,
            ...(owner.cluster && {
              clusterNamespace: owner.cluster.namespace,
              clusterName: owner.cluster.name,
              clusterUid: owner.cluster.uid,
            }),
            ...(owner.machine && { machineName: owner.machine.name, machineUid: owner.machine.uid }),
            createdAt: createdAtMs / 1000,
            intent: "kit-intent",
          });
          seen.add(JSON.stringify(encoded));
        }
        equal(seen.size, owners.length, "two owners have the same tags");
        equal(tags.codec.decode({}), undefined, "an owner without tags");
        equal(tags.codec.decode({ team: "kit" }), undefined, "an owner in a stranger's tags");
      },
    },
    {
      title: "owner tags reach the wire beside the caller's own",
      needs: ["tags", hasTags],
      async run() {
        const session = await begin(subject);
        owning(session, tags);
        const { call } = await succeed(session, create, { tags: { team: "kit" } });
        deepStrictEqual(session.wire.requests[0]?.tags, {
          team: "kit",
          ...tags.codec.encode(kitOwner, createdAtMs, call.id),
        });
      },
    },
    {
      title: "what the caller sets under the reserved prefix is seen",
      needs: ["tags", "given", hasTags, need(tags?.given, "the adapter does not read the caller's tags")],
      async run() {
        const session = await begin(subject);
        const key = `${prefix}cluster-uid`;
        const { call } = await succeed(session, create, { tags: { team: "kit", [key]: "stolen" } });
        const given = tags.given?.(call);
        deepStrictEqual([given?.team, given?.[key]], ["kit", "stolen"]);
      },
    },
    {
      title: "an idempotency token reaches the wire, the same in every attempt",
      needs: ["token", "tags", hasToken],
      async run() {
        const [script, most] = [["throttled", "ok"] as const, subject.attemptsWhenThrottled ?? 1];
        const session = await begin(subject, most > 1 ? script : ["ok"]);
        const made = owning(session, tags, "kit-token-0001");
        await succeed(session, create);
        equal(made.own, "kit-token-0001");
        const sent = session.wire.requests.map(({ token }) => token);
        deepStrictEqual(sent, most > 1 ? ["kit-token-0001", "kit-token-0001"] : ["kit-token-0001"]);
      },
    },
    {
      title: "a second attempt carries the same token and tags",
      needs: ["token", "repeat", "unauthenticated", "tags", hasToken],
      async run() {
        const session = await begin(subject, ["unauthenticated", "ok"]);
        owning(session, tags, "kit-token-0002");
        session.port.after = (attempt) => {
          attempt.again = attempt.answer?.class === "unauthenticated";
        };
        await succeed(session, create);
        const [first, second] = session.wire.requests;
        equal(second?.token, "kit-token-0002");
        deepStrictEqual([second?.token, second?.tags], [first?.token, first?.tags]);
      },
    },
    {
      title: "a token that the caller set stays, and is told",
      needs: ["token", "tags", hasToken],
      async run() {
        const session = await begin(subject);
        const made = owning(session, tags, "kit-token-0003");
        await succeed(session, create, { token: "callers-own-token" });
        deepStrictEqual([session.wire.requests[0]?.token, made.own], ["callers-own-token", "callers-own-token"]);
      },
    },
    {
      title: "two creates never share a token that nobody gave them",
      needs: ["token", "tags", hasToken],
      async run() {
        const session = await begin(subject);
        owning(session, tags, "kit-token-0004");
        await succeed(session, create);
        owning(session, tags, "kit-token-0005");
        await succeed(session, create);
        const [first, second] = session.wire.requests;
        notEqual(first?.token, second?.token);
      },
    },
    {
      title: "updates and deletes tell which resources they name",
      needs: [
        "targets",
        need(tags?.targets, "the adapter does not tell"),
        need(
          changes.some(({ targets }) => targets),
          "the subject declares no targets",
        ),
      ],
      async run() {
        for (const operation of changes) {
          if (operation.targets === undefined) continue;
          const { call } = await succeed(await begin(subject), operation);
          deepStrictEqual(tags.targets?.(call), operation.targets, operation.operation);
        }
      },
    },
    {
      title: "resources and their tags are found in answers",
      needs: [
        "seen",
        need(tags?.seen, "the adapter does not look"),
        need(watched.length, "the subject declares no resources in answers"),
      ],
      async run() {
        for (const operation of watched) {
          const { call, result } = await succeed(await begin(subject), operation);
          deepStrictEqual([...(tags.seen?.(call, result) ?? [])], operation.seen, operation.operation);
        }
      },
    },
    {
      title: "a resource's tags are read past the rings; one that is not there is undefined",
      needs: [
        "read-tags",
        need(tags?.read, "the adapter does not read tags"),
        need(subject.readable, "the subject declares no readable resource"),
      ],
      async run() {
        const { id = "", tags: expected } = subject.readable ?? {};
        const session = await begin(subject);
        const { call } = await succeed(session, read);
        session.port.unwatched = true;
        const support = session.adapter.tags;
        deepStrictEqual(await support?.read?.(id, call), expected);
        equal(session.port.calls.length, 1, "reading tags entered the operation ring");
        session.wire.script = ["not-found"];
        equal(await support?.read?.(id, call), undefined, "a resource that is not there");
      },
    },
  ];
}
