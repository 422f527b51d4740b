export { type CheckpointOptions, checkpoints } from "./checkpoint/checkpoints.ts";
export {
  type ConsistencyVerification,
  type ProveConsistencyOptions,
  proveConsistency,
  verifyConsistency,
} from "./checkpoint/consistency.ts";
export {
  type InclusionVerification,
  type ProveInclusionOptions,
  proveInclusion,
  verifyInclusion,
} from "./checkpoint/inclusion.ts";
export { type CheckpointKey, environmentKey, fileKey, type SignerOptions, signer } from "./checkpoint/keys.ts";
export { type GeneratedKey, generateKey } from "./checkpoint/private-key.ts";
export {
  type CheckpointsVerification,
  type VerifyCheckpointsOptions,
  verifyCheckpoints,
} from "./checkpoint/verify-checkpoints.ts";
export {
  type CheckpointVerification,
  type NoteVerification,
  verifyCheckpoint,
  verifyNote,
} from "./checkpoint/verify-note.ts";
export { type Witness, type WitnessAnswer, type WitnessOptions, witness } from "./checkpoint/witness.ts";
export type { OcsfApiActivity, OcsfResource, OcsfUser } from "./ocsf/api-activity.ts";
export { type OcsfOptions, toOcsf } from "./ocsf/to-ocsf.ts";
export type { OtelLogRecord } from "./otel/log-record.ts";
export { type OtelLogger, type OtelLogsOptions, type OtelLogsSink, otelLogs } from "./otel/otel-logs.ts";
export { type ParsedRecord, parseRecord } from "./schema/parse-record.ts";
export type { StoredRecord } from "./schema/records.ts";
export { type DirectorySinkOptions, directorySink } from "./shipping/directory-sink.ts";
export { type HttpHeaders, type HttpSinkOptions, httpSink } from "./shipping/http-sink.ts";
export { type ShippingOptions, shipping } from "./shipping/shipping.ts";
export type { ShippedObject, ShippingContext, ShippingSink } from "./shipping/sink.ts";
