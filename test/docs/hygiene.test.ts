import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { missingEntries, platformEntry } from "../../scripts/complete-lock.mjs";
import { expectNone, read, root } from "./repository.ts";

const forbidden = [
  {
    what: "a path of somebody's machine",
    pattern: /(?<![\w.}~-])\/(?:work|root|tmp|home\/[\w.-]+|Users\/[\w.-]+)\/[\w.-]+/,
  },
  {
    what: "a package registry's host",
    pattern:
      /https?:\/\/(?!registry\.npmjs\.org|pypi\.org)[^\s"'`/)]*(?:registry|artifactory|nexus|verdaccio|devpi)[^\s"'`/)]*/i,
  },
  { what: "a registry chosen for whoever installs", pattern: /--(?:registry|index-url|extra-index-url)[ =]\S/ },
];

function problemsIn(path: string, text: string): string[] {
  return text.split("\n").flatMap((line, index) =>
    forbidden.flatMap(({ what, pattern }) => {
      const found = pattern.exec(line);
      return found === null ? [] : [`${path}:${index + 1} ${what}: ${found[0].slice(0, 80)}`];
    }),
  );
}

/** `undefined` where this is not a clone, e.g. an unpacked archive. */
function trackedFiles(): string[] | undefined {
  if (!existsSync(join(root, ".git"))) return undefined;
  return execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" })
    .split("\0")
    .filter((path) => path !== "" && existsSync(join(root, path)));
}

interface LockEntry {
  readonly resolved?: string;
  readonly integrity?: string;
  readonly os?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const lock = JSON.parse(read("package-lock.json")) as { packages: Record<string, LockEntry> };

describe("files of the repository", () => {
  it("name no machine and no private registry", (context) => {
    const files = trackedFiles() ?? context.skip("not a git clone");
    expectNone(
      "lines that only hold on one machine",
      files.flatMap((path) => {
        const content = readFileSync(join(root, path));
        return content.includes(0) ? [] : problemsIn(path, content.toString("utf8"));
      }),
    );
  });

  it("are searched with patterns that find something", () => {
    const slash = "/";
    expect(problemsIn("file", `at ${slash}home/somebody/code/index.ts`)).toHaveLength(1);
    expect(problemsIn("file", `open("${slash}tmp/journal")`)).toHaveLength(1);
    expect(problemsIn("file", `https:${slash}/registry.corp.example/npm/zod`)).toHaveLength(1);
    expect(problemsIn("file", `https:${slash}/registry.npmjs.org/zod and \${folder}${slash}work/x`)).toEqual([]);
  });

  it("lock dependencies by their content, not by where they were fetched", () => {
    const resolved = Object.entries(lock.packages).filter(([, entry]) => entry.resolved !== undefined);
    expectNone(
      "packages whose origin is recorded (see .npmrc)",
      resolved.map(([name]) => name),
    );
    // Other platforms' binaries may be unknown to the registry at hand: see scripts/complete-lock.mjs.
    const integrity = Object.entries(lock.packages).filter(
      ([name, entry]) => name !== "" && entry.integrity === undefined,
    );
    expectNone(
      "packages without integrity hash",
      integrity.map(([name]) => name).filter((name) => platformEntry(name, "0.0.0") === undefined),
    );
  });

  it("lock the binaries of every platform, so that `npm ci` works on each", () => {
    expectNone("missing entries: run node scripts/complete-lock.mjs", Object.keys(missingEntries(lock.packages)));
  });
});
