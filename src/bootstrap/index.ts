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
export { type DirectoryStoreOptions, directoryStore } from "./stores/directory.ts";
