import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EC2Client } from "@aws-sdk/client-ec2";
import { CreateAliasCommand, CreateKeyCommand, KMSClient, type KMSClientConfig } from "@aws-sdk/client-kms";
import { serveMoto } from "../../../scripts/moto.mjs";
import { type CloudProxy, startCloudProxy } from "../cloud-proxy.ts";
import { parseCrds } from "../cluster-api/manifests.ts";
import { type ClusterApi, startClusterApi } from "../cluster-api/start.ts";
import { type Kubernetes, startKubernetes } from "../kubernetes/start.ts";

export interface ServerOptions {
  /** A Python that has moto. */
  readonly python: string;
  /** Folder of the example provider's manifests. */
  readonly manifests: string;
  /** Where the API server and Cluster API's managers are; they are built unless given. */
  readonly programs?: { readonly kubernetes: string; readonly clusterApi: string };
  /** More of the management cluster's API server's command line. */
  readonly flags?: readonly string[];
  /** Another world, whose cloud and workload clusters this one shares; it must end after this one. */
  readonly beside?: Servers;
  /** Of Cluster API's managers, as `startClusterApi` takes them. */
  readonly featureGates?: readonly string[];
  /** Ends all of them at once, even while they start; `stop` is still to be called where they have started. */
  readonly signal?: AbortSignal;
}

/** What the example provider lives between. */
export interface Servers {
  /** The management cluster, with the provider's CRDs. */
  readonly kubernetes: Kubernetes;
  /** The API server that stands for those of all workload clusters. */
  readonly workload: Kubernetes;
  readonly clusterApi: ClusterApi;
  /** In front of moto: idempotent by client token, as EC2 is. */
  readonly cloud: CloudProxy;
  /** A bare client. */
  readonly ec2: EC2Client;
  /** For files; removed at the end. */
  readonly folder: string;
  /** Ends them, whatever state they are in. */
  stop(): Promise<void>;
}

export const region = "eu-central-1";

/** Makes the key that the provider seals bootstrap data with, under the alias that it looks for. */
async function makeBootstrapKey(settings: KMSClientConfig): Promise<void> {
  const kms = new KMSClient(settings);
  const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
  const alias = { AliasName: "alias/acme-bootstrap", TargetKeyId: KeyMetadata?.KeyId };
  await kms.send(new CreateAliasCommand(alias));
  kms.destroy();
}

/**
 * Starts two API servers, Cluster API's managers and a cloud: about ten seconds.
 *
 * @throws with a server's last words where it does not start.
 */
export async function startServers(options: ServerOptions): Promise<Servers> {
  const { python, manifests, programs, flags = [], featureGates = [], beside, signal } = options;
  const ending = signal !== undefined && { signal };
  const endings: (() => unknown)[] = [];
  const stop = async () => {
    for (const end of endings.splice(0).reverse()) await end();
  };
  const started = async <T>(starting: Promise<T>, end: (made: T) => unknown): Promise<T> => {
    const made = await starting;
    endings.push(() => end(made));
    return made;
  };
  const startApiServer = (flags: readonly string[]) =>
    started(startKubernetes({ flags, ...ending, ...(programs && { program: programs.kubernetes }) }), (server) =>
      server.stop(),
    );
  const startCloud = async () => {
    const moto = await started(serveMoto(python, { ...ending }), (server) => server.stop());
    const cloud = await started(startCloudProxy(moto.url), (proxy) => proxy.stop());
    const credentials = { accessKeyId: "testing", secretAccessKey: "testing" };
    const ec2 = new EC2Client({ endpoint: cloud.url, region, credentials });
    endings.push(() => ec2.destroy());
    await makeBootstrapKey({ endpoint: moto.url, region, credentials });
    return { cloud, ec2 };
  };
  try {
    const folder = await started(mkdtemp(join(tmpdir(), "capi-provider-")), (path) =>
      rm(path, { recursive: true, force: true }),
    );
    const starting = [startApiServer(flags), beside?.workload ?? startApiServer([]), beside ?? startCloud()] as const;
    await Promise.allSettled(starting); // or one that fails would leave the others behind
    const [kubernetes, workload, { cloud, ec2 }] = await Promise.all(starting);
    const crds = await parseCrds(kubernetes, await readFile(join(manifests, "crds.yaml"), "utf8"));
    const clusterApi = await started(
      startClusterApi({
        kubernetes,
        crds,
        featureGates,
        ...ending,
        ...(programs && { programs: programs.clusterApi }),
      }),
      (managers) => managers.stop(),
    );
    return { kubernetes, workload, clusterApi, cloud, ec2, folder, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
