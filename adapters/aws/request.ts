import { fieldsOf } from "./tag-styles.ts";

const userAgent = "user-agent";

/** Puts the call's id into the user agent, which CloudTrail records: one trail leads to the other. */
export function markUserAgent(request: unknown, id: string): void {
  const headers = fieldsOf(request).headers as Record<string, string> | undefined;
  if (typeof headers !== "object" || headers === null) return;
  const agent = headers[userAgent];
  const mark = `md/provider-guard-intent#${id}`;
  headers[userAgent] = agent === undefined ? mark : `${agent} ${mark}`;
}

/** Whether a request's body can be read only once. */
export function streams(request: unknown): boolean {
  const { body } = fieldsOf(request);
  if (typeof body !== "object" || body === null) return false;
  const { pipe, getReader } = body as { readonly pipe?: unknown; readonly getReader?: unknown };
  return typeof pipe === "function" || typeof getReader === "function";
}
