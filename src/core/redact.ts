import { GuardError } from "./errors.ts";

/** What may be recorded of one operation's input. Keys are compared without regard to case. */
export interface RedactionPolicy {
  /** Keys whose values may be recorded as they are. Everything else is recorded by shape. */
  readonly allow: ReadonlySet<string>;
  /** Further keys that are secret, e.g. from an SDK's schema traits. */
  readonly deny?: ReadonlySet<string>;
}

/** Options of {@link createRedactor}. */
export interface RedactorOptions {
  /**
   * Parts of key names that mark secrets, added to the built-in list; matched anywhere, without regard to
   * case. Plain text of letters, digits and `_`, no pattern: other keys are never recorded anyway.
   */
  readonly denyKeys?: readonly string[];
  /** Levels of nesting that are recorded. @defaultValue 8 */
  readonly maxDepth?: number;
  /** Elements of an array, and keys of an object, that are recorded. @defaultValue 32 */
  readonly maxItems?: number;
  /** Characters of a string that are recorded. @defaultValue 256 */
  readonly maxStringLength?: number;
  /** Values visited in all, so that no input can make the record huge. @defaultValue 512 */
  readonly maxNodes?: number;
}

/** A value that is safe to write down. */
export interface Redacted {
  readonly value: unknown;
  /** Whether anything was left out for its size. */
  readonly truncated: boolean;
}

/** Turns any value into one that holds no secret, is small, and can be written as JSON. Never throws. */
export interface Redactor {
  redact(value: unknown, policy?: RedactionPolicy): Redacted;
}

const secretKey =
  /pass(word|wd|phrase)?|secret|token|credential|private|authorization|cookie|session|signature|user_?data|custom_?data|bootstrap|ssh_?key|api_?key|access_?key|plaintext|certificate|key_?material/i;
const secretText = /-----BEGIN |\beyJ[\w-]{8,}\.[\w-]{8,}\.|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bBearer\s+\S{8,}/;
const memberName = /^[A-Za-z_]\w{0,63}$/; // anything else is a key of a map, and so data itself
const namePart = /^\w{1,64}$/;
const redactedMark = "[redacted]";

/** What is known of a key. */
interface Name {
  readonly shown: string;
  /** `undefined`: what it holds is secret. */
  readonly lower: string | undefined;
}

/** One value being redacted. */
interface Walk {
  readonly policy: RedactionPolicy | undefined;
  nodes: number;
  truncated: boolean;
  /** The objects around the one that is visited. */
  readonly open: object[];
}

/** A pattern of another library would match nothing, and nobody would notice. */
function deniedPart(part: string, index: number): string {
  if (typeof part === "string" && namePart.test(part)) return part.toLowerCase();
  throw new GuardError(
    "ERR_CONFIG_INVALID",
    `redaction.denyKeys[${index}]: ${JSON.stringify(part)} matches no key; expected part of a key's name: letters, digits and _, without wildcards or paths`,
  );
}

/**
 * Makes a redactor: a key walk with a deny-list that always wins, an allow-list for known
 * operations, and shape only (`"[string]"`, `"[number]"`) for everything else.
 *
 * @param options - See {@link RedactorOptions}.
 * @returns A redactor without state.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for a part that is in no key, such as `**.secret`, naming its path.
 * @example
 * import { createRedactor } from "provider-guard";
 * const { redact } = createRedactor({ denyKeys: ["licence"] });
 * redact({ name: "vm-1", password: "x" }, { allow: new Set(["name"]) }).value; // { name: "vm-1", password: "[redacted]" }
 */
export function createRedactor(options: RedactorOptions = {}): Redactor {
  const { maxDepth = 8, maxItems = 32, maxStringLength = 256, maxNodes = 512 } = options;
  const extra = (options.denyKeys ?? []).map(deniedPart);
  const names = new Map<string, Name>();

  function judge(key: string): Name {
    const lower = key.toLowerCase();
    if (!memberName.test(key) || key === "__proto__") return { shown: "[key]", lower: undefined };
    const denied = secretKey.test(key) || extra.some((part) => lower.includes(part));
    return { shown: key, lower: denied ? undefined : lower };
  }

  function nameOf(key: string): Name {
    let name = names.get(key);
    if (name === undefined) {
      if (names.size >= 4096) names.clear();
      name = judge(key);
      names.set(key, name);
    }
    return name;
  }

  function cut(walk: Walk, mark: string): string {
    walk.truncated = true;
    return mark;
  }

  function scalar(walk: Walk, value: unknown, allowed: boolean): unknown {
    switch (typeof value) {
      case "string":
        if (!allowed) return "[string]";
        if (secretText.test(value)) return redactedMark;
        return value.length > maxStringLength ? cut(walk, `${value.slice(0, maxStringLength)}…`) : value;
      case "number":
        return allowed ? (Number.isFinite(value) ? value : String(value)) : "[number]";
      case "bigint":
        return allowed ? cutBigInt(walk, value) : "[bigint]";
      case "boolean":
        return allowed ? value : "[boolean]";
      default:
        return value === null ? null : `[${typeof value}]`;
    }
  }

  function cutBigInt(walk: Walk, value: bigint): string {
    return value > -(10n ** 30n) && value < 10n ** 30n ? value.toString() : cut(walk, "[bigint]");
  }

  function visit(walk: Walk, value: unknown, allowed: boolean, depth: number): unknown {
    if (++walk.nodes > maxNodes) return cut(walk, "[more]");
    if (typeof value !== "object" || value === null) return scalar(walk, value, allowed);
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return "[bytes]";
    if (value instanceof Date) return allowed && Number.isFinite(value.getTime()) ? value.toISOString() : "[date]";
    if (depth >= maxDepth) return cut(walk, "[deep]");
    if (walk.open.includes(value)) return "[circular]";
    walk.open.push(value);
    const result = Array.isArray(value) ? list(walk, value, allowed, depth) : record(walk, value, depth);
    walk.open.pop();
    return result;
  }

  function list(walk: Walk, value: readonly unknown[], allowed: boolean, depth: number): unknown {
    const result: unknown[] = [];
    for (let i = 0; i < value.length; i++) {
      if (i >= maxItems) {
        result.push(cut(walk, "[more]"));
        break;
      }
      result.push(visit(walk, value[i], allowed, depth + 1));
    }
    return result;
  }

  function record(walk: Walk, value: object, depth: number): unknown {
    const prototype = Object.getPrototypeOf(value);
    if (prototype !== null && prototype !== Object.prototype) return "[object]";
    const { policy } = walk;
    const result: Record<string, unknown> = {};
    let count = 0;
    for (const key of Object.keys(value)) {
      if (count++ >= maxItems) {
        result["[more]"] = cut(walk, "[more]");
        break;
      }
      const { shown, lower } = nameOf(key);
      result[shown] =
        lower === undefined || policy?.deny?.has(lower)
          ? redactedMark
          : visit(walk, (value as Record<string, unknown>)[key], policy?.allow.has(lower) ?? false, depth + 1);
    }
    return result;
  }

  function redact(root: unknown, policy?: RedactionPolicy): Redacted {
    const walk: Walk = { policy, nodes: 0, truncated: false, open: [] };
    try {
      return { value: visit(walk, root, false, 0), truncated: walk.truncated };
    } catch {
      return { value: "[unreadable]", truncated: true }; // a hostile getter or proxy threw
    }
  }

  return { redact };
}
