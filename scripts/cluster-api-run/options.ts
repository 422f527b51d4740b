/** The command line: what can be said, and what is said back when it is wrong. */
import { parse, UsageError } from "../../examples/quickstart/options.ts";

export const help = `Usage: npm run start:cluster-api [-- OPTIONS]

Runs the provider of examples/capi-provider under the real Cluster API, on this machine alone: two
Kubernetes API servers (management and workload), Cluster API's three controllers, and moto, a local
AWS, behind a proxy that is idempotent by client token and limits launches as EC2 does. It makes
clusters, kills the provider with SIGKILL while it launches machines, starts it again, scales, deletes,
and counts on the cloud itself what became of it. No machine boots: a stand-in for the kubelet
registers the Nodes.

  --clusters N   Cluster API clusters, each with a control plane of one machine (2 to 10, default 3)
  --workers N    workers of each cluster at first (1 to 10, default 2)
  --out DIR      keeps the audit log in DIR/audit, what the provider logged and what the cloud was
                 asked in DIR/logs
  --keep         deletes one cluster only, and leaves everything running for a look with kubectl
                 until Ctrl-C
  --json         prints nothing but one JSON object at the end; progress goes to standard error
  --help         prints this

Needs Go 1.25 or newer, which builds the servers from source (minutes, once, into the user's cache),
Python 3.9 or newer with pip and venv for moto (installed once under node_modules/.cache), and about
1.5 GB of memory.

Exit code: 0 if every check held; 1 if not, or if something is missing; 2 for a wrong option; 130 when
interrupted. Whatever it is, nothing is left running.
`;

export interface Options {
  readonly clusters: number;
  readonly workers: number;
  readonly out: string | undefined;
  readonly keep: boolean;
  readonly json: boolean;
  readonly help: boolean;
}

const known = {
  clusters: { type: "string", default: "3" },
  workers: { type: "string", default: "2" },
  out: { type: "string" },
  keep: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

function countOf(option: string, text: string, least: number): number {
  const count = Number(text);
  if (!/^\d{1,2}$/.test(text) || count < least || count > 10) {
    throw new UsageError(`--${option}: expected a whole number from ${least} to 10, got "${text}"`);
  }
  return count;
}

/** @throws {@link UsageError} */
export function readOptions(args: readonly string[]): Options {
  const { clusters, workers, out, ...flags } = parse(args, known);
  if (out === "") throw new UsageError("--out: expected a directory");
  // One is scaled up, another one down, and one goes before the rest.
  return { clusters: countOf("clusters", clusters, 2), workers: countOf("workers", workers, 1), out, ...flags };
}
