import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { expectNone, pages, read, root, sources } from "./repository.ts";

const catalogue = "src/core/errors.ts";
const reference = "docs/reference/errors.md";

/** Codes of Node itself that pages may name. */
const foreign = /^ERR_(MODULE|REQUIRE|STREAM|INVALID|HTTP|SOCKET|TLS)_/;

function codesIn(text: string): Set<string> {
  return new Set(text.match(/\bERR_[A-Z]+(?:_[A-Z]+)*\b/g));
}

function declaredCodes(): Set<string> {
  const union = /export type ErrorCode =([\s\S]*?);/.exec(read(catalogue))?.[1] ?? "";
  return codesIn(union);
}

describe("error codes", () => {
  const declared = declaredCodes();

  it("are read from the union", () => {
    expect(declared).toContain("ERR_CONFIG_INVALID");
    expect(declared.size).toBeGreaterThan(10);
  });

  it("are all explained in the reference", () => {
    expect(existsSync(join(root, reference)), `${reference} exists`).toBe(true);
    const explained = codesIn(read(reference));
    expectNone(
      `codes that ${reference} does not explain`,
      [...declared].filter((code) => !explained.has(code)),
    );
  });

  it("are named in no page and no @throws unless they exist", () => {
    const inPages = pages().map((path) => ({ path, codes: codesIn(read(path)) }));
    const inSources = sources().map((path) => ({
      path,
      codes: codesIn(
        read(path)
          .split("\n")
          .filter((line) => line.includes("@throws"))
          .join("\n"),
      ),
    }));
    expectNone(
      "codes that do not exist",
      [...inPages, ...inSources].flatMap(({ path, codes }) =>
        [...codes].filter((code) => !declared.has(code) && !foreign.test(code)).map((code) => `${path}: ${code}`),
      ),
    );
  });

  it("are all raised somewhere", () => {
    const raised = sources()
      .filter((path) => path !== catalogue)
      .map(read)
      .join("\n");
    expectNone(
      "codes that nothing raises",
      [...declared].filter((code) => !raised.includes(`"${code}"`)),
    );
  });
});
