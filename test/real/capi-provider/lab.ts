import {
  CreateSubnetCommand,
  CreateVpcCommand,
  DescribeInstancesCommand,
  DescribeSecurityGroupsCommand,
  type Instance,
  type SecurityGroup,
} from "@aws-sdk/client-ec2";
import { acme, core, type Manifest, type Network, pathOf, readManifests } from "./manifests.ts";
import { type Provider, type ProviderOptions, startProvider } from "./provider.ts";
import { region, type ServerOptions, type Servers, startServers } from "./servers.ts";

/** An object of Cluster API or of the provider, as far as it is looked at. */
export interface Found {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly generation: number;
    readonly labels?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly { readonly kind: string; readonly uid: string }[];
    readonly finalizers?: readonly string[];
    readonly deletionTimestamp?: string;
  };
  readonly spec: { readonly providerID?: string; readonly failureDomain?: string };
  readonly status?: {
    readonly initialization?: { readonly provisioned?: boolean };
    readonly phase?: string;
    readonly failureDomain?: string;
    readonly nodeRef?: { readonly name: string };
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason: string;
      readonly message?: string;
      readonly observedGeneration?: number;
    }[];
  };
}

export interface LabOptions extends ServerOptions {
  /** The example provider's bundled program. */
  readonly program: string;
}

/** The example provider's whole world, and how to look at it. */
export interface Lab extends Servers {
  apply(...objects: readonly Manifest[]): Promise<void>;
  /** A VPC with a subnet in each of two zones. */
  makeNetwork(): Promise<Network>;
  /** A token of the ServiceAccount in the provider's manifests. */
  token(): Promise<string>;
  /** Starts the provider, with the rights of its manifests unless another token is given. */
  startProvider(options?: Partial<Omit<ProviderOptions, "program">>): Promise<Provider>;
  /** Frees the Lease of a holder that is known to be dead, as an administrator may: its successor need not wait for its end. */
  releaseLease(): Promise<void>;
  list(namespace: string, apiVersion: string, plural: string): Promise<Found[]>;
  machines(namespace: string): Promise<Found[]>;
  acmeMachines(namespace: string): Promise<Found[]>;
  /** Machines that have a Node and run. */
  running(namespace: string): Promise<Found[]>;
  instances(state: "alive" | "all"): Promise<Instance[]>;
  /** Security groups of a VPC but for its own. */
  securityGroups(vpc: string): Promise<SecurityGroup[]>;
}

const accounts = "/api/v1/namespaces/acme-system/serviceaccounts";
const lease = "/apis/coordination.k8s.io/v1/namespaces/acme-system/leases/acme-provider";

/**
 * Starts all that the example provider needs, installs its manifests, and starts none of it itself.
 * What it started ends with `stop`, and with this process at the latest.
 */
export async function startLab(options: LabOptions): Promise<Lab> {
  const servers = await startServers(options);
  const { kubernetes, ec2 } = servers;
  const providers: Provider[] = [];
  const lab: Lab = {
    ...servers,
    async apply(...objects) {
      for (const object of objects) await kubernetes.request("POST", pathOf(object), object);
    },
    async makeNetwork() {
      const { Vpc } = await ec2.send(new CreateVpcCommand({ CidrBlock: "10.0.0.0/16" }));
      const vpc = Vpc?.VpcId ?? "";
      const subnets = await Promise.all(
        ["a", "b"].map(async (zone, index) => {
          const input = { VpcId: vpc, CidrBlock: `10.0.${index}.0/24`, AvailabilityZone: `${region}${zone}` };
          const { Subnet } = await ec2.send(new CreateSubnetCommand(input));
          return { id: Subnet?.SubnetId ?? "", failureDomain: `${region}${zone}` };
        }),
      );
      return { vpc, subnets, cidrs: ["10.0.0.0/8"] };
    },
    async token() {
      const made = await kubernetes.request<{ status: { token: string } }>("POST", `${accounts}/acme-provider/token`, {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        spec: { expirationSeconds: 3_600 },
      });
      return made.status.token;
    },
    async startProvider(given = {}) {
      const token = given.token ?? (await lab.token());
      const provider = await startProvider(servers, { ...given, token, program: options.program });
      providers.push(provider);
      return provider;
    },
    async releaseLease() {
      const contentType = "application/merge-patch+json";
      await kubernetes.request("PATCH", lease, { spec: { holderIdentity: "" } }, { contentType });
    },
    async list(namespace, apiVersion, plural) {
      const path = `/apis/${apiVersion}/namespaces/${namespace}/${plural}`;
      return (await kubernetes.request<{ items: Found[] }>("GET", path)).items;
    },
    machines: (namespace) => lab.list(namespace, `${core}/v1beta2`, "machines"),
    acmeMachines: (namespace) => lab.list(namespace, acme, "acmemachines"),
    async running(namespace) {
      const machines = await lab.machines(namespace);
      return machines.filter(({ status }) => status?.nodeRef !== undefined && status.phase === "Running");
    },
    async instances(state) {
      const { Reservations = [] } = await ec2.send(new DescribeInstancesCommand({}));
      const all = Reservations.flatMap(({ Instances = [] }) => Instances);
      return state === "all" ? all : all.filter(({ State }) => State?.Name !== "terminated");
    },
    async securityGroups(vpc) {
      const Filters = [{ Name: "vpc-id", Values: [vpc] }];
      const { SecurityGroups = [] } = await ec2.send(new DescribeSecurityGroupsCommand({ Filters }));
      return SecurityGroups.filter(({ GroupName }) => GroupName !== "default");
    },
    async stop() {
      for (const { process } of providers) process.kill("SIGKILL");
      await Promise.all(providers.map(({ ended }) => ended));
      await servers.stop();
    },
  };
  try {
    for (const name of ["namespace", "rbac", "admission"]) {
      await lab.apply(...(await readManifests(options.manifests, name)));
    }
    return lab;
  } catch (error) {
    await lab.stop();
    throw error;
  }
}

/** Why a condition is as it is. */
export const reasonOf = ({ status }: Found, type: string): string | undefined =>
  status?.conditions?.find((one) => one.type === type)?.reason;
