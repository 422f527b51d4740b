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
  ReadableBootstrapStore,
  StoredItem,
} from "./contract.ts";
export { type BootstrapSigner, type BootstrapSignerOptions, bootstrapSigner } from "./signer.ts";
export { type DirectoryStoreOptions, directoryStore } from "./stores/directory.ts";
export type { HttpStoreEvent, MisuseReason, OpenerReport } from "./stores/http/events.ts";
export type { HttpHandler } from "./stores/http/handler.ts";
export { type HttpStore, httpStore } from "./stores/http/http-store.ts";
export type { HttpStoreOptions, SourceQuestion } from "./stores/http/options.ts";
export { memoryStore } from "./stores/memory.ts";
export { type LocalKeyWrapOptions, localKeyWrap } from "./wraps/local-key.ts";
