import { isPlainRecord } from "./plain-record.ts";
import { recordTypes, type StoredRecord, storedRecord } from "./records.ts";

const mostProblems = 10;

/** What {@link parseRecord} made of a line. */
export type ParsedRecord =
  | { readonly status: "ok"; readonly record: StoredRecord }
  /** A kind of record that this version does not know: a later one wrote it. */
  | { readonly status: "unknown-type"; readonly type: string }
  | {
      readonly status: "invalid";
      /** What is wrong, up to ten things, each with the path of the field; never a value from the line. */
      readonly problems: readonly string[];
    };

/**
 * Reads one line of a journal and checks it against the documented schema. Fields that the schema does
 * not name are kept. Whether the line is what was written is for {@link verifyJournal} to say.
 *
 * @param line - One stored line, with or without its newline. Whatever it holds, nothing is thrown.
 * @returns The record, or why there is none.
 * @example
 * import { parseRecord } from "provider-guard/audit";
 * const parsed = parseRecord('{"seq":7,"prev":"x","type":"notice","at":1767225600000,"event":"opened"}');
 * if (parsed.status === "invalid") console.log(parsed.problems); // [ "prev: ..." ]
 */
export function parseRecord(line: string): ParsedRecord {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return { status: "invalid", problems: ["line: not JSON"] };
  }
  return checkRecord(value);
}

/** As {@link parseRecord}, for a line that was parsed already. The record may be that very object. */
export function checkRecord(value: unknown): ParsedRecord {
  if (isPlainRecord(value)) return { status: "ok", record: value };
  const type: unknown = (value as { type?: unknown } | null)?.type;
  if (typeof type === "string" && !recordTypes.has(type)) return { status: "unknown-type", type };
  const checked = storedRecord.safeParse(value);
  if (checked.success) return { status: "ok", record: checked.data as StoredRecord };
  const problems = checked.error.issues
    .slice(0, mostProblems)
    .map(({ path, message }) => `${path.map(String).join(".") || "line"}: ${message}`);
  return { status: "invalid", problems };
}
