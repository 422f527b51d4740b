import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { build } from "./build.mjs";
import { root } from "./lock.mjs";

/**
 * Builds what is out of date, then runs a built program with this process's terminal.
 * Signals reach it, and the caller gets its exit code.
 *
 * @param {string} program Path of the built program, relative to the repository.
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} [env] Added to this process's environment.
 * @returns {Promise<number>} Its exit code; 128 + n when signal n ended it.
 */
export async function run(program, args, env = {}) {
  await build({ quiet: true });
  if (!existsSync(join(root, program))) {
    process.stderr.write(`${program} was not built: its main.ts does not exist.\n`);
    return 1;
  }
  const child = spawn(process.execPath, ["--enable-source-maps", join(root, program), ...args], {
    stdio: "inherit",
    env: { ...process.env, ...env },
  });
  const forward = (signal) => {
    // A terminal sends Ctrl-C to the whole group: a second copy would look like an impatient user.
    if (signal !== "SIGINT" || process.stdin.isTTY !== true) child.kill(signal);
  };
  const signals = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 };
  for (const signal of Object.keys(signals)) process.on(signal, forward);
  try {
    return await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code, signal) => resolve(code ?? 128 + (signals[signal] ?? 9)));
    });
  } finally {
    for (const signal of Object.keys(signals)) process.off(signal, forward);
  }
}

/**
 * Runs a built program as this process's whole purpose.
 *
 * @param {string} program
 */
export async function main(program) {
  try {
    process.exitCode = await run(program, process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
