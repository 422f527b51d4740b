import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { freePort } from "../../support/programs.ts";
import { createCertificateAuthority } from "../kubernetes/certificates.ts";
import { type ServerProcess, startProcess } from "../kubernetes/server-process.ts";
import type { Kubernetes } from "../kubernetes/start.ts";
import { buildClusterApi } from "./build.mjs";
import { type CustomResourceDefinition, installCrds, installWebhooks, readCrds } from "./manifests.ts";

export interface ClusterApiOptions {
  /** The management cluster. Its managers act there as the administrator. */
  readonly kubernetes: Kubernetes;
  /** The infrastructure provider's CRDs, which the managers must find at their start. */
  readonly crds?: readonly CustomResourceDefinition[];
  /** What `buildClusterApi` returned; it is asked unless given. */
  readonly programs?: string;
  /** More than what is on by default, e.g. `["ClusterTopology=true"]`. */
  readonly featureGates?: readonly string[];
  /** How long each manager may take to be ready, in milliseconds; 50 s unless given. */
  readonly timeoutMs?: number;
  /** Ends the managers at once, even while they start. */
  readonly signal?: AbortSignal;
}

/** Cluster API's own controllers, at work on a Kubernetes API server. */
export interface ClusterApi {
  /** Whether each of the managers says now that it is ready. */
  ready(): Promise<boolean>;
  /** Ends them at once, and resolves once they have ended. What they made stays in the API server. */
  stop(): Promise<void>;
}

/** The managers, and the flags of their own. */
const managers: Readonly<Record<string, readonly string[]>> = {
  core: [],
  "bootstrap-kubeadm": [],
  // There is no etcd to reach: waiting for one takes most of a control plane's life.
  "controlplane-kubeadm": ["--etcd-dial-timeout-duration=1s", "--etcd-call-timeout-duration=1s"],
};

/** A kubeconfig as a file has it. */
export function kubeConfigFile(kubernetes: Kubernetes): string {
  const config = new KubeConfig();
  config.loadFromOptions(kubernetes.kubeConfig());
  return config.exportConfig();
}

/**
 * Installs Cluster API into a Kubernetes API server and starts its managers, whose ports are all on
 * loopback. Once per API server: what it installs is never removed.
 *
 * @throws with a manager's last words where it does not become ready in time.
 */
export async function startClusterApi(options: ClusterApiOptions): Promise<ClusterApi> {
  const { kubernetes, crds = [], featureGates = [], timeoutMs = 50_000, signal } = options;
  const programs = options.programs ?? (await buildClusterApi());
  const authority = await createCertificateAuthority();
  const caBundle = Buffer.from(authority.certificate).toString("base64");
  const { certificate, key } = await authority.issueForLoopback();
  const folder = await mkdtemp(join(tmpdir(), "cluster-api-"));
  await writeFile(join(folder, "tls.crt"), certificate);
  await writeFile(join(folder, "tls.key"), key, { mode: 0o600 });
  await writeFile(join(folder, "kubeconfig"), kubeConfigFile(kubernetes), { mode: 0o600 });
  const running: { manager: ServerProcess; isReady(): Promise<boolean> }[] = [];

  const clusterApi: ClusterApi = {
    ready: async () => (await Promise.all(running.map(({ isReady }) => isReady().catch(() => false)))).every(Boolean),
    async stop() {
      await Promise.all(running.map(({ manager }) => manager.kill()));
      await rm(folder, { recursive: true, force: true });
    },
  };
  try {
    const servers = await Promise.all(
      Object.entries(managers).map(async ([name, flags]) => ({
        name,
        flags,
        port: await freePort(),
        health: await freePort(),
        caBundle,
      })),
    );
    const own = await Promise.all(servers.map((server) => readCrds(kubernetes, join(programs, server.name), server)));
    await installCrds(kubernetes, [...own.flat(), ...crds]);
    for (const { name, flags, port, health } of servers) {
      const line = [
        join(programs, name, "manager"),
        `--kubeconfig=${join(folder, "kubeconfig")}`,
        `--webhook-port=${port}`,
        `--webhook-cert-dir=${folder}`,
        "--diagnostics-address=0",
        `--health-addr=127.0.0.1:${health}`,
        "--leader-elect=false",
        // On, that one costs a second with each step of an object.
        `--feature-gates=${["ReconcilerRateLimiting=false", ...featureGates]}`,
        ...flags,
      ];
      const manager = startProcess(line, {}, signal);
      const isReady = async () => (await fetch(`http://127.0.0.1:${health}/readyz`)).ok;
      running.push({ manager, isReady });
    }
    await Promise.all(running.map(({ manager, isReady }) => manager.readyWhen(isReady, timeoutMs)));
    for (const server of servers) await installWebhooks(kubernetes, server.name, join(programs, server.name), server);
    return clusterApi;
  } catch (error) {
    await clusterApi.stop();
    throw error;
  }
}
