import { yamlLevels } from "./yaml-levels.ts";
import { quotedScalar } from "./yaml-quoted.ts";

/** A scalar that is searched by itself: a block, or a quoted text with escapes or several lines. */
export interface Block {
  readonly path: string;
  /** `""` for an item of a sequence. */
  readonly key: string;
  readonly text: string;
  readonly document: number;
}

/** One `key: value` in one line. */
export interface Entry {
  readonly path: string;
  readonly key: string;
  /** Without quotes. */
  readonly value: string;
  /** 1 for the first. */
  readonly line: number;
  /** Documents are separated by `---`; 0 for the first. */
  readonly document: number;
}

/** What of a YAML text can be told without being strict about it. */
export interface Outline {
  readonly entries: readonly Entry[];
  readonly blocks: readonly Block[];
  /** The text with its blocks emptied: every line that is in no block, in its place. */
  readonly rest: string;
  /** Where a line stands. */
  pathAt(line: number): string;
}

/** Text that may be YAML: it begins, comments aside, with a key or a dash. */
export function mayBeYaml(text: string): boolean {
  if (text.startsWith("#!")) return false;
  for (const line of text.slice(0, 4096).split("\n")) {
    if (/^\s*(#|$)/.test(line) || /^(---|\{%|%YAML)/.test(line)) continue;
    return /^\s*(- |-$|["']?[\w./-]+["']?\s*:(\s|$))/.test(line);
  }
  return false;
}

const keyed =
  /^("[^"\n]{0,200}"|'[^'\n]{0,200}'|[^\s#:{["'&*!|>%@`-][^:\n]{0,200}?|-[^\s:][^:\n]{0,200}?)\s*:(?:\s+(.*))?$/;
const blockStart = /^(?:[!&]\S*\s+)*[|>][-+0-9]{0,2}\s*(?:#.*)?$/;
const tags = /^(?:[!&]\S*\s+)+/;

const indentOf = (line: string) => line.length - line.trimStart().length;

/** Bound the work on quotes that are never closed. */
const maxQuoted = 65_536;
const maxUnclosed = 64;

/**
 * Reads the outline of a YAML text by its indentation. It accepts anything: what it does not understand is left
 * in `rest`, so that nothing escapes a search.
 */
export function outlineOf(text: string): Outline {
  const lines = text.split("\n");
  const entries: Entry[] = [];
  const blocks: Block[] = [];
  const paths: string[] = [];
  const rest = [...lines];
  const starts: number[] = [];
  for (let line = 0, start = 0; line < lines.length; start += (lines[line++] as string).length + 1) starts.push(start);
  const levels = yamlLevels();
  let document = 0;
  let unclosed = 0;
  let at = 0;

  function take(from: number, to: number, found: Block): void {
    blocks.push(found);
    for (let line = from; line < to; line++) {
      rest[line] = "";
      paths[line] = found.path;
    }
    at = to;
  }

  /** The lines of a block scalar below line `at`, of a parent at `indent`. */
  function block(indent: number, key: string): void {
    let to = at + 1;
    while (to < lines.length && ((lines[to] as string).trim() === "" || indentOf(lines[to] as string) > indent)) to++;
    const body = lines.slice(at + 1, to);
    const margin = indentOf(body.find((line) => line.trim() !== "") ?? "");
    const text = body.map((line) => line.slice(Math.min(margin, indentOf(line)))).join("\n");
    take(at + 1, to, { path: levels.path(), key, text, document });
  }

  function closedBelow(start: string, line: number) {
    if (unclosed >= maxUnclosed) return undefined;
    const from = (starts[line] as number) + (lines[line] as string).lastIndexOf(start);
    const found = quotedScalar(text.slice(from, from + maxQuoted));
    if (found === undefined) unclosed++;
    return found;
  }

  /** A scalar in the rest of a line; the column is the parent's, for what follows in further lines. */
  function scalar(value: string, indent: number, line: number, key: string): void {
    if (blockStart.test(value)) {
      block(indent, key);
      return;
    }
    const bare = value.replace(tags, "");
    if (bare.startsWith('"') || bare.startsWith("'")) {
      const inLine = quotedScalar(bare);
      const whole = inLine ?? closedBelow(bare, line);
      if (whole !== undefined && (whole.lines > 1 || (bare.startsWith('"') && bare.includes("\\")))) {
        take(line, line + whole.lines, { path: levels.path(), key, text: whole.value, document });
        return;
      }
      if (inLine !== undefined)
        entries.push({ path: levels.path(), key, value: inLine.value, line: line + 1, document });
    } else {
      const plain = bare.replace(/\s+#.*$/, "").trim();
      if (plain !== "") entries.push({ path: levels.path(), key, value: plain, line: line + 1, document });
    }
    at = line + 1;
  }

  while (at < lines.length) {
    const line = at;
    let content = (lines[line] as string).replace(/\r$/, "");
    let indent = indentOf(content);
    content = content.slice(indent);
    if (/^(---|\.\.\.)(\s|$)/.test(content) && indent === 0) {
      levels.clear();
      document++;
      content = "";
    }
    if (content === "" || content.startsWith("#")) {
      paths[line] = levels.path();
      at++;
      continue;
    }
    for (let dash = /^-(\s+|$)/.exec(content); dash !== null; dash = /^-(\s+|$)/.exec(content)) {
      levels.item(indent);
      indent += dash[0].length;
      content = content.slice(dash[0].length);
    }
    const found = keyed.exec(content);
    if (found === null) {
      paths[line] = levels.path();
      scalar(content, levels.indent(), line, "");
      continue;
    }
    const key = (found[1] as string).replace(/^["']|["']$/g, "");
    levels.key(indent, key);
    paths[line] = levels.path();
    scalar(found[2] ?? "", indent, line, key);
  }
  return { entries, blocks, rest: rest.join("\n"), pathAt: (line) => paths[line - 1] ?? "" };
}
