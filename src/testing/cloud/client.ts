import type { Clock } from "../../core/clock.ts";
import type { Tags } from "../../core/tags.ts";
import { CloudError } from "./cloud-error.ts";
import type { Input } from "./input.ts";
import { type CloudOperation, cloudOperations } from "./operation.ts";
import type {
  CloudResource,
  CreateLoadBalancerInput,
  CreateMachineInput,
  CreateNetworkInput,
  CreateVolumeInput,
  LoadBalancer,
  Machine,
  Network,
  Volume,
} from "./resource.ts";
import type { Answered, Wire } from "./wire.ts";

/** Second argument of every method. */
export interface RequestOptions {
  /** Gives up the wait; a request that has left may still be done. */
  readonly signal?: AbortSignal;
}

/** The answer about one resource. */
export interface ResourceAnswer<R> {
  readonly requestId: string;
  readonly resource: R;
}

/** The answer about several resources. */
export interface PageAnswer<R> {
  readonly requestId: string;
  readonly resources: readonly R[];
  /** Pass it as `pageToken` to get more; `undefined` at the end. */
  readonly nextToken?: string;
}

/** Input of every list. */
export interface DescribeInput {
  readonly pageToken?: string;
  /** 1 to 1000. @defaultValue 100 */
  readonly pageSize?: number;
  /** Only these. */
  readonly ids?: readonly string[];
  /** Only what carries all of these tags. */
  readonly tags?: Tags;
}

/** Names one resource. */
export interface IdInput {
  readonly id: string;
}

type Ask<I, A> = (input: I, options?: RequestOptions) => Promise<A>;
type List<R> = (input?: DescribeInput, options?: RequestOptions) => Promise<PageAnswer<R>>;

/** A client of the simulated cloud: a plain object of async methods. Failures are {@link CloudError}s. */
export interface SimulatedCloudClient {
  describeResources: List<CloudResource>;
  describeResource: Ask<IdInput, ResourceAnswer<CloudResource>>;
  describeNetworks: List<Network>;
  describeNetwork: Ask<IdInput, ResourceAnswer<Network>>;
  describeMachines: List<Machine>;
  describeMachine: Ask<IdInput, ResourceAnswer<Machine>>;
  describeVolumes: List<Volume>;
  describeVolume: Ask<IdInput, ResourceAnswer<Volume>>;
  describeLoadBalancers: List<LoadBalancer>;
  describeLoadBalancer: Ask<IdInput, ResourceAnswer<LoadBalancer>>;
  createNetwork: Ask<CreateNetworkInput, ResourceAnswer<Network>>;
  createMachine: Ask<CreateMachineInput, ResourceAnswer<Machine>>;
  createVolume: Ask<CreateVolumeInput, ResourceAnswer<Volume>>;
  createLoadBalancer: Ask<CreateLoadBalancerInput, ResourceAnswer<LoadBalancer>>;
  attachVolume: Ask<{ readonly volumeId: string; readonly machineId: string }, ResourceAnswer<Volume>>;
  detachVolume: Ask<{ readonly volumeId: string }, ResourceAnswer<Volume>>;
  updateLoadBalancer: Ask<
    { readonly id: string; readonly machineIds: readonly string[] },
    ResourceAnswer<LoadBalancer>
  >;
  tagResource: Ask<{ readonly ids: readonly string[]; readonly tags: Tags }, PageAnswer<CloudResource>>;
  untagResource: Ask<{ readonly ids: readonly string[]; readonly keys: readonly string[] }, PageAnswer<CloudResource>>;
  deleteNetwork: Ask<IdInput, ResourceAnswer<Network>>;
  terminateMachine: Ask<IdInput, ResourceAnswer<Machine>>;
  deleteVolume: Ask<IdInput, ResourceAnswer<Volume>>;
  deleteLoadBalancer: Ask<IdInput, ResourceAnswer<LoadBalancer>>;
}

/** How one client reaches the simulated cloud. */
export interface ConnectionOptions {
  readonly account: string;
  /** @defaultValue `"region-1"` */
  readonly region?: string;
  /** Asked before every request. @defaultValue a static key that never expires */
  readonly credential?: () => Promise<string> | string;
  /** Milliseconds after which the client gives a request up with `RequestTimeout`. @defaultValue 30000 */
  readonly requestTimeoutMs?: number;
}

/** A client and the line it speaks over. */
export interface Connection {
  readonly client: SimulatedCloudClient;
  /** Breaks the line for good, as a crash does: no call settles any more, nothing further leaves. */
  sever(): void;
}

const never = () => new Promise<never>(() => {});

/** Makes a client that speaks over a wire. */
export function connect(wire: Wire, options: ConnectionOptions, clock: Clock): Connection {
  const { account, region = "region-1", credential, requestTimeoutMs = 30_000 } = options;
  const open = new Set<() => void>();
  let severed = false;

  async function request(operation: CloudOperation, given: Input, signal?: AbortSignal): Promise<Answered> {
    if (severed) return never();
    signal?.throwIfAborted();
    const input = structuredClone(given); // what is changed from now on is not sent
    const value = await credential?.();
    if (severed) return never();
    signal?.throwIfAborted();
    const answer = wire.send({ account, region }, value, operation, input);
    return new Promise((resolve, reject) => {
      const timeout = clock.setTimeout(() => end(() => reject(new CloudError("RequestTimeout"))), requestTimeoutMs);
      const onAbort = () => end(() => reject(signal?.reason));
      const letGo = () => {
        timeout.cancel();
        signal?.removeEventListener("abort", onAbort);
        open.delete(letGo);
      };
      const end = (settle: () => void) => {
        if (severed) return;
        letGo();
        settle();
      };
      open.add(letGo);
      signal?.addEventListener("abort", onAbort, { once: true });
      answer.then(
        (result) => end(() => resolve(result)),
        (error: unknown) => end(() => reject(error)),
      );
    });
  }

  const methods = Object.keys(cloudOperations).map((name) => [
    name,
    (input: Input = {}, { signal }: RequestOptions = {}) => request(name as CloudOperation, input, signal),
  ]);
  return {
    client: Object.fromEntries(methods) as SimulatedCloudClient,
    sever() {
      severed = true;
      for (const letGo of [...open]) letGo();
    },
  };
}
