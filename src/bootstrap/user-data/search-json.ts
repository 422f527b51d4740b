import { judgeNamed } from "./named-value.ts";
import type { Search } from "./search.ts";
import { isSecretPath } from "./secret-path.ts";
import { below, inside } from "./where.ts";

const maxDepth = 64;
const filePath = /^(?:write_files|storage\.files)\[\d+\]\.path$/;
const pointerPath = /^ignition\.config\.(?:replace|merge\[\d+\])$/;
const remote = /^(?:https?|s3|gs|arn):/;

function parsed(text: string): unknown {
  const start = text.replace(/^(?:\s*#[^\n]*\n)+/, "").trimStart();
  if (!start.startsWith("{") && !start.startsWith("[")) return undefined;
  try {
    return JSON.parse(start);
  } catch {
    return undefined;
  }
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * A config that Ignition fetches and compares with a digest: its address and headers are a pointer, and grant no more
 * than to fetch it.
 */
function isPointer(path: string, { source, verification }: Fields): boolean {
  const hash = (verification as Fields | undefined)?.hash;
  return (
    pointerPath.test(path) &&
    typeof source === "string" &&
    remote.test(source) &&
    typeof hash === "string" &&
    /^sha(?:256-[0-9a-f]{64}|512-[0-9a-f]{128})$/.test(hash)
  );
}

/**
 * Searches a text that is JSON (Ignition, cloud-config, Kubernetes), comments before it aside.
 *
 * @returns Whether it is JSON.
 */
export function searchJson(text: string, where: string, search: Search): boolean {
  const root = parsed(text);
  if (typeof root !== "object" || root === null) return false;
  const { add } = search;

  function leaf(value: string, path: string, key: string): void {
    const place = inside(where, path);
    const named = judgeNamed(key, value);
    if (named !== undefined) add(named, place);
    if (filePath.test(path) && isSecretPath(value)) add("secret-file", place);
    if (value.length >= 8) search.text(value, place);
  }

  function visit(value: unknown, path: string, key: string, depth: number): void {
    if (depth > maxDepth) add("unreadable", inside(where, path));
    else if (typeof value === "string" || typeof value === "number") leaf(String(value), path, key);
    else if (Array.isArray(value)) {
      value.forEach((item, index) => {
        visit(item, below(path, index), key, depth + 1);
      });
    } else if (typeof value === "object" && value !== null) record(value as Fields, path, depth);
  }

  function record(fields: Fields, path: string, depth: number): void {
    const pointer = isPointer(path, fields);
    for (const [key, value] of Object.entries(fields)) {
      if (pointer && key === "httpHeaders") continue;
      if (key.length >= 20) search.text(key, inside(where, `key of ${path || "the root"}`));
      const secret = fields.kind === "Secret" && (key === "data" || key === "stringData");
      if (secret && Object.keys(value ?? {}).length > 0) add("kubernetes-secret", inside(where, below(path, key)));
      const plain = pointer && key === "source" ? String(value).replace(/\?.*$/, "") : value;
      visit(plain, below(path, key), key, depth + 1);
    }
  }

  visit(root, "", "", 0);
  return true;
}
