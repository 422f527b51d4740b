import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** One request of the provider's, as the API server's audit log has it. */
export interface ApiRequest {
  readonly verb: string;
  readonly objectRef?: { readonly apiGroup?: string; readonly resource: string; readonly subresource?: string };
  readonly responseStatus?: { readonly code?: number };
}

const account = "system:serviceaccount:acme-system:acme-provider";

/** Has an API server write down what the provider asks of it, with the flags that it gives. */
export async function recordRequests(): Promise<{
  readonly flags: readonly string[];
  requests(): Promise<ApiRequest[]>;
  remove(): Promise<void>;
}> {
  const folder = await mkdtemp(join(tmpdir(), "api-server-audit-"));
  const policy = join(folder, "policy.yaml");
  const log = join(folder, "requests");
  const rules = [{ level: "Metadata", users: [account], omitStages: ["RequestReceived"] }, { level: "None" }];
  await writeFile(policy, JSON.stringify({ apiVersion: "audit.k8s.io/v1", kind: "Policy", rules }));
  return {
    flags: [`--audit-policy-file=${policy}`, `--audit-log-path=${log}`],
    async requests() {
      const lines = (await readFile(log, "utf8")).split("\n").slice(0, -1);
      return lines.map((line) => JSON.parse(line));
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
