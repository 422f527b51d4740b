// Opens corrupted bootstrap data with the real opener, many times; none may be executed, deleted or left.
import { parseArgs } from "node:util";
import { audit } from "./audit-proof.mjs";

const usage = `node scripts/fuzz-opener.mjs [--runs 5000] [--seed 7]

  --runs N   corruptions in all, spread over dash, bash and busybox sh (default 5000)
  --seed N   the same seed makes the same corruptions (default 7)

Needs root (mounts), openssl 3, dash, bash and busybox. Exit code 0: nothing was ever executed, deleted or left behind.
`;

try {
  const { values } = parseArgs({
    options: {
      runs: { type: "string", default: "5000" },
      seed: { type: "string", default: "7" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  for (const name of ["runs", "seed"])
    if (!/^\d{1,9}$/.test(values[name])) throw new Error(`--${name}: expected a whole number, got: ${values[name]}`);
  if (values.help) process.stdout.write(usage);
  else {
    const env = { OPENER_FUZZ_RUNS: values.runs, OPENER_FUZZ_SEED: values.seed, OPENER_FUZZ_PROGRESS: "1" };
    audit(["test/real/bootstrap-opener-fuzz.test.ts"], { ...env, REAL_SERVERS: "required" });
  }
} catch (error) {
  process.stderr.write(`${error.message}\n\n${usage}`);
  process.exitCode = 2;
}
