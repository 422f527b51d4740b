import * as z from "zod";
import type {
  AuditRecord,
  IntentRecord,
  NoticeRecord,
  OutcomeRecord,
  ReadRecord,
  RefusalRecord,
} from "../../core/journal.ts";
import type { CarriedRecord, EndRecord, HeaderRecord } from "../line.ts";
import * as part from "./parts.ts";

/** What every line starts with. */
interface Link {
  readonly seq: number;
  readonly prev: string;
}

/** A line of a journal, read back. */
export type StoredRecord = Link & (AuditRecord | HeaderRecord | CarriedRecord | EndRecord);

const record = <T>() => part.fields<Link & T>();

const link = {
  seq: z.int().min(0).describe("Counts from 0 without a gap"),
  prev: part.lineHash.describe("Hash of the line before"),
};

const resources = z
  .array(z.string().min(1))
  .optional()
  .describe("Ids of the resources that the call names as its targets, or that its answer says were created");

const facts = {
  call: part.id,
  at: part.at,
  target: part.target,
  operation: z.string().min(1),
  kind: part.kind,
  resourceType: z.string().optional(),
  owner: part.owner,
  manual: part.manual.optional(),
};

const ending = {
  result: part.result,
  ms: part.milliseconds.describe("Milliseconds from entering the ring to the end"),
  attempts: z.array(part.attempt),
  decisions: z.array(part.decision).optional(),
  error: z.string().optional().describe("Error class or code of a failure, never its message"),
};

const intent = record<IntentRecord>()({
  type: z.literal("intent"),
  ...link,
  ...facts,
  input: z.unknown().describe("Redacted"),
  truncated: z.literal(true).optional().describe("Parts of the input were left out for their size"),
  token: z.string().min(1).optional().describe("Idempotency token; an earlier intent's where that one is resumed"),
  fingerprint: z.string().min(1).optional().describe("Keyed digest of owner, operation and input"),
  resources,
}).describe("Durable before a mutating request leaves");

const outcome = record<OutcomeRecord>()({
  type: z.literal("outcome"),
  ...link,
  call: part.id,
  at: part.at,
  ...ending,
  resources,
}).describe("How a mutating call ended");

const read = record<ReadRecord>()({ type: z.literal("read"), ...link, ...facts, ...ending }).describe("A read");

const refusal = record<RefusalRecord>()({
  type: z.literal("refusal"),
  ...link,
  ...facts,
  code: z.string().min(1).describe("The GuardError's code"),
  decisions: z.array(part.decision).optional(),
}).describe("A call that was refused before any intent");

const notice = record<NoticeRecord>()({
  type: z.literal("notice"),
  ...link,
  at: part.at,
  event: z.string().min(1),
  details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
}).describe("Something about the journal or the guard itself");

const header = record<HeaderRecord>()({
  type: z.literal("header"),
  ...link,
  version: z.int().min(1).describe("Of the file format"),
  chain: part.id.describe("Names the journal; the same in all its segments"),
  segment: z.int().min(1),
  createdAt: part.at,
  principal: part.principal,
  follows: z
    .looseObject({ segment: z.int().min(1), seq: z.int().min(0), hash: part.lineHash })
    .optional()
    .describe("The last line of the segment before"),
}).describe("First line of every segment");

const carried = record<CarriedRecord>()({
  type: z.literal("open"),
  ...link,
  at: part.at,
  intents: z.array(part.openIntent),
}).describe("Intents that were open when the segment began");

const end = record<EndRecord>()({
  type: z.literal("end"),
  ...link,
  at: part.at,
  next: z.int().min(2).describe("The segment that follows"),
}).describe("Last line of a closed segment");

/** Every kind of line that this version writes. */
export const storedRecord = z
  .discriminatedUnion("type", [header, carried, intent, outcome, read, refusal, notice, end])
  .describe("One line of a provider-guard audit journal");

/** Names of the records that this version knows. */
export const recordTypes: ReadonlySet<string> = new Set(
  storedRecord.options.map((option) => option.shape.type.value) satisfies (
    | AuditRecord
    | HeaderRecord
    | CarriedRecord
    | EndRecord
  )["type"][],
);
