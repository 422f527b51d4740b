import { AsyncLocalStorage } from "node:async_hooks";
import type { Adapter, Binding, CallDraft, Port } from "../../core/adapter.ts";
import type { Attempt, Call } from "../../core/call.ts";
import type { CredentialLease } from "../../core/credential.ts";
import type { Owner } from "../../core/owner.ts";

/** An attempt and what came of it. */
export interface SeenAttempt {
  readonly attempt: Attempt;
  /** Requests that reached the wire from inside it. */
  sends: number;
  /** What its request threw, if it did. */
  error?: unknown;
  /** What its request returned. */
  result?: unknown;
}

/** The kit's two rings: they note what passes, and do what a case asks for. */
export interface RecordingPort extends Port {
  readonly calls: Call[];
  readonly drafts: CallDraft[];
  readonly attempts: SeenAttempt[];
  /** What went wrong between the rings. */
  readonly violations: string[];
  /** Whether requests may reach the wire outside the rings: after a detach, and for reads of tags. */
  unwatched: boolean;
  /** Runs in the operation ring, before anything is sent. */
  operation: ((call: Call) => void | Promise<void>) | undefined;
  /** Runs in the attempt ring, before the request is sent. */
  before: ((attempt: Attempt) => void | Promise<void>) | undefined;
  /** Runs once an attempt was answered. */
  after: ((attempt: Attempt) => void) | undefined;
  /** To be called for every request that reaches the wire. */
  arrived(): void;
}

/** On whose behalf the kit calls. */
export const kitOwner: Owner = {
  managementCluster: "11111111-aaaa-4aaa-8aaa-000000000001",
  provider: "infrastructure-kit",
  cluster: { namespace: "kit", name: "cluster-1", uid: "11111111-bbbb-4bbb-8bbb-000000000002" },
  machine: { namespace: "kit", name: "machine-1", uid: "11111111-cccc-4ccc-8ccc-000000000003" },
};

/** Makes the rings of one session. */
export function recordingPort(adapter: Adapter, client: object, credentials?: CredentialLease): RecordingPort {
  const current = new AsyncLocalStorage<{ readonly call: Call; readonly seen?: SeenAttempt }>();
  const targetOf = ({ service, account = "default", region = "default" }: CallDraft) => ({
    cloud: adapter.cloud,
    service,
    account,
    region,
  });
  const binding: Binding = {
    adapter,
    client,
    credentials,
    profile: (service, operation, account, region) => ({
      ...adapter.classify(operation, service),
      service,
      operation,
      target: targetOf({ service, operation, account, region, input: undefined }),
    }),
  };

  function newCall(draft: CallDraft): Call {
    const { kind, resourceType, revokes = false } = adapter.classify(draft.operation, draft.service);
    return {
      id: `kit-call-${port.calls.length + 1}`,
      target: targetOf(draft),
      operation: draft.operation,
      kind,
      resourceType,
      input: draft.input,
      owner: kitOwner,
      signal: draft.signal,
      priority: undefined,
      deadlineAt: undefined,
      revokes,
      startedAt: Date.UTC(2026, 0, 1),
      token: undefined,
      resumes: undefined,
      fingerprint: undefined,
      attempts: [],
      decisions: [],
      binding,
    };
  }

  function read(seen: SeenAttempt): void {
    const { attempt } = seen;
    try {
      attempt.answer =
        "error" in seen ? adapter.errors(seen.error) : (adapter.answer?.(seen.result) ?? { class: "ok" });
    } catch {
      port.violations.push("the adapter threw while it read an answer or an error");
    }
  }

  async function once(call: Call, send: (attempt: Attempt) => Promise<unknown>): Promise<SeenAttempt> {
    const attempt: Attempt = {
      call,
      number: call.attempts.length + 1,
      startedAt: call.startedAt,
      waitedMs: 0,
      sent: false,
      again: false,
      answer: undefined,
      latencyMs: 0,
    };
    const seen: SeenAttempt = { attempt, sends: 0 };
    call.attempts.push(attempt);
    port.attempts.push(seen);
    await port.before?.(attempt);
    call.signal?.throwIfAborted();
    attempt.sent = true;
    try {
      seen.result = await current.run({ call, seen }, () => send(attempt));
    } catch (error) {
      seen.error = error;
    }
    read(seen);
    port.after?.(attempt);
    return seen;
  }

  function settle<R>(seen: SeenAttempt): R {
    if ("error" in seen) throw seen.error;
    return seen.result as R;
  }

  const port: RecordingPort = {
    calls: [],
    drafts: [],
    attempts: [],
    violations: [],
    unwatched: false,
    operation: undefined,
    before: undefined,
    after: undefined,
    credentials,
    arrived() {
      const seen = current.getStore()?.seen;
      if (port.unwatched) return;
      if (seen === undefined) port.violations.push("a request reached the wire outside the attempt ring");
      else seen.sends++;
    },
    async call(draft, send) {
      if (current.getStore() !== undefined) port.violations.push("a call entered the operation ring inside another");
      const call = newCall(draft);
      port.calls.push(call);
      port.drafts.push(draft);
      await port.operation?.(call);
      return current.run({ call }, () => send(call));
    },
    async attempt(call, send, { repeatable = true } = {}) {
      const inside = current.getStore();
      if (inside?.seen !== undefined) port.violations.push("an attempt entered the attempt ring inside another");
      if (!port.calls.includes(call)) port.violations.push("an attempt belongs to no call of the operation ring");
      const first = await once(call, send);
      return settle(first.attempt.again && repeatable ? await once(call, send) : first);
    },
  };
  return port;
}
