import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/**
 * Folder of an unpacked package to test in place of the sources. Only `test/public` can be run so:
 * its tests know the library by its package name alone.
 */
const packed = process.env.PROVIDER_GUARD_PACKED;

/** Tests of what is built: they get a `dist` made from the current sources, once per run. */
const built = ["test/packaging/**/*.test.ts", "test/quickstart/**/*.test.ts"];

const alias =
  packed === undefined
    ? [
        { find: /^provider-guard$/, replacement: here("./src/index.ts") },
        { find: /^provider-guard\/testing$/, replacement: here("./src/testing/index.ts") },
        {
          find: /^provider-guard\/(audit|bootstrap|cluster-api|garbage|manual-operations)$/,
          replacement: here("./src/$1/index.ts"),
        },
        { find: /^provider-guard\/limits$/, replacement: here("./src/rate-limit/tables/index.ts") },
        {
          find: /^provider-guard\/(aws|fetch|file|kubernetes|object|redis)$/,
          replacement: here("./adapters/$1/index.ts"),
        },
      ]
    : [
        { find: /^provider-guard$/, replacement: `${packed}/dist/index.js` },
        { find: /^provider-guard\/([a-z-]+)$/, replacement: `${packed}/dist/$1.js` },
      ];

export default defineConfig({
  resolve: { alias },
  test: {
    // Tests of real servers wait more than they compute: one at a time would leave two cores idle.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // Bounds what hangs; how fast a busy machine is proves nothing.
    testTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } },
    hookTimeout: 60_000,
    projects:
      packed === undefined
        ? [
            { extends: true, test: { name: "source", include: ["test/**/*.test.ts"], exclude: built } },
            {
              extends: true,
              test: {
                name: "built",
                include: built,
                globalSetup: "test/packaging/build.setup.ts",
                testTimeout: 120_000,
                hookTimeout: 300_000,
              },
            },
          ]
        : [{ extends: true, test: { name: "packed", include: ["test/public/**/*.test.ts"] } }],
  },
});
