import { isObject } from "./problem.ts";

/** A line as it was read back, with what can be told of it at a glance. */
export interface StoredLine {
  /** All of it. Whoever sees a line while a journal is read must ask then: its bytes are used again. */
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
const kinds = ["read", "refusal", "notice"].map((type) => ({ type, start: `"type":"${type}",` }));
/** Bytes in which nearly every line tells all of that. */
const glanceBytes = 256;

/**
 * A line where it was read, of which no more becomes text than somebody asks for: most of it never does.
 */
export class LineBytes {
  readonly #buffer: Buffer;
  readonly #start: number;
  readonly #end: number;
  /** Its beginning. */
  readonly head: string;

  /** The line is `buffer[start, end)`. */
  constructor(buffer: Buffer, start: number, end: number) {
    this.#buffer = buffer;
    this.#start = start;
    this.#end = end;
    this.head = buffer.toString("latin1", start, Math.min(end, start + glanceBytes));
  }

  get text(): string {
    return this.#buffer.toString("utf8", this.#start, this.#end);
  }
}

/**
 * Reads what a line tells in its first fields; parsing millions of lines to their ends would cost more
 * than hashing them. A line whose fields are in another order is parsed.
 *
 * @param from - Where the record's own fields begin.
 * @returns `undefined` if the line is no JSON object.
 */
export function readLine(line: LineBytes, from: number): StoredLine | undefined {
  const { head } = line;
  const known = kinds.find(({ start }) => head.startsWith(start, from));
  if (known !== undefined) return new Glanced(line, known.type);
  glance.lastIndex = from;
  const [found, type = "", call = "", at, result] = glance.exec(head) ?? [];
  if (found === undefined || (type === "outcome" && result === undefined)) return parsed(line.text);
  // An intent is kept until its outcome comes.
  if (type === "intent") return { text: line.text, type, call, at: Number(at) };
  return new Glanced(line, type, call, Number(at), result);
}

class Glanced implements StoredLine {
  readonly type: string;
  readonly call: string | undefined;
  readonly at: number | undefined;
  readonly result: string | undefined;
  readonly #line: LineBytes;

  constructor(line: LineBytes, type: string, call?: string, at?: number, result?: string) {
    this.#line = line;
    this.type = type;
    this.call = call;
    this.at = at;
    this.result = result;
  }

  get text(): string {
    return this.#line.text;
  }
}

function parsed(text: string): StoredLine | undefined {
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
