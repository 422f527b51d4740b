export type { CleanUpResult } from "./clean-up.ts";
export { cleanUpSettled, type SettledMachine } from "./clean-up-settled.ts";
export type { BootstrapCloud, KnownBootstrapCloud } from "./cloud-limits.ts";
export type {
  Abortable,
  Binding,
  BootstrapFormat,
  BootstrapMachine,
  BootstrapMode,
  BootstrapStore,
  IgnitionSource,
  KeyWrap,
  OpenerLibrary,
  OpenerPart,
  OpenerReport,
  ReadableBootstrapStore,
  StoredItem,
} from "./contract.ts";
export type { BootstrapImage, ImageOpener } from "./image.ts";
export { type BootstrapSigner, type BootstrapSignerOptions, bootstrapSigner } from "./signer.ts";
export { type DirectoryStoreOptions, directoryStore } from "./stores/directory.ts";
export type { HttpStoreEvent, MisuseReason } from "./stores/http/events.ts";
export type { HttpHandler } from "./stores/http/handler.ts";
export { type HttpStore, httpStore } from "./stores/http/http-store.ts";
export type { HttpStoreOptions, SourceQuestion } from "./stores/http/options.ts";
export { memoryStore } from "./stores/memory.ts";
export type { SweepFailure, SweepResult } from "./sweep.ts";
export { type FindSecretsOptions, findSecrets } from "./user-data/find-secrets.ts";
export type { Finding, SecretKind } from "./user-data/finding.ts";
export { type UserDataFinding, type UserDataGuardOptions, userDataGuard } from "./user-data/user-data-guard.ts";
export { bootstrapVault } from "./vault.ts";
export type { BootstrapEvent } from "./vault-events.ts";
export type { BootstrapVault, CleanupOptions, SealedBootstrap, SealOptions } from "./vault-interface.ts";
export type { BootstrapMetadata, BootstrapVaultOptions } from "./vault-options.ts";
export type { CleanUpReason } from "./vault-record.ts";
export type { BootstrapStage, BootstrapStatus } from "./vault-status.ts";
export { type LocalKeyWrapOptions, localKeyWrap } from "./wraps/local-key.ts";
