import { beforeAll, describe, expect, it } from "vitest";
import { entries, expectNone, read } from "../docs/repository.ts";
import { graphOf } from "./graph.ts";
import { tarball } from "./packed.ts";

const manifest = JSON.parse(read("package.json")) as {
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
};
const dependencies = Object.keys(manifest.dependencies);
const installable = [...dependencies, ...Object.keys(manifest.peerDependencies)];

const built = entries().map(({ specifier }) => ({
  specifier,
  file: `dist/${specifier.split("/")[1] ?? "index"}.js`,
}));

beforeAll(() => {
  tarball(); // says so where the build failed
});

describe("what an import of the package loads", () => {
  it.each(["provider-guard", "provider-guard/testing"])("%s: its dependencies and Node, no SDK", (specifier) => {
    const file = built.find((entry) => entry.specifier === specifier)?.file ?? "";
    expectNone(
      `packages that ${file} loads beside its dependencies`,
      graphOf(file).packages.filter((name) => !dependencies.includes(name)),
    );
  });

  it("provider-guard: no adapter's code", () => {
    const { madeOf } = graphOf("dist/index.js");
    expect(madeOf).toContain("src/core/errors.ts");
    expectNone(
      "adapter sources in the graph of dist/index.js",
      madeOf.filter((path) => path.startsWith("adapters/")),
    );
  });

  it.each(built)("$specifier: nothing that its package.json does not name, in code or in types", ({ file }) => {
    const graph = [file, file.replace(/\.js$/, ".d.ts")].flatMap((path) => graphOf(path).packages);
    expectNone(
      `packages that ${file} or its types need undeclared`,
      graph.filter((name) => !installable.includes(name) && name !== "@types/node"),
    );
  });

  it("one copy of each source file, whichever entry points are loaded together", () => {
    const copies = new Map<string, string[]>();
    for (const file of new Set(built.flatMap((entry) => graphOf(entry.file).files))) {
      const map = JSON.parse(read(`${file}.map`)) as { sources: string[] };
      for (const source of map.sources) copies.set(source, [...(copies.get(source) ?? []), file]);
    }
    expect(copies.size).toBeGreaterThan(10);
    expectNone(
      "sources built into several files",
      [...copies].filter(([, files]) => files.length > 1).map(([source, files]) => `${source}: ${files.join(", ")}`),
    );
  });
});
