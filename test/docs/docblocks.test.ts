import { existsSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { compilerOptions, entries, expectNone, root } from "./repository.ts";

function isSentence(text: string): boolean {
  return /\S+\s+\S+/.test(text) && /[.!?:](\s|$)/.test(`${text.trim()} `);
}

/** The docblocked declarations of something that can be called; overloads count once, by their first block. */
function callable(symbol: ts.Symbol, checker: ts.TypeChecker): ts.Signature | undefined {
  const declaration = symbol.valueDeclaration;
  if (declaration === undefined || (symbol.flags & ts.SymbolFlags.Class) !== 0) return undefined;
  return checker.getTypeOfSymbolAtLocation(symbol, declaration).getCallSignatures()[0];
}

/** Whether calling it gives the caller something to use further: then an example says how. */
function isFactory(signature: ts.Signature, checker: ts.TypeChecker): boolean {
  const result = checker.getReturnTypeOfSignature(signature);
  const value = checker.getAwaitedType(result) ?? result;
  const parts = value.isUnion() ? value.types : [value];
  return parts.some(
    (part) => (part.flags & ts.TypeFlags.Object) !== 0 && !checker.isArrayType(part) && !checker.isTupleType(part),
  );
}

function returnsNothing(signature: ts.Signature, checker: ts.TypeChecker): boolean {
  const result = checker.getReturnTypeOfSignature(signature);
  const value = checker.getAwaitedType(result) ?? result;
  return (value.flags & (ts.TypeFlags.Void | ts.TypeFlags.Undefined | ts.TypeFlags.Never)) !== 0;
}

function problemsOf(symbol: ts.Symbol, checker: ts.TypeChecker): string[] {
  const problems: string[] = [];
  if (!isSentence(ts.displayPartsToString(symbol.getDocumentationComment(checker)))) problems.push("no sentence");
  const signature = callable(symbol, checker);
  if (signature === undefined) return problems;
  const tags = symbol.getJsDocTags(checker);
  const documented = new Set(
    tags
      .filter((tag) => tag.name === "param")
      .map((tag) => tag.text?.find((part) => part.kind === "parameterName")?.text),
  );
  for (const parameter of signature.getParameters()) {
    const name = parameter.getName();
    if (!name.startsWith("_") && !documented.has(name)) problems.push(`no @param ${name}`);
  }
  if (!returnsNothing(signature, checker) && !tags.some((tag) => tag.name === "returns")) problems.push("no @returns");
  if (isFactory(signature, checker) && !tags.some((tag) => tag.name === "example")) problems.push("no @example");
  return problems;
}

function problemsIn(files: readonly { readonly specifier: string; readonly path: string }[]): string[] {
  const program = ts.createProgram(
    files.map(({ path }) => path),
    compilerOptions({ noEmit: true }),
  );
  const checker = program.getTypeChecker();
  const byPlace = new Map<string, string>();
  for (const { specifier, path } of files) {
    const file = program.getSourceFile(path);
    const module = file && checker.getSymbolAtLocation(file);
    if (module === undefined) {
      byPlace.set(specifier, `${specifier}: exports nothing`);
      continue;
    }
    for (const exported of checker.getExportsOfModule(module)) {
      const symbol = (exported.flags & ts.SymbolFlags.Alias) !== 0 ? checker.getAliasedSymbol(exported) : exported;
      const declaration = symbol.declarations?.[0];
      const source = declaration?.getSourceFile();
      if (declaration === undefined || source === undefined || source.fileName.includes("/node_modules/")) continue;
      const problems = problemsOf(symbol, checker);
      if (problems.length === 0) continue;
      const line = source.getLineAndCharacterOfPosition(declaration.getStart()).line + 1;
      const place = `${source.fileName.slice(root.length)}:${line}`;
      byPlace.set(place, `${place} ${exported.getName()}: ${problems.join(", ")}`);
    }
  }
  return [...byPlace.values()].sort();
}

describe("public exports", () => {
  it("each have a docblock that says what they do", { timeout: 180_000 }, () => {
    const files = entries().map(({ specifier, source }) => ({ specifier, path: join(root, source) }));
    expectNone(
      "entry points without a source file",
      files.filter(({ path }) => !existsSync(path)).map(({ path }) => path.slice(root.length)),
    );
    expectNone("public exports whose docblock lacks something", problemsIn(files));
  });

  it("are reported with everything they lack", { timeout: 180_000 }, () => {
    const path = join(root, "test", "docs", "undocumented.fixture.ts");
    expect(problemsIn([{ specifier: "fixture", path }])).toEqual([
      "test/docs/undocumented.fixture.ts:14 make: no sentence, no @param other, no @returns, no @example",
      "test/docs/undocumented.fixture.ts:2 Bare: no sentence",
    ]);
  });
});
