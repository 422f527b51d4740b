import { existsSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join, normalize } from "node:path";
import ts from "typescript";
import { read, root } from "../docs/repository.ts";

/** What a built file loads, and what that loads. */
export interface Graph {
  /** Built files, relative to the repository. */
  readonly files: readonly string[];
  /** Names of the packages imported, Node's own left out. */
  readonly packages: readonly string[];
  /** Source files that the built ones were made of, relative to the repository. */
  readonly madeOf: readonly string[];
}

function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

/** Follows every static and dynamic import from a built `.js` or `.d.ts` file. */
export function graphOf(entry: string): Graph {
  const files = new Set<string>();
  const packages = new Set<string>();
  const madeOf = new Set<string>();
  const visit = (file: string) => {
    if (files.has(file)) return;
    files.add(file);
    const { importedFiles, typeReferenceDirectives } = ts.preProcessFile(read(file), true, true);
    for (const { fileName } of typeReferenceDirectives) packages.add(`@types/${fileName}`);
    for (const { fileName } of importedFiles) {
      if (!fileName.startsWith(".")) {
        if (!isBuiltin(fileName)) packages.add(packageOf(fileName));
        continue;
      }
      const target = normalize(join(dirname(file), fileName));
      visit(file.endsWith(".d.ts") ? target.replace(/\.js$/, ".d.ts") : target);
    }
    if (existsSync(join(root, `${file}.map`))) {
      const map = JSON.parse(read(`${file}.map`)) as { sources: string[] };
      for (const source of map.sources) madeOf.add(normalize(join(dirname(file), source)));
    }
  };
  visit(entry);
  return { files: [...files].sort(), packages: [...packages].sort(), madeOf: [...madeOf].sort() };
}
