import { microTime } from "./api-call.ts";

/** A Lease as client-node reads and writes it. Its times may be texts or dates; they are never read. */
export interface LeaseObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: { readonly name?: string; readonly namespace?: string; readonly resourceVersion?: string };
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly leaseTransitions?: number;
    readonly acquireTime?: unknown;
    readonly renewTime?: unknown;
  };
}

/** What client-node's `CoordinationV1Api` is used for. */
export interface LeaseApi {
  readNamespacedLease(
    request: { readonly namespace: string; readonly name: string },
    options?: object,
  ): Promise<LeaseObject>;
  createNamespacedLease(
    request: { readonly namespace: string; readonly body: LeaseObject },
    options?: object,
  ): Promise<LeaseObject>;
  replaceNamespacedLease(
    request: { readonly namespace: string; readonly name: string; readonly body: LeaseObject },
    options?: object,
  ): Promise<LeaseObject>;
}

/** What an elector wants to be written. */
export interface Claim {
  /** Empty: the lease is given back. */
  readonly holder: string;
  readonly durationMs: number;
  /** Unix milliseconds; for people, nothing is judged by it. */
  readonly now: number;
  /** Whether a term begins, instead of going on. */
  readonly acquires: boolean;
}

/** Who holds a lease; empty where nobody does. */
export function holderOf(lease: LeaseObject): string {
  const { holderIdentity } = lease.spec ?? {};
  return typeof holderIdentity === "string" ? holderIdentity : "";
}

/** For how long its holder may believe in it, as the holder said. */
export function durationOf(lease: LeaseObject, otherwiseMs: number): number {
  const { leaseDurationSeconds: seconds } = lease.spec ?? {};
  return typeof seconds === "number" && seconds > 0 ? seconds * 1000 : otherwiseMs;
}

/** The version of a lease, which orders all writes of the API server, deletions and re-creations included. */
export function versionOf(lease: LeaseObject): number {
  const text = lease.metadata?.resourceVersion;
  if (typeof text === "string" && /^\d{1,15}$/.test(text)) return Number(text);
  throw new Error("the API server gave the lease no version that can be ordered");
}

/** The lease with a claim in it; labels and whatever else it holds stay. */
export function claimed(lease: LeaseObject, { holder, durationMs, now, acquires }: Claim): LeaseObject {
  const { leaseTransitions: transitions = 0, ...spec } = lease.spec ?? {};
  const time = microTime(now);
  return {
    ...lease,
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    spec: {
      ...spec,
      holderIdentity: holder,
      leaseDurationSeconds: Math.ceil(durationMs / 1000),
      leaseTransitions: acquires ? (transitions % (2 ** 31 - 1)) + 1 : transitions, // an int32
      renewTime: time,
      ...(acquires && { acquireTime: time }),
    },
  };
}
