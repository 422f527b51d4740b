import { equal, ok } from "node:assert/strict";
import { bucketsOf } from "../../core/limit-rule.ts";
import { createRedactor } from "../../core/redact.ts";
import { declared } from "./ring-checks.ts";
import { begin, type Check, need, succeed } from "./session.ts";
import type { ConformanceSubject } from "./subject.ts";

const kinds = ["read", "create", "update", "delete"];
const strange = [
  "FrobnicateEverything",
  "frobnicate_everything",
  "",
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
];

/** What the adapter says without being sent anything: kinds, limits, what may be recorded, credentials. */
export function factChecks<C extends object>(subject: ConformanceSubject<C>): Check<C>[] {
  const withSecrets = declared(subject).filter(([, { secrets }]) => secrets?.length);
  const [first, second] = subject.credentials ?? [];
  return [
    {
      title: "every declared operation has its kind and resource type",
      async run() {
        for (const [kind, operation] of declared(subject)) {
          const session = await begin(subject);
          const { call } = await succeed(session, operation);
          const facts = session.adapter.classify(call.operation, call.target.service);
          equal(facts.kind, kind, operation.operation);
          equal(facts.known, true, `${operation.operation} was guessed`);
          if (operation.resourceType !== undefined) equal(facts.resourceType, operation.resourceType);
        }
      },
    },
    {
      title: "an unknown operation counts as mutating, and as a guess",
      async run() {
        const adapter = subject.adapter();
        for (const operation of strange) {
          const { kind, known } = adapter.classify(operation, "kit-service");
          ok(kinds.includes(kind) && kind !== "read", `"${operation}" is a ${kind}`);
          equal(known, false, `"${operation}" is taken for known`);
        }
      },
    },
    {
      title: "every limit is finite, named once, and says where it was published",
      needs: ["limits", need(subject.adapter().limits?.length, "the adapter has no limits")],
      async run() {
        const names = new Set<string>();
        for (const rule of subject.adapter().limits ?? []) {
          const { name, source, kinds: only = [] } = rule;
          ok(name !== "" && !names.has(name), `"${name}" is used twice`);
          names.add(name);
          for (const { name: bucket, ratePerSecond, burst } of bucketsOf(rule)) {
            ok(Number.isFinite(ratePerSecond) && ratePerSecond > 0, `${name}: ${bucket}: ratePerSecond`);
            ok(Number.isFinite(burst) && burst >= 1, `${name}: ${bucket}: burst`);
          }
          ok(typeof source === "string" && source.trim() !== "", `${name}: no source`);
          ok(
            only.every((kind) => kinds.includes(kind)),
            `${name}: kinds`,
          );
        }
      },
    },
    {
      title: "secrets in an input are never recorded",
      needs: ["secrets", need(withSecrets.length, "the subject's inputs hold no secrets")],
      async run() {
        const { redact } = createRedactor();
        for (const [, operation] of withSecrets) {
          const { adapter, ...session } = await begin(subject);
          const { call } = await succeed({ adapter, ...session }, operation);
          const policy = adapter.redaction?.(call.operation, call.target.service);
          const recorded = JSON.stringify(redact(call.input, policy).value);
          for (const secret of operation.secrets ?? []) {
            ok(JSON.stringify(call.input).includes(secret), `${operation.operation}: the input holds no such secret`);
            ok(!recorded.includes(secret), `${operation.operation}: a secret would be recorded`);
          }
        }
      },
    },
    {
      title: "the lease's credential signs every attempt, fresh each time",
      needs: ["credentials", need(first && second, "the client takes its credential itself")],
      async run() {
        let current = first;
        const lease = {
          get: async () => ({ value: current?.value, expiresAt: Number.MAX_SAFE_INTEGER }),
          peek: () => ({ value: current?.value, expiresAt: Number.MAX_SAFE_INTEGER }),
          invalidate() {},
          close() {},
        };
        const session = await begin(subject, ["unauthenticated", "ok"], lease);
        session.port.after = (attempt) => {
          attempt.again = attempt.answer?.class === "unauthenticated";
          current = second;
        };
        await succeed(session, subject.operations.read);
        equal(session.wire.requests.map(({ credential }) => credential).join(), [first?.name, second?.name].join());
      },
    },
    {
      title: "resources can be listed for the collector",
      needs: ["inventory", need(subject.adapter().inventory, "the adapter offers no inventory")],
      async run() {
        const session = await begin(subject);
        session.port.unwatched = true;
        const ids = new Set<string>();
        for await (const { id, type } of session.adapter.inventory?.(session.bare) ?? []) {
          ok(id !== "" && type !== "" && !ids.has(`${type}/${id}`), "an item without id or type, or twice");
          ids.add(`${type}/${id}`);
        }
      },
    },
  ];
}
