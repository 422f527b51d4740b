import type { Credential } from "../core/credential.ts";
import type { Tags } from "../core/tags.ts";
import { type Connection, type ConnectionOptions, connect, type SimulatedCloudClient } from "./cloud/client.ts";
import { credentialIssuer } from "./cloud/credentials.ts";
import { type Fault, faultList } from "./cloud/fault.ts";
import { latencies } from "./cloud/latency.ts";
import { checkFault, checkOptions, type SimulatedCloudOptions } from "./cloud/options.ts";
import type { CloudResource, ResourceOf, ResourceType } from "./cloud/resource.ts";
import { type AnyStored, resourceStore, viewOf } from "./cloud/resource-store.ts";
import { server } from "./cloud/server.ts";
import { throttle } from "./cloud/server-limits.ts";
import { type RequestRecord, wire } from "./cloud/wire.ts";
import { seededRandom } from "./seeded-random.ts";

/** What a test may know that no client of a cloud can. */
export interface CloudInspection {
  /** Every resource there ever was, by order of creation; those that are gone are `deleted`. */
  readonly resources: readonly CloudResource[];
  /** Existing resources by account and type. */
  readonly live: Readonly<Record<string, Readonly<Record<ResourceType, number>>>>;
  /** Every request that was read, in order of arrival. */
  readonly requests: readonly RequestRecord[];
  /** Requests that were refused with `Throttled`. */
  readonly throttled: number;
  readonly credentialsIssued: number;
}

/** A resource that appears without a request, e.g. made by hand. */
export interface Placement {
  readonly account: string;
  /** @defaultValue `"region-1"` */
  readonly region?: string;
  readonly name: string;
  readonly tags?: Tags;
  readonly networkId?: string;
  readonly sizeGb?: number;
}

/** A cloud within the process; see {@link simulatedCloud}. */
export interface SimulatedCloud {
  /** Makes a client on a line that never breaks. */
  client(options: ConnectionOptions): SimulatedCloudClient;
  /** Makes a client on a line that can be severed, as the crash of its process does. */
  connect(options: ConnectionOptions): Connection;
  /** Issues a credential that the cloud accepts for `ttlMs` milliseconds. */
  issueCredential(account: string, ttlMs: number): Credential<string>;
  revokeCredential(value: string): void;
  /** Adds a fault from now on; `fromMs` and `untilMs` still count from the cloud's start. @returns Takes it away again. */
  addFault(fault: Fault): () => void;
  /** Makes a resource without a request, visible at once. @throws {@link CloudError} as the create would. */
  place<T extends ResourceType>(type: T, placement: Placement): ResourceOf[T];
  /** Takes a resource away without a request, whatever depends on it. @returns Whether it was there. */
  remove(id: string): boolean;
  inspect(): CloudInspection;
}

/**
 * Makes a cloud within the process, for tests and demonstrations: machines, networks, volumes and
 * load balancers that depend on each other, tags, pages, throttling, latency, faults, eventual
 * consistency, idempotency tokens and credentials that expire. With the same seed, clock and
 * requests it answers the same, to the byte.
 *
 * @param options - See {@link SimulatedCloudOptions}.
 * @returns A cloud without resources.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 * @example
 * import { simulatedClock, simulatedCloud } from "provider-guard/testing";
 * const clock = simulatedClock();
 * const cloud = simulatedCloud({ seed: 7, clock, faults: [{ effect: "lost", kinds: ["create"], share: 0.05 }] });
 * const client = cloud.client({ account: "account-1" });
 * const { resource } = await clock.runUntil(client.createNetwork({ name: "net", clientToken: "once" }));
 */
export function simulatedCloud(options: SimulatedCloudOptions): SimulatedCloud {
  const { seed, clock, limits, latency, faults, times } = checkOptions(options);
  const random = seededRandom(seed);
  const store = resourceStore(clock);
  const requests: RequestRecord[] = [];
  let throttled = 0;

  const credentials = credentialIssuer(random.fork("credentials"), clock);
  const active = faultList(random.fork("faults"), clock);
  for (const fault of faults) active.add(fault);
  const machinery = server(store, times, random.fork("consistency"), clock);
  const line = wire({
    server: machinery,
    faults: active,
    throttle: throttle(limits, clock),
    credentials,
    latency: latencies(latency, random.fork("latency")),
    clock,
    log(record) {
      requests.push(record);
      if (record.result === "Throttled") throttled++;
    },
  });

  const view = (resource: AnyStored) => viewOf(resource, store.stateOf(resource));

  return {
    client: (connection) => connect(line, connection, clock).client,
    connect: (connection) => connect(line, connection, clock),
    issueCredential: credentials.issue,
    revokeCredential: credentials.revoke,
    addFault: (fault) => active.add(checkFault(fault)),
    place<T extends ResourceType>(type: T, { account, region = "region-1", ...input }: Placement) {
      return machinery.place(type, { account, region }, input) as ResourceOf[T];
    },
    remove(id) {
      const resource = store.get(id);
      if (resource !== undefined) store.remove(resource, 0);
      return resource !== undefined;
    },
    inspect() {
      const resources = Array.from(store.all(), view);
      const live: Record<string, Record<ResourceType, number>> = {};
      for (const { account, type, state } of resources) {
        live[account] ??= { network: 0, machine: 0, volume: 0, loadBalancer: 0 };
        if (state !== "deleted") live[account][type]++;
      }
      return { resources, live, requests: [...requests], throttled, credentialsIssued: credentials.issued };
    },
  };
}
