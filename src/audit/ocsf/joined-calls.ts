import { hash } from "node:crypto";
import { parseRecord } from "../schema/parse-record.ts";
import type { StoredRecord } from "../schema/records.ts";

type Of<T extends StoredRecord["type"]> = Extract<StoredRecord, { type: T }>;

/** A record with its place in the chain. */
export interface Linked<R> {
  readonly record: R;
  /** Hash of the line itself, in base64url. */
  readonly hash: string;
}

/** Everything that a journal says of one call. */
export interface JoinedCall {
  /** Names the journal; `undefined` where its header was not among the lines. */
  readonly chain: string | undefined;
  readonly asked?: Linked<Of<"intent"> | Of<"read"> | Of<"refusal">> | undefined;
  /** How it ended, where that is a record of its own. */
  readonly ended?: Linked<Of<"outcome">> | undefined;
}

const linked = <R>(record: R, line: string): Linked<R> => ({
  record,
  hash: hash("sha256", `\0${line}`, "base64url"),
});

/**
 * Joins intents and outcomes, in the order in which calls ended. An intent waits for its outcome, up to
 * `maxOpen` of them: then the oldest goes out alone, and so do those that are left at the end; an outcome
 * whose intent is not at hand goes out alone, too.
 *
 * @param skipped - Told of lines that are no records, or of a kind that this version does not know.
 */
export async function* joinCalls(
  lines: Iterable<string> | AsyncIterable<string>,
  maxOpen: number,
  skipped: (reason: string) => void,
): AsyncGenerator<JoinedCall> {
  const open = new Map<string, JoinedCall>();
  let chain: string | undefined;
  for await (const text of lines) {
    const line = text.endsWith("\n") ? text.slice(0, -1) : text;
    const parsed = parseRecord(line);
    if (parsed.status !== "ok") {
      skipped(parsed.status === "unknown-type" ? `unknown type ${parsed.type}` : parsed.problems.join("; "));
      continue;
    }
    const { record } = parsed;
    switch (record.type) {
      case "header":
        chain = record.chain;
        break;
      case "read":
      case "refusal":
        yield { chain, asked: linked(record, line) };
        break;
      case "intent": {
        open.set(record.call, { chain, asked: linked(record, line) });
        const [oldest] = open.keys();
        if (open.size <= maxOpen || oldest === undefined) break;
        yield open.get(oldest) as JoinedCall;
        open.delete(oldest);
        break;
      }
      case "outcome":
        yield { chain, ...open.get(record.call), ended: linked(record, line) };
        open.delete(record.call);
        break;
      default: // what is about the journal itself is no call
    }
  }
  yield* open.values();
}
