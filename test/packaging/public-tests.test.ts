import { dirname, join, normalize } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { expectNone, filesIn, read } from "../docs/repository.ts";

/** Relative imports that lead from a test, through its helpers, to a source file. */
function waysInto(file: string, seen: Set<string>): string[] {
  if (seen.has(file)) return [];
  seen.add(file);
  return ts.preProcessFile(read(file), true, true).importedFiles.flatMap(({ fileName }) => {
    if (!fileName.startsWith(".")) return [];
    const target = normalize(join(dirname(file), fileName));
    return /^(src|adapters)\//.test(target) ? [`${file} imports ${target}`] : waysInto(target, seen);
  });
}

describe("tests in test/public", () => {
  it("know the library by its package name alone, so that they also run on the packed package", () => {
    const files = filesIn("test/public", ".test.ts");
    expect(files.length).toBeGreaterThan(0);
    const seen = new Set<string>();
    expectNone(
      "imports that a packed package cannot take the place of",
      files.flatMap((file) => waysInto(file, seen)),
    );
  });
});
