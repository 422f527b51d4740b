import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { root } from "./lock.mjs";

/**
 * Runs tests with more rounds than the suite has time for, in this process's terminal.
 *
 * @param {readonly string[]} tests
 * @param {Record<string, string>} env
 */
export function audit(tests, env) {
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  const { status } = spawnSync(process.execPath, [vitest, "run", "--project", "source", ...tests], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, ...env },
  });
  process.exitCode = status ?? 1;
}
