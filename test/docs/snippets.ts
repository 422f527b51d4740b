import { read } from "./repository.ts";

/** A piece of code in a page or a docblock. */
export interface Snippet {
  readonly file: string;
  /** Line of the file that holds the code's first line, from 1. */
  readonly line: number;
  readonly code: string;
  /** Declarations of the page that readers do not see; see {@link markdownSnippets}. */
  readonly context: string;
}

const fence = /^(\s*)(`{3,})\s*(.*?)\s*$/;

/** Every fenced block of a Markdown text, whatever its language. */
export function fences(text: string): { readonly line: number; readonly info: string; readonly code: string }[] {
  const found: { line: number; info: string; code: string }[] = [];
  const lines = text.split("\n");
  for (let i = 0; i < lines.length; i++) {
    const open = fence.exec(lines[i] ?? "");
    if (open === null) continue;
    const [, indent = "", ticks = "", info = ""] = open;
    const line = i + 2;
    const body: string[] = [];
    for (i++; i < lines.length && (lines[i] ?? "").trim() !== ticks; i++) {
      body.push(
        (lines[i] ?? "").startsWith(indent) ? (lines[i] ?? "").slice(indent.length) : (lines[i] ?? "").trimStart(),
      );
    }
    found.push({ line, info, code: body.join("\n") });
  }
  return found;
}

/**
 * The TypeScript of a page. What a page's snippets take as given (a `machine`, a `region`) is declared
 * once in a comment that is not rendered, and holds for the snippets below it:
 *
 *     <!-- snippet-context
 *     declare const machine: import("provider-guard").ObjectRef;
 *     -->
 */
export function markdownSnippets(file: string): Snippet[] {
  const text = read(file);
  const contexts = [...text.matchAll(/<!-- snippet-context\n([\s\S]*?)-->/g)].map((match) => ({
    line: text.slice(0, match.index).split("\n").length,
    code: match[1] ?? "",
  }));
  return fences(text)
    .filter(({ info }) => info === "ts")
    .map(({ line, code }) => {
      const given = contexts.filter((context) => context.line < line).map((context) => context.code);
      return { file, line, code, context: given.join("\n") };
    });
}

/** The code of every `@example` in a source file's docblocks, bare or in a fence. */
export function docblockExamples(file: string): Snippet[] {
  const text = read(file);
  const snippets: Snippet[] = [];
  for (const block of text.matchAll(/\/\*\*([\s\S]*?)\*\//g)) {
    const firstLine = text.slice(0, block.index).split("\n").length;
    const lines = (block[1] ?? "").split("\n").map((line) => line.replace(/^\s*\* ?/, ""));
    for (let i = 0; i < lines.length; i++) {
      const tag = /^@example\s*(.*)$/.exec(lines[i] ?? "");
      if (tag === null) continue;
      const start = i + 1;
      while (i + 1 < lines.length && !/^@[a-z]/i.test(lines[i + 1] ?? "")) i++;
      const body = lines.slice(start, i + 1).map((line) => (fence.test(line) ? "" : line));
      snippets.push({ file, line: firstLine + start, code: body.join("\n"), context: "" });
    }
  }
  return snippets;
}
