import { below } from "./where.ts";

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

interface Level {
  readonly indent: number;
  readonly path: string;
  /** Of the item, for a sequence. */
  index: number | undefined;
}

const keyed =
  /^("[^"\n]{0,200}"|'[^'\n]{0,200}'|[^\s#:{["'&*!|>%@`-][^:\n]{0,200}?|-[^\s:][^:\n]{0,200}?)\s*:(?:\s+(.*))?$/;
const blockStart = /^(?:[!&]\S*\s+)*[|>][-+0-9]{0,2}\s*(?:#.*)?$/;
const tags = /^(?:[!&]\S*\s+)+/;

const indentOf = (line: string) => line.length - line.trimStart().length;

const escapes: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  "0": "\0",
  e: "\u001b",
  _: " ",
  N: "\n",
};

function unescaped(text: string): string {
  return text.replace(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|\r?\n[ \t]*|(.))/g,
    (_, two?: string, four?: string, eight?: string, one?: string) => {
      const code = two ?? four ?? eight;
      if (code !== undefined) return String.fromCodePoint(Math.min(Number.parseInt(code, 16), 0x10_ff_ff));
      return one === undefined ? "" : (escapes[one] ?? one);
    },
  );
}

/** The text of a quoted scalar that begins at the start of `text`, and how many lines it takes; not closed: `undefined`. */
function quoted(text: string): { readonly value: string; readonly lines: number } | undefined {
  const closed = (text.startsWith('"') ? /^"((?:[^"\\]|\\[\s\S])*)"/ : /^'((?:[^']|'')*)'/).exec(text);
  if (closed === null) return undefined;
  const inner = closed[1] as string;
  // A line break inside is a space to YAML; kept as one, it reads the same to every search of ours.
  const value = text.startsWith('"') ? unescaped(inner) : inner.replaceAll("''", "'");
  return { value, lines: inner.split("\n").length };
}

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
  const levels: Level[] = [];
  let document = 0;
  let unclosed = 0;
  let at = 0;

  const path = () => levels.at(-1)?.path ?? "";

  function popTo(keep: (level: Level) => boolean): void {
    while (levels.length > 0 && !keep(levels.at(-1) as Level)) levels.pop();
  }

  /** Steps into the next item of a sequence whose dashes stand at `indent`. */
  function item(indent: number): void {
    popTo((level) => level.indent <= indent); // the key of a sequence may stand right above its dashes
    const top = levels.at(-1);
    let index = 0;
    if (top?.index !== undefined && top.indent === indent) {
      index = top.index + 1;
      levels.pop();
    }
    levels.push({ indent, path: below(path(), index), index });
  }

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
    take(at + 1, to, { path: path(), key, text, document });
  }

  function closedBelow(start: string, line: number) {
    if (unclosed >= maxUnclosed) return undefined;
    const from = (starts[line] as number) + (lines[line] as string).lastIndexOf(start);
    const found = quoted(text.slice(from, from + maxQuoted));
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
      const inLine = quoted(bare);
      const whole = inLine ?? closedBelow(bare, line);
      if (whole !== undefined && (whole.lines > 1 || (bare.startsWith('"') && bare.includes("\\")))) {
        take(line, line + whole.lines, { path: path(), key, text: whole.value, document });
        return;
      }
      if (inLine !== undefined) entries.push({ path: path(), key, value: inLine.value, line: line + 1, document });
    } else {
      const plain = bare.replace(/\s+#.*$/, "").trim();
      if (plain !== "") entries.push({ path: path(), key, value: plain, line: line + 1, document });
    }
    at = line + 1;
  }

  while (at < lines.length) {
    const line = at;
    let content = (lines[line] as string).replace(/\r$/, "");
    let indent = indentOf(content);
    content = content.slice(indent);
    if (/^(---|\.\.\.)(\s|$)/.test(content) && indent === 0) {
      levels.length = 0;
      document++;
      content = "";
    }
    if (content === "" || content.startsWith("#")) {
      paths[line] = path();
      at++;
      continue;
    }
    for (let dash = /^-(\s+|$)/.exec(content); dash !== null; dash = /^-(\s+|$)/.exec(content)) {
      item(indent);
      indent += dash[0].length;
      content = content.slice(dash[0].length);
    }
    const found = keyed.exec(content);
    if (found === null) {
      paths[line] = path();
      scalar(content, levels.at(-1)?.indent ?? 0, line, "");
      continue;
    }
    popTo((level) => level.indent < indent);
    const key = (found[1] as string).replace(/^["']|["']$/g, "");
    levels.push({ indent, path: below(path(), key), index: undefined });
    paths[line] = path();
    scalar(found[2] ?? "", indent, line, key);
  }
  return { entries, blocks, rest: rest.join("\n"), pathAt: (line) => paths[line - 1] ?? "" };
}
