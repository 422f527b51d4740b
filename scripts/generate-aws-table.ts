/*
 * Writes adapters/aws/table.generated.ts from the runtime schemas of published SDK clients:
 *
 *   npx esbuild scripts/generate-aws-table.ts --bundle --platform=node --packages=external --format=esm \
 *     --outfile=node_modules/.cache/generate-aws-table.mjs && node node_modules/.cache/generate-aws-table.mjs
 *
 * The clients are installed into a temporary folder; `--from DIR` takes those in DIR/node_modules instead.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { OperationFacts } from "../adapters/aws/facts.ts";
import { readSchema } from "../adapters/aws/schema.ts";
import { createVerb } from "../adapters/aws/verbs.ts";

/** Which clients, and in which version: the same table comes out until somebody changes this. */
const clients: Readonly<Record<string, string>> = {
  "client-auto-scaling": "3.1169.0",
  "client-cloudformation": "3.1169.0",
  "client-cloudwatch-logs": "3.1169.0",
  "client-dynamodb": "3.1164.0",
  "client-ec2": "3.1169.0",
  "client-ecr": "3.1169.0",
  "client-ecs": "3.1164.0",
  "client-efs": "3.1141.0",
  "client-eks": "3.1169.0",
  "client-elastic-load-balancing": "3.1075.0",
  "client-elastic-load-balancing-v2": "3.1142.0",
  "client-eventbridge": "3.1169.0",
  "client-iam": "3.1169.0",
  "client-kms": "3.1164.0",
  "client-lambda": "3.1164.0",
  "client-rds": "3.1169.0",
  "client-route-53": "3.1169.0",
  "client-s3": "3.1169.0",
  "client-secrets-manager": "3.1163.0",
  "client-sns": "3.1169.0",
  "client-sqs": "3.1169.0",
  "client-ssm": "3.1169.0",
  "client-sts": "3.1169.0",
};

interface CommandClass {
  new (input: object): { readonly schema?: readonly unknown[] };
}

function line(operation: string, { tags, token, sensitive }: OperationFacts): string | undefined {
  const plain = tags === undefined && token === undefined && sensitive.length === 0;
  if (plain && !createVerb.test(operation)) return undefined;
  const place = tags === undefined ? "-" : `${tags.path.join(".")}:${tags.style}`;
  const parts = [operation, place, token ?? "-", sensitive.length === 0 ? "-" : sensitive.join(",")];
  while (parts.length > 1 && parts.at(-1) === "-") parts.pop();
  return parts.join(" ");
}

/** All that the table says of one client's module. */
export function describeClient(module: Record<string, unknown>): { service: string; lines: string[] } {
  const className = Object.keys(module).find((name) => /^[A-Z]\w*Client$/.test(name)) ?? "";
  const service = className.replace(/Client$/, "");
  const lines: string[] = [];
  for (const [name, value] of Object.entries(module)) {
    if (!/^[A-Z]\w*Command$/.test(name) || typeof value !== "function") continue;
    const operation = name.slice(0, -"Command".length);
    const facts = readSchema(service, operation, new (value as CommandClass)({}).schema);
    const text = facts && line(operation, facts);
    if (text !== undefined) lines.push(text);
  }
  return { service, lines: lines.sort() };
}

function install(): string {
  const folder = mkdtempSync(join(tmpdir(), "aws-table-"));
  const specs = Object.entries(clients).map(([name, at]) => `@aws-sdk/${name}@${at}`);
  writeFileSync(join(folder, "package.json"), "{}");
  execFileSync("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", ...specs], {
    cwd: folder,
  });
  return folder;
}

function text(services: readonly { service: string; lines: string[] }[], resourceTypes: readonly string[]): string {
  const blocks = services.map(({ service, lines }) => `  ${service}: \`${lines.join("\n")}\`,`);
  return `// Written by scripts/generate-aws-table.ts from the schemas of the AWS SDK ${clients["client-ec2"]}. Do not edit.

const types = \`${resourceTypes.join("\n")}\`;

/** What EC2 takes as ResourceType in TagSpecifications. */
export const ec2ResourceTypes: ReadonlySet<string> = new Set(types.split("\\n"));

/** By service, one line for each operation: name, path:style of its tags, idempotency token, sensitive members. */
export const operations: Readonly<Record<string, string>> = {
${blocks.join("\n")}
};
`;
}

async function main(args: readonly string[]): Promise<void> {
  const from = args.indexOf("--from");
  const folder = from < 0 ? install() : resolve(args[from + 1] ?? ".");
  try {
    const load = createRequire(join(folder, "package.json"));
    const modules = Object.keys(clients).map((name) => load(`@aws-sdk/${name}`) as Record<string, unknown>);
    const services = modules.map(describeClient).sort((a, b) => (a.service < b.service ? -1 : 1));
    const ec2 = modules.find((module) => "EC2Client" in module) as { ResourceType: Record<string, string> };
    writeFileSync("adapters/aws/table.generated.ts", text(services, Object.values(ec2.ResourceType).sort()));
  } finally {
    if (from < 0) rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1]?.includes("generate-aws-table")) await main(process.argv.slice(2));
