import { Agent, request } from "node:https";

/** An answer of the API server that is no success. */
export class KubernetesRequestError extends Error {
  constructor(
    readonly status: number,
    method: string,
    path: string,
    readonly body: string,
  ) {
    super(`${method} ${path} was answered ${status}: ${body.slice(0, 500)}`);
  }
}

export interface RequestOptions {
  /** Whose request it is; the administrator's unless given. */
  readonly token?: string;
  /** `application/json` unless given; patches need one of their own. */
  readonly contentType?: string;
  /** `application/json` unless given. */
  readonly accept?: string;
}

/**
 * Sends an object as it is written, where a typed client would drop the fields that it does not know;
 * a string is sent as it is.
 */
export type SendRequest = <T = unknown>(
  method: string,
  path: string,
  body?: unknown,
  options?: RequestOptions,
) => Promise<T>;

/** A way to send requests to one server, and to give up the connections that it keeps. */
export function createSender(
  url: string,
  certificateAuthority: string,
  adminToken: string,
): { readonly send: SendRequest; disconnect(): void } {
  let agent = new Agent({ ca: certificateAuthority, keepAlive: true });
  const json = "application/json";
  const send: SendRequest = (method, path, body, { token = adminToken, contentType = json, accept = json } = {}) =>
    new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}`, "content-type": contentType, accept };
      const signal = AbortSignal.timeout(30_000);
      const sent = request(new URL(path, url), { method, agent, headers, signal }, (answer) => {
        let text = "";
        answer.setEncoding("utf8");
        answer.on("data", (chunk: string) => {
          text += chunk;
        });
        answer.once("error", reject);
        answer.once("end", () => {
          const status = answer.statusCode ?? 0;
          if (status >= 400) return reject(new KubernetesRequestError(status, method, path, text));
          const isJson = answer.headers["content-type"]?.startsWith("application/json") === true;
          resolve(isJson ? JSON.parse(text) : text);
        });
      });
      sent.once("error", reject);
      sent.end(body === undefined || typeof body === "string" ? body : JSON.stringify(body));
    });
  return {
    send,
    disconnect() {
      agent.destroy();
      agent = new Agent({ ca: certificateAuthority, keepAlive: true });
    },
  };
}
