import { type Adapter, type Answer, type Attachment, plainTags, readErrorInfo, safely } from "provider-guard";

export interface Body {
  readonly labels?: Record<string, string>;
  readonly token?: string;
}

interface Reply {
  readonly status: number;
  readonly requestId: string;
}

/** A client with one method through which everything goes. */
export interface RestClient {
  request(request: { action: string; body: Body }): Promise<Reply>;
}

const attachments = new WeakMap<RestClient, Attachment<RestClient>>();
const kinds = { get: "read", create: "create", resize: "update", delete: "delete" } as const;
const ok: Answer = { class: "ok" };
const kindOf = new Map(Object.entries(kinds));

export const rest: Adapter<RestClient> = {
  name: "rest",
  cloud: "acme",
  accepts: safely((client: RestClient) => typeof client.request === "function", false),
  attach(client, port) {
    const known = attachments.get(client);
    if (known !== undefined) return known;
    const original = client.request;
    client.request = (request) =>
      port.call({ service: "acme", operation: request.action, input: request.body }, (call) =>
        port.attempt(call, () => original.call(client, { ...request, body: call.input as Body })),
      );
    const attachment = {
      client,
      detach() {
        client.request = original;
        attachments.delete(client);
      },
    };
    attachments.set(client, attachment);
    return attachment;
  },
  classify(operation) {
    const kind = kindOf.get(operation.replace(/[A-Z].*/, ""));
    return { kind: kind ?? "update", known: kind !== undefined };
  },
  errors: readErrorInfo,
  answer: safely<Reply, Answer>(
    ({ status, requestId }) => (Number.isInteger(status) ? { class: "ok", status, requestId: `${requestId}` } : ok),
    ok,
  ),
  tags: {
    codec: plainTags,
    given: ({ input }) => (input as Body).labels,
    write: ({ input }, tags) => ({ ...(input as Body), labels: { ...(input as Body).labels, ...tags } }),
    token({ input }, token) {
      const body = { token, ...(input as Body) };
      return { input: body, token: body.token };
    },
  },
  limits: [{ name: "acme", ratePerSecond: 10, burst: 20, source: "Acme API guide, read 2026-11" }],
};
