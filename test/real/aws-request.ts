import type { IncomingMessage } from "node:http";

/** One request of an AWS client, read without knowing its model. */
export interface AwsRequest {
  /** `RunInstances`, `secretsmanager.CreateSecret`, or method and path where the protocol names none. */
  readonly operation: string;
  readonly protocol: "query" | "json" | "rest";
  /** Members of a query request. */
  readonly form: URLSearchParams;
  readonly clientToken: string | undefined;
  /** Who signed it. */
  readonly accessKeyId: string | undefined;
  /** The guard's call, as the user agent tells it. */
  readonly intent: string | undefined;
}

/** Reads the parts of a request that the proxy acts on, and logs. */
export function readRequest(request: IncomingMessage, body: Buffer): AwsRequest {
  const { headers, method = "", url = "" } = request;
  const query = String(headers["content-type"] ?? "").includes("x-www-form-urlencoded");
  const form = new URLSearchParams(query ? body.toString() : "");
  const target = headers["x-amz-target"];
  const protocol = query ? "query" : target === undefined ? "rest" : "json";
  return {
    operation: form.get("Action") ?? (target as string | undefined) ?? `${method} ${url.split("?")[0]}`,
    protocol,
    form,
    clientToken: form.get("ClientToken") ?? undefined,
    accessKeyId: /Credential=([^/]+)/.exec(headers.authorization ?? "")?.[1],
    intent: /provider-guard-intent#(\w+)/.exec(String(headers["user-agent"] ?? ""))?.[1],
  };
}

/** An error in the protocol of the request. */
export function errorAnswer(
  { protocol }: AwsRequest,
  code: string,
  requestId: string,
): { headers: Record<string, string>; body: string } {
  if (protocol === "query") {
    const xml = `<?xml version="1.0"?><Response><Errors><Error><Code>${code}</Code><Message>injected</Message></Error></Errors><RequestID>${requestId}</RequestID></Response>`;
    return { headers: { "content-type": "text/xml", "x-amzn-requestid": requestId }, body: xml };
  }
  if (protocol === "json") {
    const headers = { "content-type": "application/x-amz-json-1.1", "x-amzn-requestid": requestId };
    return { headers: { ...headers, "x-amzn-errortype": code }, body: JSON.stringify({ __type: code }) };
  }
  const headers = { "content-type": "application/xml", "x-amz-request-id": requestId };
  return { headers, body: `<?xml version="1.0"?><Error><Code>${code}</Code><Message>injected</Message></Error>` };
}
