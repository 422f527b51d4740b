import { isObject } from "./problem.ts";

/** A line as it was read back, with what can be told of it at a glance. */
export interface StoredLine {
  readonly text: string;
  readonly type: string;
  /** The call that an intent or outcome belongs to. */
  readonly call?: string | undefined;
  /** Unix milliseconds. */
  readonly at?: number | undefined;
  /** Idempotency token of an intent, `null` for none; absent where only the text tells. */
  readonly token?: string | null | undefined;
  /** How a call ended, in an outcome. */
  readonly result?: string | undefined;
}

const glance = /"type":"(intent|outcome)","call":"([\w.-]+)","at":(\d+)(?:,"result":"([a-z-]+)")?[,}]/y;
const kind = /"type":"(read|refusal|notice)",/y;

/**
 * Reads what a line tells in its first fields; parsing millions of lines to their ends would cost more
 * than hashing them. A line whose fields are in another order is parsed.
 *
 * @param from - Where the record's own fields begin.
 * @returns `undefined` if the line is no JSON object.
 */
export function readLine(text: string, from: number): StoredLine | undefined {
  glance.lastIndex = from;
  const found = glance.exec(text);
  if (found !== null && (found[1] === "intent" || found[4] !== undefined)) {
    const [, type = "", call = "", at, result] = found;
    return { text, type, call, at: Number(at), ...(result === undefined ? {} : { result }) };
  }
  kind.lastIndex = from;
  const type = kind.exec(text)?.[1];
  if (type !== undefined) return { text, type };
  if (!isObject(text)) return undefined;
  const record = JSON.parse(text) as Record<string, unknown>;
  return {
    text,
    type: String(record.type),
    ...(typeof record.call === "string" ? { call: record.call } : {}),
    ...(typeof record.at === "number" ? { at: record.at } : {}),
    ...(typeof record.result === "string" ? { result: record.result } : {}),
  };
}
