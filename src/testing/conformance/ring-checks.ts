import { deepStrictEqual, equal, ok } from "node:assert/strict";
import { GuardError } from "../../core/errors.ts";
import { begin, type Check, deepFreeze, invoke, need, quiet, succeed } from "./session.ts";
import type { ConformanceSubject, SubjectOperation } from "./subject.ts";

/** The operations that a subject declares, with their kinds. */
export function declared<C extends object>(subject: ConformanceSubject<C>): [string, SubjectOperation<C>][] {
  return Object.entries(subject.operations).filter((entry): entry is [string, SubjectOperation<C>] =>
    Boolean(entry[1]),
  );
}

/** What a phase that waits does: it ends with the signal's reason, and only then. */
function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

const aborted = () => new DOMException("the kit aborted this call", "AbortError");

/** The way of a call through the rings. */
export function ringChecks<C extends object>(subject: ConformanceSubject<C>): Check<C>[] {
  const { read } = subject.operations;
  const some = subject.operations.create ?? read;
  const most = subject.attemptsWhenThrottled ?? 1;

  const perOperation = declared(subject).map(
    ([kind, operation]): Check<C> => ({
      title: `a ${kind} passes both rings exactly once`,
      async run() {
        const session = await begin(subject);
        const { call, last } = await succeed(session, operation);
        const { port, wire } = session;
        deepStrictEqual([port.calls.length, port.attempts.length, wire.requests.length], [1, 1, 1]);
        equal(last.sends, 1, "requests inside the attempt");
        equal(last.attempt.call, call, "the attempt's call");
        equal(last.attempt.answer?.class, "ok");
        equal(call.kind, kind);
        if (operation.service !== undefined) equal(call.target.service, operation.service, "the service");
        ok(call.target.service !== "", "the service is empty");
      },
    }),
  );

  return [
    ...perOperation,
    {
      title: "calls at the same time keep apart",
      async run() {
        const { guarded, port, wire } = await begin(subject);
        const outcomes = await Promise.all(Array.from({ length: 20 }, () => invoke(guarded, read)));
        ok(
          outcomes.every((outcome) => "result" in outcome),
          "a call failed",
        );
        deepStrictEqual(port.violations, []);
        deepStrictEqual([port.calls.length, wire.requests.length], [20, 20]);
        deepStrictEqual(
          port.calls.map(({ attempts }) => attempts.length),
          port.calls.map(() => 1),
        );
        ok(
          port.attempts.every(({ sends }) => sends === 1),
          "an attempt without exactly one request",
        );
      },
    },
    {
      title: "the client's own retries are attempts of the same call",
      needs: ["retries", need(most > 1, "the client has no retries of its own")],
      async run() {
        const session = await begin(subject, ["throttled", "ok"]);
        const { call } = await succeed(session, read);
        const { port, wire } = session;
        deepStrictEqual([port.calls.length, call.attempts.length, wire.requests.length], [1, 2, 2]);
        deepStrictEqual(
          call.attempts.map(({ answer }) => answer?.class),
          ["throttled", "ok"],
        );
        ok(
          port.attempts.every(({ sends }) => sends === 1),
          "an attempt without exactly one request",
        );
      },
    },
    {
      title: "an attempt that asks for it is sent again, as an attempt of its own",
      needs: ["repeat", "unauthenticated"],
      async run() {
        const session = await begin(subject, ["unauthenticated", "ok"]);
        session.port.after = (attempt) => {
          attempt.again = attempt.answer?.class === "unauthenticated";
        };
        const { call } = await succeed(session, some);
        deepStrictEqual(
          call.attempts.map(({ answer }) => answer?.class),
          ["unauthenticated", "ok"],
        );
        deepStrictEqual(
          session.port.attempts.map(({ sends }) => sends),
          [1, 1],
        );
      },
    },
    {
      title: "the caller's input is never changed, and may be frozen",
      async run() {
        for (const [, operation] of declared(subject)) {
          const session = await begin(subject);
          session.port.operation = (call) => {
            const { tags } = session.adapter;
            if (tags === undefined || call.kind !== "create") return;
            call.input = tags.write(call, tags.codec.encode(call.owner, call.startedAt, call.id)) ?? call.input;
            call.input = tags.token?.(call, call.id)?.input ?? call.input;
          };
          const input = operation.input({ tags: { team: "kit" } });
          const before = structuredClone(input);
          await operation.invoke(session.guarded, input as never);
          deepStrictEqual(input, before, `${operation.operation} changed its caller's input`);
          await operation.invoke(session.guarded, deepFreeze(operation.input({})) as never);
        }
      },
    },
    {
      title: "the caller's signal reaches the call",
      needs: ["signal"],
      async run() {
        const { guarded, port } = await begin(subject);
        const controller = new AbortController();
        await invoke(guarded, read, {}, controller.signal);
        equal(port.calls[0]?.signal?.aborted, false, "the call has no signal");
        controller.abort();
        equal(port.calls[0]?.signal?.aborted, true, "the call's signal is another one");
      },
    },
    {
      title: "an abort while a call waits in either ring sends nothing, and rejects with its reason",
      needs: ["signal"],
      async run() {
        for (const ring of ["operation", "before"] as const) {
          const { guarded, port, wire } = await begin(subject);
          const controller = new AbortController();
          const reason = aborted();
          port[ring] = () => untilAborted(controller.signal);
          const ended = invoke(guarded, some, {}, controller.signal);
          await quiet();
          equal(wire.requests.length, 0, "a request left while the call was waiting");
          controller.abort(reason);
          const outcome = await ended;
          await quiet();
          equal(wire.requests.length, 0, "a request left after the abort");
          ok("error" in outcome, "the call succeeded");
          equal(outcome.error, reason, "rejected with something else than the signal's reason");
        }
      },
    },
    {
      title: "an abort in flight ends the call, and is read as one",
      needs: ["signal"],
      async run() {
        const { guarded, port } = await begin(subject, ["hang"]);
        const controller = new AbortController();
        const ended = invoke(guarded, read, {}, controller.signal);
        await quiet();
        controller.abort(aborted());
        ok("error" in (await ended), "the call succeeded");
        equal(port.attempts[0]?.attempt.answer?.class, "aborted");
      },
    },
    {
      title: "a refusal by either ring sends nothing, is not retried, and reaches the caller as it is",
      async run() {
        for (const ring of ["operation", "before"] as const) {
          const { guarded, port, wire } = await begin(subject);
          const refusal = new GuardError("ERR_RATE_LIMIT_QUEUE_FULL", "refused by the kit", { retryable: true });
          port[ring] = () => Promise.reject(refusal);
          const outcome = await invoke(guarded, some);
          ok("error" in outcome, "the call succeeded");
          equal(outcome.error, refusal, "the refusal was replaced");
          equal(wire.requests.length, 0, "a request left all the same");
          deepStrictEqual([port.calls.length, port.attempts.length], [1, ring === "before" ? 1 : 0]);
        }
      },
    },
    {
      title: "an input that the operation ring replaces is what is sent",
      needs: ["tags", need(subject.operations.create && subject.adapter().tags, "no create that carries tags")],
      async run() {
        const session = await begin(subject);
        const { create } = subject.operations;
        session.port.operation = (call) => {
          call.input = session.adapter.tags?.write(call, { "kit-replaced": "yes" });
        };
        if (create !== undefined) await succeed(session, create);
        equal(session.wire.requests[0]?.tags?.["kit-replaced"], "yes");
      },
    },
  ];
}
