import { deepStrictEqual, equal, ok } from "node:assert/strict";
import type { ErrorClass } from "../../core/errors.ts";
import { canary, hostileValues } from "./hostile.ts";
import { begin, type Check, invoke } from "./session.ts";
import type { ConformanceSubject, FailureReply } from "./subject.ts";

const meanings: Record<FailureReply, ErrorClass> = {
  throttled: "throttled",
  denied: "denied",
  unauthenticated: "unauthenticated",
  "not-found": "not-found",
  conflict: "conflict",
  outage: "outage",
  invalid: "invalid",
  lost: "outage",
};

const classes = new Set<string>(["ok", "aborted", "unknown", ...Object.values(meanings)]);

/** Whether two failures are of one kind, as `instanceof` and `name` tell. */
function sameKind(one: unknown, other: unknown): boolean {
  const [a, b] = [one as Error | undefined, other as Error | undefined];
  return Object.getPrototypeOf(a ?? {}) === Object.getPrototypeOf(b ?? {}) && a?.name === b?.name;
}

/** Failures: what the adapter reads in them, and what the caller gets. */
export function errorChecks<C extends object>(subject: ConformanceSubject<C>): Check<C>[] {
  const { read } = subject.operations;
  const answered = subject.failures === "answered";

  const perReply = (Object.keys(meanings) as FailureReply[]).map(
    (reply): Check<C> => ({
      title: `${reply === "lost" ? "a broken connection" : `"${reply}"`} is read as ${meanings[reply]}, and reaches the caller untouched`,
      needs: [reply],
      async run() {
        const session = await begin(subject, [reply]);
        const outcome = await invoke(session.guarded, read);
        const { port } = session;
        deepStrictEqual(port.violations, []);
        ok(port.attempts.length > 0, "no attempt");
        for (const { attempt } of port.attempts) equal(attempt.answer?.class, meanings[reply]);
        const last = port.attempts.at(-1);
        if (answered && reply !== "lost") {
          ok("result" in outcome, "the client threw");
          return;
        }
        ok("error" in outcome, "the call succeeded");
        equal(outcome.error, last?.error, "the caller got another error than the client threw");
        session.attachment.detach();
        port.unwatched = true;
        const bare = await invoke(session.bare, read);
        ok("error" in bare && sameKind(bare.error, outcome.error), "a bare client throws another kind of error");
      },
    }),
  );

  return [
    ...perReply,
    {
      title: "what the cloud asks to wait is read",
      needs: ["throttled", "retry-after"],
      async run() {
        const { guarded, port } = await begin(subject, ["throttled"]);
        await invoke(guarded, read);
        equal(port.attempts[0]?.attempt.answer?.retryAfterMs, 7_000);
      },
    },
    {
      title: "request ids are read, of successes and failures, each attempt its own",
      needs: ["request-id"],
      async run() {
        for (const reply of ["ok", "not-found"] as const) {
          if (subject.lacks?.["not-found"] !== undefined && reply === "not-found") continue;
          const { guarded, port, wire } = await begin(subject, [reply]);
          await invoke(guarded, read);
          const ids = port.attempts.map(({ attempt }) => attempt.answer?.requestId);
          deepStrictEqual(
            ids,
            wire.replies.map(({ requestId }) => requestId),
          );
        }
      },
    },
    {
      title: "the status is read, of successes and failures",
      needs: ["status"],
      async run() {
        for (const reply of ["ok", "not-found", "outage"] as const) {
          if (reply !== "ok" && subject.lacks?.[reply] !== undefined) continue;
          const { guarded, port, wire } = await begin(subject, [reply]);
          await invoke(guarded, read);
          equal(port.attempts[0]?.attempt.answer?.status, wire.replies[0]?.status, reply);
        }
      },
    },
    {
      title: "no error and no answer makes the adapter throw, or leak a message",
      async run() {
        const adapter = subject.adapter();
        for (const value of hostileValues()) {
          for (const info of [adapter.errors(value), adapter.answer?.(value) ?? { class: "ok" as const }]) {
            ok(classes.has(info.class), `class: ${String(info.class)}`);
            ok(info.code === undefined || (typeof info.code === "string" && info.code.length <= 128), "code");
            ok(
              info.retryAfterMs === undefined || (Number.isFinite(info.retryAfterMs) && info.retryAfterMs >= 0),
              "retryAfterMs",
            );
            ok(info.status === undefined || Number.isInteger(info.status), "status");
            ok(!JSON.stringify(info).includes(canary), "an error's message or name was copied");
          }
          ok((adapter.errors(value).class as string) !== "ok", "an error is read as a success");
        }
      },
    },
  ];
}
