import { types } from "node:util";

/** User data in a call's input. */
export interface UserDataField {
  /** E.g. `input.LaunchTemplateData.UserData`. */
  readonly path: string;
  readonly value: Uint8Array | string;
  /** Whether it is a value of a machine's metadata that may be anything: then nothing is judged by chance alone. */
  readonly loose: boolean;
}

/** What was found in an input. */
export interface UserDataFields {
  readonly fields: readonly UserDataField[];
  /** Whether the input was too large, or nested too deep, to be looked at as a whole. */
  readonly cut: boolean;
}

type Role = "data" | "metadata" | undefined;

const maxNodes = 20_000;
const maxDepth = 24;
const maxNames = 4096;
/** Up to here no circle is looked for. */
const freeNodes = 64;
const freeDepth = 8;

const plainName = (key: string) => key.toLowerCase().replace(/[^a-z0-9]/g, "");

/** User data in the clouds' APIs, without regard to case and separators. */
const fieldName =
  /(?:user|custom|vendor)data(?:raw|base64|override)?$|^(?:personality|cloudconfig|rawcloudinit|startupscript|startupscriptcontent|stackscriptdata|commandtoexecute|additionalunattendcontent|bootstrapdata)$/;
/** What further keys of a machine's metadata hold: scripts, and configuration that starts a cluster's node. */
const metadataKey =
  /script|^(?:configs|cloudinit|ignition|kubeenv|masterkubeenv|kubeconfig|kubeletconfig|configuresh)$/;
const metadataName = /^(?:guestinfo)?(?:extended)?metadata$|^extraconfig$/;

/** Finds the fields of an input that hold user data. */
export interface FieldFinder {
  find(input: unknown): UserDataFields;
}

type Fields = Readonly<Record<string, unknown>>;

interface Walk {
  readonly fields: UserDataField[];
  readonly seen: Set<object>;
  nodes: number;
  cut: boolean;
}

const isBytes = (value: object): value is ArrayBufferView => ArrayBuffer.isView(value);
const bytesOf = (value: ArrayBufferView) => new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
/** A body that a client of HTTP was given as text. */
function jsonIn(text: string): unknown {
  if (!/^\s*[{[]/.test(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Numbers, dates, streams and the like hold no fields. */
const isClosed = (value: object) =>
  types.isDate(value) || types.isRegExp(value) || types.isPromise(value) || value instanceof AbortSignal;

/** Names that structures of user data and metadata have of themselves. */
const ownNames = /^(?:value|data|contents?|items|path|key)$/i;
const apiName = /^[A-Za-z][A-Za-z0-9_-]{0,31}$/;

/**
 * Makes what finds user data by the names of its fields, at any depth, and by the key in pairs of key and value.
 *
 * @param extra - Further names.
 */
export function fieldFinder(extra: readonly string[]): FieldFinder {
  const more = new Set(extra.map(plainName));
  const roles = new Map<string, Role>();

  function judge(key: string): Role {
    const name = plainName(key);
    if (more.has(name) || fieldName.test(name)) return "data";
    return metadataName.test(name) ? "metadata" : undefined;
  }

  function roleOf(key: string): Role {
    if (roles.has(key)) return roles.get(key);
    if (roles.size >= maxNames) roles.clear();
    const role = key.length > 128 ? undefined : judge(key);
    roles.set(key, role);
    return role;
  }

  const isDataKey = (key: unknown) =>
    typeof key === "string" && (roleOf(key) === "data" || (key.length <= 128 && metadataKey.test(plainName(key))));

  /** What a member of a record is, by where the record stands, its name, and the key that stands beside a `value`. */
  function roleIn(record: Fields, name: string, outer: Role): Role {
    if (outer === "data") return outer;
    if ((name === "value" || name === "Value") && isDataKey(record.key ?? record.Key)) return "data";
    return outer === "metadata" && isDataKey(name) ? "data" : (roleOf(name) ?? outer);
  }

  /** Names of an API and of the fields looked for are shown; any other key is the caller's, and may be a secret. */
  function step(name: string, outer: Role): string {
    const known = outer === undefined ? apiName.test(name) : ownNames.test(name) || isDataKey(name);
    return known ? `.${name}` : ".*";
  }

  function take(walk: Walk, value: Uint8Array | string, path: string, role: Role): void {
    if (role !== undefined && value.length > 0) walk.fields.push({ path, value, loose: role === "metadata" });
  }

  function visit(walk: Walk, value: unknown, path: string, role: Role, depth: number): void {
    if (typeof value === "string") take(walk, value, path, role);
    if (typeof value !== "object" || value === null) return;
    if (isBytes(value)) {
      take(walk, bytesOf(value), path, role);
      return;
    }
    if (++walk.nodes > maxNodes || depth > maxDepth) {
      walk.cut = true;
      return;
    }
    if (walk.nodes > freeNodes || depth > freeDepth) {
      if (walk.seen.has(value)) return;
      walk.seen.add(value);
    }
    if (Array.isArray(value)) {
      for (let i = 0; i < value.length && !walk.cut; i++) visit(walk, value[i], `${path}[${i}]`, role, depth + 1);
    } else if (!isClosed(value)) record(walk, value as Fields, path, role, depth);
  }

  function record(walk: Walk, fields: Fields, path: string, outer: Role, depth: number): void {
    for (const name of Object.keys(fields)) {
      const value = fields[name];
      if (typeof value === "string") {
        const role = roleIn(fields, name, outer);
        if (role !== undefined) take(walk, value, path + step(name, outer), role);
        else if (name === "body") visit(walk, jsonIn(value), `${path}.body`, undefined, depth + 1);
      } else if (typeof value === "object" && value !== null) {
        visit(walk, value, path + step(name, outer), roleIn(fields, name, outer), depth + 1);
      }
    }
  }

  return {
    find(input) {
      const walk: Walk = { fields: [], seen: new Set(), nodes: 0, cut: false };
      visit(walk, input, "input", undefined, 0);
      return walk;
    },
  };
}
