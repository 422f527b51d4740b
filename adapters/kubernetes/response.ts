import { headerReader } from "../../src/core/header-reader.ts";
import { unlessBroken } from "./broken-answer.ts";
import type { HttpApi, RequestContext, ResponseContext } from "./client.ts";

/** Longer answers are not looked into: parsing them twice would cost more than what they teach. */
const longest = 8 * 1024 * 1024;

const parsed = new WeakMap<object, unknown>();

/** The JSON of an answer that was read; `undefined` where it was none. */
export const jsonOf = (response: object): unknown => parsed.get(response);

/** An answer whose body can be read as often as one likes. */
export function answerOf(like: ResponseContext, httpStatusCode: number, text: string): ResponseContext {
  const body = { text: async () => text, binary: async () => Buffer.from(text) };
  // With client-node's own methods, which its processors call.
  const response = Object.assign(Object.create(Object.getPrototypeOf(like)), like, { httpStatusCode, body });
  if (text.length > longest) return response;
  try {
    parsed.set(response, JSON.parse(text));
  } catch {
    // a proxy's HTML page, or nothing
  }
  return response;
}

/**
 * Sends a request and reads the answer's body to its end, as client-node would next, unless it streams
 * or is no JSON.
 *
 * @param streams - Whether the body goes on for as long as the connection does.
 * @throws What the connection throws, also where the answer breaks off.
 */
export async function receive(http: HttpApi, context: RequestContext, streams: boolean): Promise<ResponseContext> {
  const response = await http.send(context).toPromise();
  const failed = response.httpStatusCode >= 400;
  const type = headerReader(response.headers)("content-type") ?? "";
  if (!failed && (streams || !/\bjson\b/i.test(type))) return response;
  return answerOf(response, response.httpStatusCode, await unlessBroken(response.body.text(), context.getAgent?.()));
}
