// `npm run bench`: measures every figure that the documentation states, beside what one would wire by hand.
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { output } from "./child.ts";
import { markdown, table } from "./report.ts";
import { type Figure, middle, type Row } from "./row.ts";

/** Loaded by itself: what one row needs, an SDK for instance, must not weigh on another one. */
const rows: Readonly<Record<string, () => Promise<Row>>> = {
  chain: async () => (await import("./rows/chain.ts")).chain,
  "aws-throughput": async () => (await import("./rows/aws-throughput.ts")).awsThroughput,
  durable: async () => (await import("./rows/durable.ts")).durable,
  admission: async () => (await import("./rows/admission.ts")).admission,
  "idle-keys": async () => (await import("./rows/idle-keys.ts")).idleKeys,
  fairness: async () => (await import("./rows/fairness.ts")).fairness,
  "shared-limit": async () => (await import("./rows/shared-limit.ts")).sharedLimit,
  "shared-admission": async () => (await import("./rows/shared-admission.ts")).sharedAdmission,
  "aws-throttled": async () => (await import("./rows/aws-throttled.ts")).awsThrottled,
  "credential-get": async () => (await import("./rows/credentials.ts")).credentialGet,
  "credential-herd": async () => (await import("./rows/credentials.ts")).credentialHerd,
  "audit-verify": async () => (await import("./rows/audit-verify.ts")).auditVerify,
  "audit-verify-command": async () => (await import("./rows/audit-verify.ts")).auditVerifyCommand,
  recovery: async () => (await import("./rows/recovery.ts")).recovery,
  seal: async () => (await import("./rows/seal.ts")).seal,
  "seal-memory": async () => (await import("./rows/seal.ts")).sealMemory,
  stub: async () => (await import("./rows/stub.ts")).stub,
  collector: async () => (await import("./rows/collector.ts")).collector,
  "collector-memory": async () => (await import("./rows/collector.ts")).collectorMemory,
  import: async () => (await import("./rows/import.ts")).importTime,
};

const help = `Usage: npm run bench -- [options] [ID...]

Measures the figures of the documentation, all or those with the given ids:
  ${Object.keys(rows).join(", ")}

  --json     print [{ id, value, unit, better, goal, alternatives }] and nothing else
  --write    write docs/benchmarks.md as well (needs every row)
  --help     print this

A row whose server is not installed is left out, with a line that says so.
Exit codes: 0 measured, 1 a row failed or --write lacks one, 2 unusable arguments.
Figures are medians of rounds that alternate with the alternatives. No goal is enforced.
`;

function usage(message: string): never {
  process.stderr.write(`bench: ${message}\n\n${help}`);
  process.exit(2);
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        json: { type: "boolean" },
        write: { type: "boolean" },
        help: { type: "boolean" },
        row: { type: "string" }, // this very process measures it
      },
    });
  } catch (error) {
    return usage((error as Error).message);
  }
}

const { values, positionals } = readArguments();
if (values.help) {
  process.stdout.write(help);
  process.exit(0);
}
const unknown = positionals.filter((id) => !Object.hasOwn(rows, id));
if (unknown.length > 0) usage(`no such row: ${unknown.join(", ")}`);
if (values.write && positionals.length > 0) usage("--write needs every row");

/** Each row in a process of its own: what one row has compiled or left in memory must not weigh on the next. */
async function measure(row: Row): Promise<Figure> {
  const figures: Figure[] = [];
  for (let left = row.processes ?? 1; left > 0; left--) {
    figures.push((await output(fileURLToPath(import.meta.url), ["--no-warnings"], ["--row", row.id])) as Figure);
  }
  return middle(figures);
}

if (values.row !== undefined) {
  const figure = await (await rows[values.row]?.())?.run();
  process.stdout.write(`${JSON.stringify(figure)}\n`);
  process.exit(0);
}

const chosen = Object.keys(rows).filter((id) => positionals.length === 0 || positionals.includes(id));
const measured: (Row & Figure)[] = [];
let left = 0;
for (const [index, id] of chosen.entries()) {
  const row = await (rows[id] as () => Promise<Row>)();
  const missing = await row.missing?.();
  if (missing !== undefined) {
    process.stderr.write(`[${index + 1}/${chosen.length}] ${row.id}: not measured: ${missing}\n`);
    left++;
    continue;
  }
  process.stderr.write(`[${index + 1}/${chosen.length}] ${row.id} …\n`);
  measured.push({ ...row, ...(await measure(row)) });
}
if (values.json) {
  const plain = measured.map(({ id, value, unit, better, goal, alternatives }) => ({
    id,
    value,
    unit,
    better,
    goal,
    alternatives,
  }));
  process.stdout.write(`${JSON.stringify(plain, null, 2)}\n`);
} else process.stdout.write(table(measured));
if (values.write && left > 0) {
  process.stderr.write("bench: docs/benchmarks.md needs every row: nothing written\n");
  process.exit(1);
}
if (values.write) {
  await writeFile("docs/benchmarks.md", markdown(measured));
  process.stderr.write("wrote docs/benchmarks.md\n");
}
process.exit(0);
