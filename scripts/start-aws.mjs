import { build } from "./build.mjs";
import { MotoMissing, startMoto } from "./moto.mjs";
import { run } from "./run.mjs";

const help = `Usage: npm run start:aws [-- OPTIONS]

Runs the quickstart against a local AWS: starts moto (a Python server, installed once under
node_modules/.cache) on a free port of this machine, runs

  npm start -- --cloud aws --endpoint http://127.0.0.1:PORT OPTIONS

with the unmodified AWS SDK and made-up credentials, and ends moto again.
Needs Python 3.9 or newer with pip and venv.

Options are the quickstart's own, e.g. --seed N, --out DIR.
`;

const interrupted = 130;

/** @param {readonly string[]} args */
async function startAws(args) {
  if (args.includes("--help") || args.includes("-h")) {
    process.stdout.write(help);
    return 0;
  }
  // Until the quickstart runs, a signal must not end this process before it has ended moto.
  const waiting = new AbortController();
  const stop = () => waiting.abort();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, stop);
  const moto = await startMoto().catch((error) => {
    if (waiting.signal.aborted) return undefined;
    throw error;
  });
  if (moto === undefined) return interrupted;
  try {
    if (waiting.signal.aborted) return interrupted;
    await build({ quiet: true });
    if (waiting.signal.aborted) return interrupted;
    process.stderr.write(`moto answers on ${moto.url}\n`);
    return await run("examples/quickstart/dist/main.js", ["--cloud", "aws", "--endpoint", moto.url, ...args], {
      // Never a real account's credentials, whatever this shell has.
      AWS_ACCESS_KEY_ID: "testing",
      AWS_SECRET_ACCESS_KEY: "testing",
      AWS_SESSION_TOKEN: "testing",
      AWS_REGION: process.env.AWS_REGION ?? "us-east-1",
      AWS_EC2_METADATA_DISABLED: "true",
      // A notice about future SDK versions, in the middle of the progress lines.
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
    });
  } finally {
    await moto.stop();
  }
}

try {
  process.exitCode = await startAws(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof MotoMissing ? error.message : error.stack}\n`);
  process.exitCode = 1;
}
