import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { entries, expectNone, pages, root, sources } from "../docs/repository.ts";
import { docblockExamples, markdownSnippets } from "../docs/snippets.ts";
import { tarball } from "./packed.ts";

const specifiers = entries().map(({ specifier }) => specifier);
let folder: string;

/** Names that pages and examples import from the package, by specifier. */
function documentedNames(): Map<string, Set<string>> {
  const names = new Map<string, Set<string>>();
  const snippets = [...pages().flatMap(markdownSnippets), ...sources().flatMap(docblockExamples)];
  for (const { file, code } of snippets) {
    for (const statement of ts.createSourceFile(file, code, ts.ScriptTarget.Latest).statements) {
      if (!ts.isImportDeclaration(statement) || !ts.isStringLiteral(statement.moduleSpecifier)) continue;
      const specifier = statement.moduleSpecifier.text;
      const bindings = statement.importClause?.namedBindings;
      if (!/^provider-guard(\/|$)/.test(specifier) || bindings === undefined || !ts.isNamedImports(bindings)) continue;
      const known = names.get(specifier) ?? new Set();
      for (const element of bindings.elements) known.add((element.propertyName ?? element.name).text);
      names.set(specifier, known);
    }
  }
  return names;
}

function compile(file: string, options: ts.CompilerOptions): { program: ts.Program; problems: string[] } {
  const program = ts.createProgram([file], {
    target: ts.ScriptTarget.ES2022,
    lib: ["lib.es2023.d.ts", "lib.esnext.disposable.d.ts"],
    types: ["node"],
    typeRoots: [join(root, "node_modules", "@types")],
    strict: true,
    noEmit: true,
    // The package's own declarations are checked as strictly as its importer's code.
    skipLibCheck: false,
    ...options,
  });
  const problems = ts
    .getPreEmitDiagnostics(program)
    .filter(({ file: at }) => at === undefined || at.fileName === file || at.fileName.includes("/provider-guard/"))
    .map(({ file: at, start, messageText }) => {
      const line = at === undefined ? "" : `:${at.getLineAndCharacterOfPosition(start ?? 0).line + 1}`;
      return `${at?.fileName.slice(folder.length + 1) ?? "options"}${line} ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
    });
  return { program, problems };
}

/** Names with a runtime value, as the installed declarations have them. */
function declaredValues(program: ts.Program, file: string): Map<string, string[]> {
  const checker = program.getTypeChecker();
  const values = new Map<string, string[]>();
  for (const statement of program.getSourceFile(file)?.statements ?? []) {
    if (!ts.isImportDeclaration(statement) || !ts.isStringLiteral(statement.moduleSpecifier)) continue;
    const module = checker.getSymbolAtLocation(statement.moduleSpecifier);
    if (module === undefined) continue;
    const names = checker.getExportsOfModule(module).filter((symbol) => {
      const target = (symbol.flags & ts.SymbolFlags.Alias) !== 0 ? checker.getAliasedSymbol(symbol) : symbol;
      return (target.flags & ts.SymbolFlags.Value) !== 0;
    });
    values.set(statement.moduleSpecifier.text, names.map((symbol) => symbol.getName()).sort());
  }
  return values;
}

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "provider-guard-consumer-")));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
  const install = ["install", tarball(), "--no-audit", "--no-fund", "--prefer-offline", "--ignore-scripts"];
  execFileSync("npm", install, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
}, 300_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the package in an empty project", () => {
  it("installs no SDK", () => {
    const installed = readdirSync(join(folder, "node_modules"));
    expect(installed).toContain("provider-guard");
    expect(installed.filter((name) => name.startsWith("@aws-sdk") || name.startsWith("@smithy"))).toEqual([]);
  });

  it.each(specifiers)("%s can be imported, and required, without any SDK", (specifier) => {
    const script = `
      import { createRequire } from "node:module";
      const imported = Object.keys(await import("${specifier}"));
      if (imported.length === 0) throw new Error("exports nothing");
      const required = createRequire(process.cwd() + "/x.js")("${specifier}");
      if (!imported.every((name) => name in required)) throw new Error("require differs from import");
    `;
    const run = spawnSync(process.execPath, ["--no-warnings", "--input-type=module", "-e", script], {
      cwd: folder,
      encoding: "utf8",
    });
    expect(run.stderr).toBe("");
    expect(run.status).toBe(0);
  });

  it.each([
    { name: "nodenext", module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext },
    { name: "bundler", module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler },
  ])("has types that resolve under $name and agree with what runs", ({ name, ...options }) => {
    const file = join(folder, `${name}.ts`);
    const lines = specifiers.flatMap((specifier, index) => [
      `import * as module${index} from "${specifier}";`,
      `export { module${index} };`,
    ]);
    writeFileSync(file, lines.join("\n"));
    const { program, problems } = compile(file, options);
    expectNone("type errors of an importer", problems);
    const declared = declaredValues(program, file);
    expect([...declared.keys()]).toEqual(specifiers);
    const script = `
      const names = {};
      for (const name of ${JSON.stringify(specifiers)}) names[name] = Object.keys(await import(name)).sort();
      console.log(JSON.stringify(names));
    `;
    const output = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
      cwd: folder,
      encoding: "utf8",
    });
    expect(JSON.parse(output)).toEqual(Object.fromEntries(declared));
  });

  it("has every name that pages and examples import", () => {
    const names = documentedNames();
    expectNone(
      "documented specifiers that cannot be imported",
      [...names.keys()].filter((specifier) => !specifiers.includes(specifier)),
    );
    expect(names.size, "pages and examples import the package").toBeGreaterThan(0);
    const file = join(folder, "documented.ts");
    const lines = [...names].map(([specifier, list], index) => {
      // The same name may come from several entry points.
      const renamed = [...list].map((name) => `${name} as ${name}_${index}`);
      return `import { ${renamed.join(", ")} } from "${specifier}";`;
    });
    writeFileSync(file, lines.join("\n"));
    const { problems } = compile(file, {
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
    });
    expectNone("documented names that the package does not have", problems);
  });
});
