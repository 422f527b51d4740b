export type { FileStateOptions } from "./file-state.ts";
export { fileState } from "./file-state.ts";
