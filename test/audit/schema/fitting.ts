import { readFileSync } from "node:fs";
import { type StoredRecord, toOcsf } from "provider-guard/audit";
import { expect } from "vitest";
import * as z from "zod";
import { storedRecord } from "../../../src/audit/schema/records.ts";
import { verifyJournal } from "../../../src/audit/verify.ts";
import { journalLines } from "../checkpoint/support.ts";
import { problemsOf } from "../ocsf/published-schema.ts";

const published = z.fromJSONSchema(
  JSON.parse(readFileSync(new URL("../../../docs/reference/audit-record.schema.json", import.meta.url), "utf8")),
);

/**
 * Holds each line of each segment against the schema that reads it and the one that is published, and each call
 * against OCSF's.
 *
 * @returns The records.
 */
export async function fittingRecords(directory: string): Promise<StoredRecord[]> {
  expect((await verifyJournal({ directory })).status).not.toBe("tampered");
  const lines = journalLines(directory);
  const records = lines.map((line) => JSON.parse(line) as StoredRecord);
  for (const record of records) {
    for (const schema of [storedRecord, published]) {
      const { error } = schema.safeParse(record);
      expect({ record, problems: error?.issues ?? [] }).toEqual({ record, problems: [] });
    }
  }
  const skipped: string[] = [];
  const told = new Set<string>();
  for await (const event of toOcsf(lines, { onSkipped: (reason) => skipped.push(reason) })) {
    expect({ event, problems: problemsOf(JSON.parse(JSON.stringify(event))) }).toEqual({ event, problems: [] });
    told.add(event.metadata.uid);
  }
  expect(skipped).toEqual([]);
  expect(told).toEqual(new Set(records.flatMap((record) => ("call" in record ? [record.call] : []))));
  return records;
}
