import { existsSync, readdirSync } from "node:fs";
import { join, sep } from "node:path";
import { defineConfig, type Options } from "tsup";

const common = {
  format: "esm",
  platform: "node",
  target: "node20",
  // Path aliases lead to the sources; what is built must go through the package's own exports.
  tsconfig: "tsconfig.build.json",
  silent: process.env.PROVIDER_GUARD_BUILD_QUIET === "1",
  sourcemap: true,
  clean: true,
} satisfies Options;

/**
 * A program that uses the package as its users do: by name, through `exports`. Beside `main.ts`,
 * files called `*.process.ts` become files of their own, because something starts them by path.
 */
function program(folder: string): Options[] {
  if (!existsSync(join(folder, "main.ts"))) return [];
  const entry: Record<string, string> = { main: join(folder, "main.ts") };
  for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (file.endsWith(".process.ts")) entry[file.slice(0, -".ts".length).split(sep).join("/")] = join(folder, file);
  }
  return [
    { ...common, name: folder, entry, outDir: join(folder, "dist"), splitting: true, skipNodeModulesBundle: true },
  ];
}

export default defineConfig([
  {
    ...common,
    name: "package",
    entry: {
      index: "src/index.ts",
      testing: "src/testing/index.ts",
      audit: "src/audit/index.ts",
      bootstrap: "src/bootstrap/index.ts",
      cli: "src/cli/main.ts",
      "cluster-api": "src/cluster-api/index.ts",
      "manual-operations": "src/manual-operations/index.ts",
      aws: "adapters/aws/index.ts",
      fetch: "adapters/fetch/index.ts",
      file: "adapters/file/index.ts",
      garbage: "src/garbage/index.ts",
      kubernetes: "adapters/kubernetes/index.ts",
      limits: "src/rate-limit/tables/index.ts",
      redis: "adapters/redis/index.ts",
      object: "adapters/object/index.ts",
    },
    outDir: "dist",
    // Subpaths share chunks: a second copy of a class or of the async context would not be the first one.
    splitting: true,
    skipNodeModulesBundle: true,
    // Importing zod whole costs more than all the rest; most of it is translations that are never shown.
    noExternal: ["zod"],
    // tsup passes `baseUrl` to the declaration build, which TypeScript 6 reports as deprecated.
    dts: { compilerOptions: { ignoreDeprecations: "6.0" } },
  },
  ...program("examples/quickstart"),
  ...program("bench"),
]);
