import { hash } from "node:crypto";
import * as z from "zod";
import { parseOptions } from "../../core/config.ts";
import { type ParsedRecord, parseRecord } from "../schema/parse-record.ts";
import type { OcsfApiActivity } from "./api-activity.ts";
import { apiActivity } from "./event.ts";
import { CallJoins } from "./joined-calls.ts";

/** Options of {@link toOcsf}. */
export interface OcsfOptions {
  /**
   * Intents that are kept in memory until their outcome comes. Beyond that the oldest becomes an event of
   * unknown status, and its outcome another, with the same `metadata.uid`.
   * @defaultValue 10000
   */
  readonly maxOpen?: number;
  /** Told why a line became no event although it is none of the journal's own. @defaultValue nothing */
  readonly onSkipped?: (reason: string) => void;
}

const schema = z.strictObject({
  maxOpen: z.int().min(1).default(10_000),
  onSkipped: z.custom<(reason: string) => void>((value) => typeof value === "function").default(() => () => {}),
});

/**
 * Turns a journal into OCSF events of the class API Activity (6003): one for each call that ended, reads
 * and refusals among them, in the order in which they ended. Works in bounded memory on a journal of any
 * length. Calls without an outcome come last, with the status Unknown; notices are no calls and become no
 * events. Lines that are no records are skipped, and `onSkipped` is told.
 *
 * @param lines - Stored lines, in order, with or without their newlines; those of several segments may follow one another.
 * @param options - See {@link OcsfOptions}.
 * @returns The events, made as they are asked for.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for a wrong option; whatever `lines` throws.
 * @example
 * import { readFile } from "node:fs/promises";
 * import { toOcsf } from "provider-guard/audit";
 * const segment = await readFile("/var/log/acme-audit/00000001.jsonl", "utf8");
 * for await (const event of toOcsf(segment.trimEnd().split("\n"))) console.log(JSON.stringify(event));
 * @see OCSF 1.8.0, schema.ocsf.io/1.8.0/classes/api_activity, read 2026-11
 */
export function toOcsf(
  lines: Iterable<string> | AsyncIterable<string>,
  options: OcsfOptions = {},
): AsyncGenerator<OcsfApiActivity, void, undefined> {
  const { maxOpen, onSkipped } = parseOptions(schema, options, "ocsf");
  return events(lines, new CallJoins(maxOpen), onSkipped);
}

async function* events(
  lines: Iterable<string> | AsyncIterable<string>,
  joins: CallJoins,
  skipped: (reason: string) => void,
): AsyncGenerator<OcsfApiActivity, void, undefined> {
  for await (const text of lines) {
    const line = text.endsWith("\n") ? text.slice(0, -1) : text;
    const parsed = parseRecord(line);
    const call =
      parsed.status === "ok" ? joins.see(parsed.record, hash("sha256", `\0${line}`, "base64url")) : undefined;
    if (parsed.status !== "ok") skipped(whyNot(parsed));
    if (call !== undefined) yield apiActivity(call);
  }
  for (const call of joins.open) yield apiActivity(call);
}

const whyNot = (parsed: Exclude<ParsedRecord, { status: "ok" }>): string =>
  parsed.status === "unknown-type" ? `unknown type ${parsed.type}` : parsed.problems.join("; ");
