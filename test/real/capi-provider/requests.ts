import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** One request, as the API server's audit log has it. */
export interface ApiRequest {
  readonly verb: string;
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource: string;
    readonly subresource?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code?: number };
}

const account = "system:serviceaccount:acme-system:acme-provider";

export interface Recorded {
  /** Of the API server's command line. */
  readonly flags: readonly string[];
  /** @param about - What their lines hold, e.g. an account's name; all of them unless given. */
  requests(about?: string): Promise<ApiRequest[]>;
  /** Rights that requests needed, each once, e.g. `patch acmemachines/status`. */
  rights(about?: string): Promise<Record<"allowed" | "denied", readonly string[]>>;
  remove(): Promise<void>;
}

const rightOf = ({ verb, objectRef }: ApiRequest) =>
  `${verb} ${[objectRef?.resource, objectRef?.subresource].filter(Boolean).join("/")}`;

/**
 * Has an API server write down what is asked of it.
 *
 * @param which - Of whom, or about what, as a rule of its audit policy says it; of the provider unless given.
 */
export async function recordRequests(which: object = { users: [account] }): Promise<Recorded> {
  const folder = await mkdtemp(join(tmpdir(), "api-server-audit-"));
  const policy = join(folder, "policy.yaml");
  const log = join(folder, "requests");
  const rules = [{ level: "Metadata", ...which, omitStages: ["RequestReceived"] }, { level: "None" }];
  await writeFile(policy, JSON.stringify({ apiVersion: "audit.k8s.io/v1", kind: "Policy", rules }));
  const recorded: Recorded = {
    flags: [`--audit-policy-file=${policy}`, `--audit-log-path=${log}`],
    async requests(about = "") {
      const lines = (await readFile(log, "utf8")).split("\n").slice(0, -1);
      return lines.filter((line) => line.includes(about)).map((line) => JSON.parse(line));
    },
    async rights(about) {
      const requests = await recorded.requests(about);
      const answered = (matches: (code: number) => boolean) => [
        ...new Set(requests.filter(({ responseStatus }) => matches(responseStatus?.code ?? 0)).map(rightOf)),
      ];
      return { allowed: answered((code) => code < 500 && code !== 403), denied: answered((code) => code === 403) };
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
  return recorded;
}
