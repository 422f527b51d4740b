import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
  request as send,
} from "node:http";
import type { AddressInfo } from "node:net";
import { systemClock } from "../../src/core/clock.ts";
import { type AwsRequest, errorAnswer, readRequest } from "./aws-request.ts";

/** One request, and what became of it. */
export interface LoggedRequest extends Pick<AwsRequest, "operation" | "clientToken" | "accessKeyId" | "intent"> {
  /** HTTP status of the answer, or `lost`: it reached the cloud and the connection was cut. */
  readonly result: number | "lost";
  /** When it arrived, in monotonic milliseconds. */
  readonly at: number;
  readonly requestId: string | undefined;
}

/** A proxy in front of moto that behaves where moto does not: limits, tokens, expiry, dependencies, lost answers. */
export interface CloudProxy {
  readonly url: string;
  readonly log: LoggedRequest[];
  /** Answers `RequestLimitExceeded` when an operation comes faster than this. */
  throttle(operation: string, ratePerSecond: number, burst: number): void;
  /** Lets the next requests of an operation reach the cloud, and cuts the connection before the answer. */
  loseAnswers(operation: string, count: number): void;
  /**
   * Shows each request when it arrives, and again when its answer is about to leave. What the listener returns
   * is waited for; when it throws, the connection is cut.
   *
   * @returns What ends it.
   */
  watch(listener: Listener): () => void;
  /** Refuses what is signed with this access key from now on. */
  expire(accessKeyId: string): void;
  /** Ends what was set above but for watching, and forgets tokens and log. */
  reset(): void;
  stop(): Promise<void>;
}

/** Hears of a request, at first without its answer. */
export type Listener = (request: AwsRequest, answer?: Answer) => unknown;

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** EC2 refuses to delete these while instances use them; moto does not. */
const dependencies: Record<string, { member: string; filter: string }> = {
  DeleteSecurityGroup: { member: "GroupId", filter: "instance.group-id" },
  DeleteSubnet: { member: "SubnetId", filter: "subnet-id" },
};

/** A server's own count, on purpose not the guard's. */
function serverBucket(ratePerSecond: number, burst: number): () => boolean {
  let tokens = burst;
  let at = systemClock.monotonic();
  return () => {
    const now = systemClock.monotonic();
    tokens = Math.min(burst, tokens + ((now - at) / 1000) * ratePerSecond);
    at = now;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Passes a request on as it came: the Host header too, or its signature would no longer hold. */
function forward(upstream: URL, { method, url, headers }: IncomingMessage, body: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const to = { host: upstream.hostname, port: upstream.port, method, path: url, headers };
    const passed = send(to, (answer) => {
      bodyOf(answer).then((content) => {
        resolve({ status: answer.statusCode ?? 502, headers: answer.headers, body: content });
      }, reject);
    });
    passed.once("error", reject);
    passed.end(body);
  });
}

/** Starts a proxy in front of moto. */
export async function startCloudProxy(motoUrl: string): Promise<CloudProxy> {
  const upstream = new URL(motoUrl);
  const log: LoggedRequest[] = [];
  const buckets = new Map<string, () => boolean>();
  const losing = new Map<string, number>();
  const expired = new Set<string>();
  const listeners = new Set<Listener>();
  const byToken = new Map<string, { readonly form: string; readonly answer: Promise<Answer> }>();
  let injected = 0;

  function refusal(request: AwsRequest, status: number, code: string): Answer {
    const { headers, body } = errorAnswer(request, code, `injected-${++injected}`);
    return { status, headers, body: Buffer.from(body) };
  }

  async function inUse({ operation, form }: AwsRequest, message: IncomingMessage): Promise<boolean> {
    const dependency = dependencies[operation];
    const id = dependency && form.get(dependency.member);
    if (dependency === undefined || !id) return false;
    const question = new URLSearchParams({
      Action: "DescribeInstances",
      Version: form.get("Version") ?? "2016-11-15",
      "Filter.1.Name": dependency.filter,
      "Filter.1.Value.1": id,
      "Filter.2.Name": "instance-state-name",
      "Filter.2.Value.1": "pending",
      "Filter.2.Value.2": "running",
    });
    const body = Buffer.from(question.toString());
    const headers = { ...message.headers, "content-length": String(body.length) };
    const answer = await forward(upstream, { method: "POST", url: "/", headers } as IncomingMessage, body);
    return answer.body.toString().includes("<instanceId>");
  }

  /** EC2 answers a repeated token with the first answer, and moto with a second resource. */
  function once(request: AwsRequest, run: () => Promise<Answer>): Promise<Answer> {
    if (request.clientToken === undefined) return run();
    const key = `${request.operation} ${request.clientToken}`;
    const form = request.form.toString();
    const known = byToken.get(key);
    if (known === undefined) {
      const answer = run();
      byToken.set(key, { form, answer });
      const forget = () => byToken.delete(key); // a token is spent on what was made, not on a refusal
      answer.then(({ status }) => status >= 400 && forget(), forget);
      return answer;
    }
    return known.form === form ? known.answer : Promise.resolve(refusal(request, 400, "IdempotentParameterMismatch"));
  }

  async function answer(request: AwsRequest, message: IncomingMessage, body: Buffer): Promise<Answer> {
    if (request.accessKeyId !== undefined && expired.has(request.accessKeyId)) {
      return refusal(request, 400, request.protocol === "query" ? "RequestExpired" : "ExpiredTokenException");
    }
    if (buckets.get(request.operation)?.() === false) return refusal(request, 503, "RequestLimitExceeded");
    if (await inUse(request, message)) return refusal(request, 400, "DependencyViolation");
    return once(request, () => forward(upstream, message, body));
  }

  async function serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const at = systemClock.monotonic();
    const body = await bodyOf(message);
    const request = readRequest(message, body);
    const { operation, clientToken, accessKeyId, intent } = request;
    const tell = (given?: Answer) => Promise.all([...listeners].map(async (listen) => listen(request, given)));
    await tell();
    const given = await answer(request, message, body);
    await tell(given);
    const left = losing.get(operation) ?? 0;
    losing.set(operation, Math.max(0, left - 1));
    const { "x-amzn-requestid": amzn, "x-amz-request-id": amz } = given.headers;
    const requestId = (amzn ?? amz) as string | undefined;
    log.push({ operation, clientToken, accessKeyId, intent, result: left > 0 ? "lost" : given.status, at, requestId });
    if (left > 0) {
      message.socket.destroy();
      return;
    }
    response.writeHead(given.status, given.headers);
    response.end(given.body);
  }

  const server = createServer((message, response) => {
    serve(message, response).catch(() => message.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}`,
    log,
    throttle: (operation, ratePerSecond, burst) => void buckets.set(operation, serverBucket(ratePerSecond, burst)),
    loseAnswers: (operation, count) => void losing.set(operation, count),
    watch(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    expire: (accessKeyId) => void expired.add(accessKeyId),
    reset() {
      for (const kept of [buckets, losing, expired, byToken]) kept.clear();
      log.length = 0;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
