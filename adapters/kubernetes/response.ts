import { headerReader } from "../../src/core/header-reader.ts";
import type { ResponseContext } from "./client.ts";

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
 * Reads an answer's body to its end, as client-node would next, unless it streams or is no JSON.
 *
 * @param streams - Whether the body goes on for as long as the connection does.
 * @throws What the connection throws where the answer breaks off.
 */
export async function readResponse(response: ResponseContext, streams: boolean): Promise<ResponseContext> {
  const failed = response.httpStatusCode >= 400;
  const type = headerReader(response.headers)("content-type") ?? "";
  if (!failed && (streams || !/\bjson\b/i.test(type))) return response;
  return answerOf(response, response.httpStatusCode, await response.body.text());
}
