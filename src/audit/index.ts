export { type ParsedRecord, parseRecord } from "./schema/parse-record.ts";
export type { StoredRecord } from "./schema/records.ts";
