import type { Adapter, Attachment, CallDraft, Port } from "../../../src/core/adapter.ts";
import type { Attempt, Call } from "../../../src/core/call.ts";
import type { CredentialLease } from "../../../src/core/credential.ts";
import type { Tags } from "../../../src/core/tags.ts";

/** One request as the fake port saw it. */
export interface SeenAttempt {
  readonly call: Call;
  readonly repeatable: boolean | undefined;
  readonly requestId: string | undefined;
  readonly class: string;
}

/** A port that runs both rings without doing anything but notes, unless it is told to. */
export interface FakePort extends Port {
  readonly calls: Call[];
  readonly attempts: SeenAttempt[];
  /** Stands in the operation ring, e.g. to change the input or to refuse. */
  onCall?: ((call: Call) => unknown) | undefined;
  /** Stands in the attempt ring. */
  onAttempt?: ((call: Call) => unknown) | undefined;
  /** Sends once more, as after a refreshed credential. */
  again: boolean;
}

/** Makes a call as the guard does. */
export function fakeCall(adapter: Adapter<never>, draft: CallDraft, id = "intent", client: object = {}): Call {
  const { kind, resourceType, revokes = false } = adapter.classify(draft.operation, draft.service);
  return {
    id,
    target: {
      cloud: adapter.cloud,
      service: draft.service,
      account: draft.account ?? "default",
      region: draft.region ?? "default",
    },
    operation: draft.operation,
    kind,
    resourceType,
    input: draft.input,
    owner: { managementCluster: "mc", provider: "infrastructure-test" },
    signal: draft.signal,
    priority: undefined,
    deadlineAt: undefined,
    revokes,
    startedAt: 1_700_000_000_000,
    token: undefined,
    resumes: undefined,
    fingerprint: undefined,
    attempts: [],
    decisions: [],
    binding: { client, adapter: adapter as unknown as Adapter, credentials: undefined, profile: () => ({}) as never },
  };
}

/** Makes a port that notes everything. */
function fakePort(client: object, adapter: Adapter<never>, credentials?: CredentialLease): FakePort {
  const port: FakePort = {
    calls: [],
    attempts: [],
    again: false,
    credentials,
    async call(draft, send) {
      const call = fakeCall(adapter, draft, `intent-${port.calls.length + 1}`, client);
      port.calls.push(call);
      await port.onCall?.(call);
      return send(call);
    },
    async attempt(call, send, options) {
      await port.onAttempt?.(call);
      const attempt = { call } as Attempt;
      const note = (info: { class: string; requestId?: string | undefined }) =>
        port.attempts.push({ call, repeatable: options?.repeatable, requestId: info.requestId, class: info.class });
      for (let first = true; ; first = false) {
        try {
          const result = await send(attempt);
          note(adapter.answer?.(result) ?? { class: "ok" });
          return result;
        } catch (error) {
          note(adapter.errors(error));
          if (!first || !port.again || options?.repeatable === false) throw error;
        }
      }
    },
  };
  return port;
}

/** Hooks a client to a fake port. */
export function hook<C extends object>(
  client: C,
  adapter: Adapter<never>,
  credentials?: CredentialLease,
): { client: C; port: FakePort; attachment: Attachment<C> } {
  const port = fakePort(client, adapter, credentials);
  const attachment = (adapter as unknown as Adapter<C>).attach(client, port);
  return { client: attachment.client, port, attachment };
}

/** Owner tags that a test can recognise. */
export const ownerTags: Tags = { "provider-guard/cluster-uid": "uid-1", "provider-guard/intent": "intent-1" };
