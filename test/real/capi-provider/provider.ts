import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { type Child, startProgram } from "../../support/child.ts";
import { boundToUs, freePort } from "../../support/programs.ts";
import { region, type Servers } from "./servers.ts";

export interface ProviderOptions {
  /** What its Pod would be called; audit folder and lease identity follow it. @defaultValue `"acme-0"` */
  readonly name?: string;
  /** Whose requests it sends to the management cluster. */
  readonly token: string;
  /** Where it finds the API server; the server's own address unless given. */
  readonly server?: string;
  /** The bundled program. */
  readonly program: string;
  /** Over what its Deployment would give it. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A process of the example provider. */
export interface Provider extends Child {
  /** Where it answers `/healthz`, `/readyz` and `/metrics`. */
  readonly url: string;
  readonly auditDirectory: string;
  /** What it logged so far. */
  log(): { readonly event: string; readonly [detail: string]: unknown }[];
}

/** Starts the example provider as its Deployment does, but for what says where the servers are. */
export async function startProvider(
  { kubernetes, cloud, folder }: Servers,
  { name = "acme-0", token, server, program, env = {} }: ProviderOptions,
): Promise<Provider> {
  const own = join(folder, name);
  await mkdir(own, { recursive: true });
  const config = new KubeConfig();
  const { clusters, ...access } = kubernetes.kubeConfig(token);
  config.loadFromOptions({ ...access, clusters: clusters.map((one) => ({ ...one, ...(server && { server }) })) });
  const kubeConfig = join(own, "kubeconfig");
  await writeFile(kubeConfig, config.exportConfig(), { mode: 0o600 });
  const port = await freePort();
  const auditDirectory = join(own, "audit");
  const given = {
    KUBECONFIG: kubeConfig,
    POD_NAME: name,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: "testing",
    AWS_SECRET_ACCESS_KEY: "testing",
    AWS_ENDPOINT_URL: cloud.url,
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
    AUDIT_DIRECTORY: auditDirectory,
    HEALTH_HOST: "127.0.0.1",
    HEALTH_PORT: String(port),
    ...env,
  };
  const through = [...boundToUs, "env", ...Object.entries(given).map(([key, value]) => `${key}=${value}`)];
  const child = startProgram(program, [], through);
  return {
    ...child,
    url: `http://127.0.0.1:${port}`,
    auditDirectory,
    log: () => child.lines.map((line) => JSON.parse(line)),
  };
}
