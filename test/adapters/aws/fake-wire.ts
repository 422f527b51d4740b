import { Readable } from "node:stream";

/** A request as it would have left. */
export interface WireRequest {
  readonly method: string;
  readonly hostname: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: unknown;
  readonly query: Record<string, unknown>;
}

/** What the fake wire answers to one request: an answer, or an error of the network. */
export type WireAnswer = { status?: number; headers?: Record<string, string>; body?: string } | Error;

/** A request handler that sends nothing. */
export interface FakeWire {
  readonly requests: WireRequest[];
  /** Options the SDK handed to the handler, e.g. the abort signal. */
  readonly options: { abortSignal?: AbortSignal }[];
  readonly handler: { handle(request: unknown, options?: object): Promise<{ response: unknown }>; destroy(): void };
  destroyed: number;
}

/** Answers each request with the next of `answers`, and with the last one for ever after. */
export function fakeWire(
  ...answers: (WireAnswer | ((request: WireRequest) => WireAnswer | Promise<WireAnswer>))[]
): FakeWire {
  const wire: FakeWire = {
    requests: [],
    options: [],
    destroyed: 0,
    handler: {
      async handle(request, options) {
        const seen = request as WireRequest;
        wire.requests.push({ ...seen, headers: { ...seen.headers } });
        wire.options.push(options ?? {});
        const given = answers[Math.min(wire.requests.length, answers.length) - 1] ?? {};
        const answer = typeof given === "function" ? await given(seen) : given;
        if (answer instanceof Error) throw answer;
        const { status = 200, headers = {}, body = "" } = answer;
        return { response: { statusCode: status, headers, body: Readable.from([Buffer.from(body)]) } };
      },
      destroy() {
        wire.destroyed++;
      },
    },
  };
  return wire;
}

/** Retries what the SDK calls worth it, as its own strategy does, but at once. */
function retryAtOnce(maxAttempts: number) {
  const token = (count: number) => ({ getRetryCount: () => count, getRetryDelay: () => 0 });
  return {
    acquireInitialRetryToken: async () => token(0),
    async refreshRetryTokenForRetry(last: ReturnType<typeof token>, { errorType }: { errorType: string }) {
      const count = last.getRetryCount() + 1;
      if (errorType === "CLIENT_ERROR" || count >= maxAttempts) throw new Error("no more tries");
      return token(count);
    },
    recordSuccess() {},
  };
}

/** Configuration of a client that speaks to a fake wire. */
export function wired(wire: FakeWire) {
  return {
    region: "eu-central-1",
    credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" },
    requestHandler: wire.handler as never,
    retryStrategy: retryAtOnce(3) as never,
  };
}

/** EC2's XML. */
export function ec2Answer(operation: string, body = "", requestId = "req-1"): WireAnswer {
  return {
    headers: { "x-amzn-requestid": requestId, "content-type": "text/xml" },
    body: `<?xml version="1.0"?><${operation}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>${requestId}</requestId>${body}</${operation}Response>`,
  };
}

/** EC2's error document. */
export function ec2Error(
  code: string,
  status = 400,
  requestId = "req-e",
  headers: Record<string, string> = {},
): WireAnswer {
  return {
    status,
    headers: { "x-amzn-requestid": requestId, "content-type": "text/xml", ...headers },
    body: `<?xml version="1.0"?><Response><Errors><Error><Code>${code}</Code><Message>no</Message></Error></Errors><RequestID>${requestId}</RequestID></Response>`,
  };
}
