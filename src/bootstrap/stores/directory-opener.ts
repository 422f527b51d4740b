import type { OpenerPart } from "../contract.ts";

/** A file in the folder that tells it from the empty mount point that it is before something is mounted. */
export const markerName = ".provider-guard-bootstrap";

// The header is cut off by its length: items are binary, which not every sed copies as it is.
const script = `pg_fetch() {
  [ -f "$pg_directory/${markerName}" ] || return 1
  [ -f "$pg_directory/$pg_id/$1" ] || return 2
  tail -c "+$pg_directory_from" "$pg_directory/$pg_id/$1" >"$2" || return 1
}
`;

const later = `pg_forget() {
  [ -f "$pg_directory/${markerName}" ] || return 1
  rm -f "$pg_directory/$pg_id/$1" || return 1
  rmdir "$pg_directory/$pg_id" || :
} 2>/dev/null
`;

/** What reads the items where the machine has the folder mounted. */
export function directoryOpener(machinePath: string, headerBytes: number): OpenerPart {
  return { script, later, settings: { pg_directory: machinePath, pg_directory_from: String(headerBytes + 1) } };
}
