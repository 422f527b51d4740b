export type { FollowingHandle, JournalFeed, JournalFollower, JournalPosition } from "./audit/feed.ts";
export type { FileJournal, FileJournalOptions, FileJournalSource } from "./audit/file-journal.ts";
export { fileJournal } from "./audit/file-journal.ts";
export type { KeepOptions } from "./audit/retention.ts";
export type { Verification, VerificationStatus, VerifyOptions } from "./audit/verify.ts";
export { verifyJournal } from "./audit/verify.ts";
export type { CircuitState, OpenedBy } from "./circuit-breaker/circuit.ts";
export type { CircuitView, CloseCircuitOptions, OpenCircuitOptions } from "./circuit-breaker/circuits.ts";
export type { CircuitBreakerOptions } from "./circuit-breaker/options.ts";
export type {
  Adapter,
  Attachment,
  Binding,
  CallDraft,
  Classification,
  InventoryItem,
  OperationProfile,
  Port,
  SeenResource,
  TagSupport,
} from "./core/adapter.ts";
export type { Answer, Attempt, Call, Decision } from "./core/call.ts";
export type { CallMatch } from "./core/call-match.ts";
export type { Clock, Random, Timer } from "./core/clock.ts";
export { systemClock } from "./core/clock.ts";
export type { Credential, CredentialLease } from "./core/credential.ts";
export { readErrorInfo } from "./core/error-info.ts";
export type { ErrorClass, ErrorCode, ErrorInfo, GuardErrorOptions } from "./core/errors.ts";
export { GuardError, isGuardError } from "./core/errors.ts";
export type { PipelineView, StageView } from "./core/explain.ts";
export type {
  AttemptInterceptor,
  Explanation,
  Interceptor,
  OperationInterceptor,
  Placement,
} from "./core/interceptor.ts";
export type {
  AttemptRecord,
  AuditRecord,
  CallResult,
  IntentRecord,
  Journal,
  JournalContext,
  JournalSource,
  NoticeRecord,
  OpenIntent,
  OutcomeRecord,
  ReadRecord,
  RefusalRecord,
} from "./core/journal.ts";
export type { KubernetesObject, ObjectMetadata, OwnerReference } from "./core/kubernetes-object.ts";
export type { BucketKey, LimitBucket, LimitRule } from "./core/limit-rule.ts";
export type { ManualOperation, ManualOptions } from "./core/manual.ts";
export type { MemoryStateOptions } from "./core/memory-state.ts";
export { memoryState } from "./core/memory-state.ts";
export type { ObjectRef, Owner, Principal, Subject, SubjectObjects } from "./core/owner.ts";
export type { AttemptPhase, Mode, OperationPhase, Phase, RefusingPhase } from "./core/phases.ts";
export { attemptPhases, operationPhases } from "./core/phases.ts";
export type { Redacted, RedactionPolicy, Redactor, RedactorOptions } from "./core/redact.ts";
export { createRedactor } from "./core/redact.ts";
export { requeueAfter } from "./core/requeue-after.ts";
export { safely } from "./core/safely.ts";
export type { Incremented, IncrementOptions, StateStore, Versioned, WriteOptions } from "./core/state-store.ts";
export type { OwnerTags, TagCodec, Tags } from "./core/tags.ts";
export type { CallKind, Target } from "./core/target.ts";
export type { Gauge, Gauges, TelemetryOptions } from "./core/telemetry.ts";
export type { Lease, LeaseRequest, LimitFeedback, TokenLender } from "./core/token-lender.ts";
export type { Weight } from "./core/weight.ts";
export type { CredentialLeaseOptions } from "./credentials/lease.ts";
export { credentialLease } from "./credentials/lease.ts";
export type { EmergencyStop, EmergencyStopOptions } from "./emergency-stop/emergency-stop.ts";
export { emergencyStop } from "./emergency-stop/emergency-stop.ts";
export type { FreezeScope } from "./emergency-stop/scope.ts";
export type { Freeze, FreezeOptions, ThawOptions } from "./emergency-stop/stops.ts";
export { createGuard } from "./guard.ts";
export type { CallQuestion, Guard, ReconcileOptions, WrapOptions } from "./guard-interface.ts";
export type { GuardOptions } from "./guard-options.ts";
export type { FormerOwner, OwnershipOptions } from "./ownership/options.ts";
export { plainTags } from "./ownership/plain-tags.ts";
export type { QuotaView } from "./quota/budget-ledgers.ts";
export type { InventoryCount } from "./quota/budgets.ts";
export type {
  InventoryBudget,
  QuotaBudget,
  QuotaDimension,
  QuotaOptions,
  WindowBudget,
} from "./quota/options.ts";
export type { BucketSource } from "./rate-limit/bucket.ts";
export type { RateLimitOptions } from "./rate-limit/options.ts";
export type { LimitView } from "./rate-limit/view.ts";
