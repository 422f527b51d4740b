import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { KubeConfig, type RequestContext } from "@kubernetes/client-node";
import type { WireReply, WireRequest } from "provider-guard/testing";

/** What the kit's object looks like. */
const kitObject = {
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: {
    name: "one",
    namespace: "kit",
    uid: "33333333-aaaa-4aaa-8aaa-000000000001",
    resourceVersion: "7",
    labels: { team: "kit", "provider-guard/cluster-uid": "kit-cluster" },
  },
};

/** As the adapter is to tell of it: its owner tags alone. */
export const seenKitObject = (resource: string) => ({
  id: `${resource}/kit/one`,
  tags: { "provider-guard/cluster-uid": "kit-cluster" },
});

const reasons: Readonly<Record<string, string>> = {
  throttled: "TooManyRequests",
  denied: "Forbidden",
  unauthenticated: "Unauthorized",
  "not-found": "NotFound",
  conflict: "Conflict",
  outage: "ServiceUnavailable",
  invalid: "BadRequest",
};

const replyHeader = "x-kit-reply";

/** The header by which a request asks the server for the kit's answer. */
export const asks = (reply: WireReply): readonly [string, string] => [replyHeader, JSON.stringify(reply)];

interface Labelled {
  readonly metadata?: { readonly labels?: Record<string, string>; readonly annotations?: Record<string, string> };
}

/** Decodes what is really about to leave. */
export function decode(context: RequestContext): WireRequest {
  const body = context.getBody();
  const { metadata } = (typeof body === "string" && body.startsWith("{") ? JSON.parse(body) : {}) as Labelled;
  const { "idempotency.provider-guard/token": token, ...annotations } = metadata?.annotations ?? {};
  const signal = context.getSignal();
  return {
    tags: { ...metadata?.labels, ...annotations },
    token: token ?? annotations["provider-guard/intent"],
    credential: context.getHeaders().Authorization,
    ...(signal === undefined ? {} : { signal }),
  };
}

/** An HTTP server on loopback that answers what the kit says, in Kubernetes' words. */
export async function kitServer() {
  const server = createServer((request, response) => {
    request.resume();
    const { kind, requestId, status = 200, retryAfterMs }: WireReply = JSON.parse(String(request.headers[replyHeader]));
    if (kind === "lost") return void request.socket.destroy();
    const wait = retryAfterMs === undefined ? {} : { "retry-after": String(retryAfterMs / 1000) };
    response.writeHead(status, { "content-type": "application/json", "audit-id": requestId, ...wait });
    const failure = { kind: "Status", apiVersion: "v1", status: "Failure", code: status, reason: reasons[kind] };
    response.end(`${JSON.stringify(kind === "ok" ? kitObject : failure)}\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    config(): KubeConfig {
      const config = new KubeConfig();
      config.loadFromClusterAndUser({ name: "kit", server: url, skipTLSVerify: true }, { name: "kit", token: "own" });
      return config;
    },
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}
