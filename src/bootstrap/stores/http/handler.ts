import type { IncomingMessage, ServerResponse } from "node:http";
import { type Clock, systemClock } from "../../../core/clock.ts";
import type { Answer, Answers } from "./answers.ts";
import type { HttpStoreEvent } from "./events.ts";

/** A listener of `node:http`'s servers; it never rejects. */
export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Says that a request is refused for good: all that openers go by. Whatever is wrong reads the same. */
const refusal = Buffer.from("provider-guard: refused\n");

function headersOf({ status, retryAfterSeconds }: Answer, length: number): Record<string, string | number> {
  return {
    "cache-control": "no-store",
    "content-type": "application/octet-stream",
    "x-content-type-options": "nosniff",
    ...(status !== 204 && { "content-length": length }),
    ...(status === 405 && { allow: "GET, HEAD, DELETE, POST" }),
    ...(status === 413 && { connection: "close" }), // the body that nobody reads
    ...(retryAfterSeconds !== undefined && { "retry-after": retryAfterSeconds }),
  };
}

function send(response: ServerResponse, method: string | undefined, answer: Answer): void {
  const isRefused = answer.status === 403 || answer.status === 404;
  const body = answer.bytes ?? (isRefused ? refusal : Buffer.alloc(0));
  response.writeHead(answer.status, headersOf(answer, body.length));
  if (method === "HEAD" || answer.status === 204) response.end();
  else response.end(body);
}

/** Makes the listener that machines ask. */
export function httpHandler(
  answers: Answers,
  tell: (event: HttpStoreEvent) => void,
  timeoutMs: number,
  clock: Clock = systemClock,
): HttpHandler {
  return async (request, response) => {
    const stopping = new AbortController();
    const timer = clock.setTimeout(() => {
      stopping.abort(new Error("the request took too long"));
      response.destroy();
    }, timeoutMs);
    let answer: Answer | undefined;
    response.on("error", () => {});
    response.once("close", () => {
      timer.cancel();
      stopping.abort(new Error("the client has gone"));
      answer?.bytes?.fill(0);
    });
    try {
      answer = await answers(request, stopping.signal);
    } catch (error) {
      if (!stopping.signal.aborted) tell({ type: "error", error });
      answer = { status: 503, retryAfterSeconds: 5 };
    }
    if (stopping.signal.aborted) answer.bytes?.fill(0);
    else if (response.headersSent)
      response.destroy(); // somebody else has answered
    else send(response, request.method, answer);
  };
}
