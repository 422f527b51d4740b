import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^provider-guard$/, replacement: here("./src/index.ts") },
      { find: /^provider-guard\/testing$/, replacement: here("./src/testing/index.ts") },
      { find: /^provider-guard\/(aws|fetch|object)$/, replacement: here("./adapters/$1/index.ts") },
    ],
  },
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
