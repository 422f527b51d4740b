import { hash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse, request as send } from "node:http";
import type { AddressInfo } from "node:net";
import { S3Client } from "@aws-sdk/client-s3";
import { SSMClient } from "@aws-sdk/client-ssm";
import { errorAnswer, readRequest } from "./aws-request.ts";

/** Who signs: the SDK of the tests, and the instance role that moto's metadata service knows. */
export const controller = { accessKeyId: "AKIDCONTROLLER", secretAccessKey: "controller-secret-canary" };
const node = { accessKeyId: "test-key", secretAccessKey: "test-secret-key", sessionToken: "test-session-token" };

/** One request as IAM sees it. */
export interface SeenRequest {
  readonly by: "controller" | "node" | "metadata";
  /** E.g. `secretsmanager:GetSecretValue`; of the metadata service method and path. */
  readonly action: string;
  /** What it is about: of JSON the whole input, of S3 the path with its query. */
  readonly input: string;
  /** HTTP status of the answer, 0 where it was lost. */
  status: number;
}

/** What is done with a request in moto's place: an error's code, a cut connection, or a lost answer. */
export type Fault = { readonly code: string; readonly status: number } | "cut" | "lose";

/** A front of moto that checks what moto does not: each signature, and IMDSv2's token. */
export interface AwsFront {
  readonly url: string;
  readonly seen: SeenRequest[];
  /** Asked for each request that is signed well; what it returns is done. */
  fault: ((request: SeenRequest) => Fault | undefined) | undefined;
  /** Changes what moto answered. */
  change: ((request: SeenRequest, body: Buffer) => Buffer) | undefined;
  /** Forgets what was seen, and ends what was set above. */
  reset(): void;
  stop(): Promise<void>;
}

const s3Actions: Readonly<Record<string, string>> = {
  "GET object": "GetObject",
  "HEAD object": "GetObject",
  "PUT object": "PutObject",
  "DELETE object": "DeleteObject",
  "GET bucket": "ListBucket",
  "GET bucket versioning": "GetBucketVersioning",
};

function actionOf(request: IncomingMessage): string {
  const url = new URL(request.url ?? "", "http://aws");
  const target = request.headers["x-amz-target"];
  if (typeof target === "string") {
    const [service = "", operation] = target.split(".");
    const prefix = { AmazonSSM: "ssm", TrentService: "kms", secretsmanager: "secretsmanager" }[service] ?? service;
    return `${prefix}:${operation}`;
  }
  const kind = url.pathname.split("/").length > 2 && !url.pathname.endsWith("/") ? "object" : "bucket";
  const name = `${request.method} ${kind}${url.searchParams.has("versioning") ? " versioning" : ""}`;
  return `s3:${s3Actions[name] ?? name}`;
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const clients = new Map<string, S3Client | SSMClient>();

/** A client that has the signer of a service: that of S3 encodes paths otherwise than all others. */
function clientOf(service: string, region: string, credentials: typeof controller): S3Client | SSMClient {
  const key = `${service} ${region} ${credentials.accessKeyId}`;
  const known = clients.get(key);
  if (known !== undefined) return known;
  const made = service === "s3" ? new S3Client({ region, credentials }) : new SSMClient({ region, credentials });
  clients.set(key, made);
  return made;
}

/** Signs the request again with the SDK's own signer, and compares. */
async function isSigned(request: IncomingMessage, body: Buffer): Promise<boolean> {
  const { headers, method = "", url = "" } = request;
  const found =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/\d{8}\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([^,]+), ?/.exec(
      headers.authorization ?? "",
    );
  const credentials = [controller, node].find(({ accessKeyId }) => accessKeyId === found?.[1]);
  if (found === null || credentials === undefined) return false;
  const [, , region = "", service = "", signed = ""] = found;
  const given = headers["x-amz-content-sha256"];
  if (given !== undefined && given !== hash("sha256", body, "hex")) return false;
  const when = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(String(headers["x-amz-date"]));
  if (when === null) return false;
  const [year, month, day, ...time] = when.slice(1).map(Number) as [number, number, number, number, number, number];
  const signingDate = new Date(Date.UTC(year, month - 1, day, ...time));
  const address = new URL(url, `http://${headers.host}`);
  const client = clientOf(service, region, credentials);
  // biome-ignore lint/suspicious/noExplicitAny: the SDK's signers differ in their types only
  const signer = await (client.config.signer as any)({ name: "sigv4", signingName: service, signingRegion: region });
  const again = await signer.sign(
    {
      method,
      protocol: "http:",
      hostname: address.hostname,
      port: Number(address.port),
      path: decodeURI(address.pathname),
      query: Object.fromEntries(address.searchParams),
      headers: Object.fromEntries(signed.split(";").map((name) => [name, String(headers[name])])),
      body,
    },
    { signingDate, signingRegion: region, signingService: service },
  );
  const plain = (text: unknown) => String(text).replace(/, /g, ",");
  return plain(again.headers.authorization) === plain(headers.authorization);
}

/** Starts a front of moto. */
export async function startAwsFront(motoUrl: string): Promise<AwsFront> {
  const upstream = new URL(motoUrl);
  const tokens = new Set<string>();

  function pass(request: IncomingMessage, body: Buffer) {
    return new Promise<{ message: IncomingMessage; body: Buffer }>((resolve, reject) => {
      const { method, url, headers } = request;
      const to = { host: upstream.hostname, port: upstream.port, method, path: url, headers };
      const passed = send(
        to,
        (message) => void bodyOf(message).then((content) => resolve({ message, body: content }), reject),
      );
      passed.once("error", reject);
      passed.end(body);
    });
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    const { url = "", method, headers } = request;
    const metadata = url.startsWith("/latest/");
    const by = metadata ? "metadata" : headers.authorization?.includes(`=${node.accessKeyId}/`) ? "node" : "controller";
    const seen: SeenRequest = {
      by,
      action: metadata ? `${method} ${url}` : actionOf(request),
      input: headers["x-amz-target"] === undefined ? url : body.toString(),
      status: 0,
    };
    front.seen.push(seen);
    const refuse = (code: string, status: number) => {
      const refusal = errorAnswer(readRequest(request, body), code, `injected-${front.seen.length}`);
      seen.status = status;
      response.writeHead(status, refusal.headers).end(refusal.body);
    };
    if (metadata) {
      if (
        method === "PUT"
          ? !headers["x-aws-ec2-metadata-token-ttl-seconds"]
          : !tokens.has(String(headers["x-aws-ec2-metadata-token"]))
      ) {
        return refuse("Unauthorized", 401);
      }
    } else if (!(await isSigned(request, body))) return refuse("SignatureDoesNotMatch", 403);
    const fault = front.fault?.(seen);
    if (fault === "cut") return void response.destroy();
    if (typeof fault === "object") return refuse(fault.code, fault.status);
    const passed = await pass(request, body);
    if (metadata && method === "PUT") tokens.add(passed.body.toString());
    if (fault === "lose") return void response.destroy();
    seen.status = passed.message.statusCode ?? 502;
    const content = front.change?.(seen, passed.body) ?? passed.body;
    const { "transfer-encoding": _chunked, "content-length": length, ...kept } = passed.message.headers;
    response.writeHead(seen.status, { ...kept, "content-length": method === "HEAD" ? length : content.length });
    response.end(content);
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  const front: AwsFront = {
    url: "",
    seen: [],
    fault: undefined,
    change: undefined,
    reset() {
      front.seen.length = 0;
      front.fault = undefined;
      front.change = undefined;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(front, { url: `http://127.0.0.1:${port}` });
}
