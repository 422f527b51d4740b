import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

/** The repository's folder, with a slash at its end. */
export const root = fileURLToPath(new URL("../../", import.meta.url));

/** Text of a file, its path relative to the repository. */
export function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** Files under a folder of the repository whose name ends so; none where the folder does not exist. */
export function filesIn(folder: string, ending: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name).split(sep).join("/"))
    .filter((path) => path.endsWith(ending) && !/(^|\/)(node_modules|dist)\//.test(path))
    .sort();
}

/** Every page that a reader is sent to. */
export function pages(): string[] {
  const top = ["README.md", "SECURITY.md", "CHANGELOG.md"].filter((path) => existsSync(join(root, path)));
  return [...top, ...filesIn("docs", ".md"), ...filesIn("examples", ".md")];
}

/** The library's source files. */
export function sources(): string[] {
  return [...filesIn("src", ".ts"), ...filesIn("adapters", ".ts")];
}

/** The project's own compiler options, path aliases included. */
export function compilerOptions(overrides: ts.CompilerOptions = {}): ts.CompilerOptions {
  const { config, error } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile);
  if (error !== undefined) throw new Error(ts.flattenDiagnosticMessageText(error.messageText, "\n"));
  return { ...ts.parseJsonConfigFileContent(config, ts.sys, root).options, ...overrides };
}

/** Public entry points: the specifier that users write, and the source file behind it. */
export function entries(): { readonly specifier: string; readonly source: string }[] {
  return Object.entries(compilerOptions().paths ?? {}).map(([specifier, targets]) => ({
    specifier,
    source: relative(root, join(root, targets[0] ?? ""))
      .split(sep)
      .join("/"),
  }));
}

/** Fails with one readable list instead of a diff. */
export function expectNone(what: string, problems: readonly string[]): void {
  if (problems.length === 0) return;
  const error = new Error(`${what} (${problems.length}):\n${problems.map((problem) => `  - ${problem}`).join("\n")}`);
  error.stack = error.message; // the stack would hide the list
  throw error;
}
