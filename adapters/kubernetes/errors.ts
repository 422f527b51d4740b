import type { Answer } from "../../src/core/call.ts";
import { readErrorInfo } from "../../src/core/error-info.ts";
import { type ErrorInfo, noteErrorInfo } from "../../src/core/errors.ts";
import { headerReader } from "../../src/core/header-reader.ts";
import { fieldsOf, readFailure, traceOf } from "../../src/core/kubernetes-status.ts";
import { jsonOf } from "./response.ts";

const isStatus = (value: unknown): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 400 && value <= 599;

/** What `ws` says where the server refuses the websocket. */
const refusedSocket = /^Unexpected server response: ([45]\d\d)$/;

function statusIn({ code, statusCode, message }: Readonly<Record<string, unknown>>): number | undefined {
  const own = [code, statusCode].find(isStatus);
  if (own !== undefined) return own;
  const found = typeof message === "string" ? refusedSocket.exec(message) : null;
  return found === null ? undefined : Number(found[1]);
}

/** An event of `ws` holds the error. */
const inner = (error: unknown) => {
  const { type, error: held } = fieldsOf(error);
  return type === "error" && typeof held === "object" && held !== null ? held : error;
};

function read(thrown: unknown): ErrorInfo {
  const error = inner(thrown);
  const fields = fieldsOf(error);
  const status = statusIn(fields);
  if (status !== undefined) return readFailure(status, fields.headers, fields.body);
  const info = readErrorInfo(error);
  // node-fetch: no answer, or one that broke off, whatever the reason's name.
  const lost = fields.name === "FetchError" && (fields.type === "system" || fields.code !== undefined);
  return info.class === "unknown" && lost ? { ...info, class: "outage" } : info;
}

/** Says what an error of client-node, or of the network below it, means. Never throws. */
export function classifyError(error: unknown): ErrorInfo {
  try {
    return read(error);
  } catch {
    return { class: "unknown" }; // a getter or a proxy threw
  }
}

/** client-node makes its error outside the rings where middlewares stand between: what it means is noted here. */
export function noted<T>(result: Promise<T>): Promise<T> {
  return result.catch((error: unknown) => {
    noteErrorInfo(error, classifyError(error));
    throw error;
  });
}

/** Reads an answer of the API server; a failure that client-node turns into an error later is one already here. */
export function readAnswer(result: unknown): Answer {
  if (result === false) return { class: "outage" }; // `Health` was told that the server is not ready
  const { httpStatusCode, headers } = fieldsOf(result);
  if (typeof httpStatusCode !== "number") return { class: "ok" };
  if (httpStatusCode >= 400) return readFailure(httpStatusCode, headers, jsonOf(result as object));
  return { class: "ok", status: httpStatusCode, ...traceOf(headerReader(headers)) };
}
