import { join } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { compilerOptions, expectNone, pages, read, root, sources } from "./repository.ts";
import { docblockExamples, fences, markdownSnippets, type Snippet } from "./snippets.ts";

/** Compiles all snippets as one program, each as a module of its own beside the repository's files. */
function problemsOf(snippets: readonly Snippet[]): string[] {
  const virtual = new Map<string, Snippet & { readonly text: string; readonly offset: number }>();
  for (const [index, snippet] of snippets.entries()) {
    const head = `${snippet.context}\nexport {};\n`;
    virtual.set(join(root, "test", "docs", `snippet-${index}.ts`), {
      ...snippet,
      text: head + snippet.code,
      offset: head.split("\n").length - 1,
    });
  }
  const options = compilerOptions({ noUnusedLocals: false, noUnusedParameters: false, noEmit: true });
  const host = ts.createCompilerHost(options, true);
  const { fileExists, getSourceFile, readFile } = host;
  host.fileExists = (path) => virtual.has(path) || fileExists(path);
  host.readFile = (path) => virtual.get(path)?.text ?? readFile(path);
  host.getSourceFile = (path, settings, ...rest) => {
    const own = virtual.get(path);
    if (own === undefined) return getSourceFile(path, settings, ...rest);
    return ts.createSourceFile(path, own.text, settings, true);
  };
  const program = ts.createProgram([...virtual.keys()], options, host);
  return [...virtual].flatMap(([path, snippet]) => {
    const file = program.getSourceFile(path);
    if (file === undefined) return [`${snippet.file}:${snippet.line} was not compiled`];
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map((diagnostic) => {
      const { line } = file.getLineAndCharacterOfPosition(diagnostic.start ?? 0);
      const shown = Math.max(snippet.line, snippet.line + line - snippet.offset);
      return `${snippet.file}:${shown} ${ts.flattenDiagnosticMessageText(diagnostic.messageText, " ")}`;
    });
  });
}

describe("code in the documentation", () => {
  it("compiles, in pages and in @example", { timeout: 180_000 }, () => {
    const snippets = [...pages().flatMap(markdownSnippets), ...sources().flatMap(docblockExamples)];
    expectNone("snippets that do not compile", problemsOf(snippets));
  });

  it("is marked `ts`, so that none escapes the compiler", () => {
    const problems = pages().flatMap((page) =>
      fences(read(page))
        .filter(({ info }) => /^(ts .+|tsx|typescript|js|jsx|javascript|mjs|mts|)$/i.test(info))
        .map(({ line, info }) => `${page}:${line - 1} \`\`\`${info}: write ts, or text for what is no code`),
    );
    expectNone("fences that are not checked", problems);
  });

  it("is refused when it is wrong", { timeout: 180_000 }, () => {
    const wrong = (code: string, context = ""): Snippet => ({ file: "page.md", line: 10, code, context });
    expect(
      problemsOf([
        wrong("const one: number = 1;"),
        wrong('\nconst two: number = "2";'),
        wrong("given.toFixed();", "declare const given: string;"),
        wrong('import { nothingOfThatName } from "provider-guard";'),
      ]),
    ).toEqual([
      expect.stringContaining("page.md:11 Type 'string' is not assignable"),
      expect.stringContaining("page.md:10 Property 'toFixed' does not exist"),
      expect.stringMatching(/page\.md:10 .*(nothingOfThatName|provider-guard)/),
    ]);
  });
});
