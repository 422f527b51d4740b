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
export { type LocalKeyWrapOptions, localKeyWrap } from "./wraps/local-key.ts";
