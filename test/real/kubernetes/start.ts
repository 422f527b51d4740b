import { generateKeyPairSync, randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../support/programs.ts";
import { buildKubernetes } from "./build.mjs";
import { type CertificateAuthority, createCertificateAuthority } from "./certificates.ts";
import { createSender, type SendRequest } from "./request.ts";
import { type ServerProcess, startProcess } from "./server-process.ts";
import { createUser, type UserOptions } from "./users.ts";

export interface KubernetesOptions {
  /** More of kube-apiserver's command line, e.g. `--etcd-compaction-interval=1s`. */
  readonly flags?: readonly string[];
  /** The server's program; the one that is built from this folder unless given. */
  readonly program?: string;
  /** How long it may take to be ready, in milliseconds; 50 s unless given. */
  readonly timeoutMs?: number;
  /** Ends it at once, even while it starts. */
  readonly signal?: AbortSignal;
}

/** What client-node's `KubeConfig.loadFromOptions` takes. */
export interface KubeConfigOptions {
  readonly clusters: { name: string; server: string; caData: string; skipTLSVerify: boolean }[];
  readonly users: { name: string; token: string }[];
  readonly contexts: { name: string; cluster: string; user: string }[];
  readonly currentContext: string;
}

/** A Kubernetes API server on a port of loopback, with an etcd and a data folder of its own. */
export interface Kubernetes {
  readonly port: number;
  readonly url: string;
  readonly authority: CertificateAuthority;
  /** @param token - Whose requests they are; the administrator's (`system:masters`) unless given. */
  kubeConfig(token?: string): KubeConfigOptions;
  /** Sends one request as it is written; rejects with KubernetesRequestError where it is refused. */
  readonly request: SendRequest;
  /** Makes a namespace that no other test knows. None is ever gone: nothing here empties namespaces. */
  freshNamespace(prefix: string): Promise<string>;
  /** Makes a ServiceAccount with these rights, and returns a token of it. */
  user(options: UserOptions): Promise<string>;
  /** Ends it at once; its data stays. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data, after killing it where it still runs. */
  restart(): Promise<void>;
  /** Stops its process where it is: it accepts connections and answers nothing. */
  pause(): void;
  resume(): void;
  /** Ends it for good, and removes its data. */
  stop(): Promise<void>;
}

const issuer = "https://kubernetes.default.svc";

/** Writes what the server reads at its start, and returns the flags that name it. */
async function prepare(folder: string, authority: CertificateAuthority, adminToken: string): Promise<string[]> {
  const server = await authority.issueForLoopback();
  const accounts = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const files = {
    "tls-cert-file": server.certificate,
    "tls-private-key-file": server.key,
    "client-ca-file": authority.certificate,
    "token-auth-file": `${adminToken},admin,1,"system:masters"\n`,
    "service-account-key-file": accounts.publicKey.export({ type: "spki", format: "pem" }),
    "service-account-signing-key-file": accounts.privateKey.export({ type: "pkcs8", format: "pem" }),
  };
  for (const [flag, content] of Object.entries(files)) await writeFile(join(folder, flag), content, { mode: 0o600 });
  return [
    ...Object.keys(files).map((flag) => `--${flag}=${join(folder, flag)}`),
    "--bind-address=127.0.0.1",
    "--advertise-address=127.0.0.1",
    "--endpoint-reconciler-type=none",
    `--service-account-issuer=${issuer}`,
    `--api-audiences=${issuer}`,
    "--authorization-mode=Node,RBAC",
    "--service-cluster-ip-range=10.0.0.0/24",
    "--disable-admission-plugins=ServiceAccount", // nothing here makes the accounts that it asks for
  ];
}

/**
 * Starts a Kubernetes API server, and waits until it is ready. It ends with this process at the latest.
 *
 * @throws with the server's last words where it does not become ready in time.
 */
export async function startKubernetes(options: KubernetesOptions = {}): Promise<Kubernetes> {
  const { flags = [], timeoutMs = 50_000, signal } = options;
  const program = options.program ?? (await buildKubernetes());
  const port = await freePort();
  const url = `https://127.0.0.1:${port}`;
  const adminToken = randomUUID();
  const authority = await createCertificateAuthority();
  const folder = await mkdtemp(join(tmpdir(), "kubernetes-"));
  const line = [program, `--secure-port=${port}`, ...(await prepare(folder, authority, adminToken)), ...flags];
  const { send, disconnect } = createSender(url, authority.certificate, adminToken);
  let server: ServerProcess | undefined;

  const kubernetes: Kubernetes = {
    port,
    url,
    authority,
    request: send,
    kubeConfig: (token = adminToken) => ({
      clusters: [
        {
          name: "test",
          server: url,
          caData: Buffer.from(authority.certificate).toString("base64"),
          skipTLSVerify: false,
        },
      ],
      users: [{ name: "test", token }],
      contexts: [{ name: "test", cluster: "test", user: "test" }],
      currentContext: "test",
    }),
    async freshNamespace(prefix) {
      const metadata = { generateName: `${prefix}-` };
      const made = await send<{ metadata: { name: string } }>("POST", "/api/v1/namespaces", { metadata });
      return made.metadata.name;
    },
    user: (options) => createUser(send, options),
    async kill() {
      await server?.kill();
      disconnect();
    },
    async restart() {
      await kubernetes.kill();
      server = startProcess(line, { KUBERNETES_DATA: folder }, signal);
      await server.readyWhen(async () => (await send("GET", "/readyz")) === "ok", timeoutMs);
    },
    pause: () => server?.pause(),
    resume: () => server?.resume(),
    async stop() {
      await kubernetes.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
  try {
    await kubernetes.restart();
    return kubernetes;
  } catch (error) {
    await kubernetes.stop();
    throw error;
  }
}
