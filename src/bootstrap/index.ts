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
  StoredItem,
} from "./contract.ts";
