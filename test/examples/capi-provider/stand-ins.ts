/**
 * Stand-ins for the two sides that a provider lives between: an API server that keeps objects and their
 * versions, and EC2. Both write what is changed into one list, in its order.
 */
import { generateKeyPairSync } from "node:crypto";
import { ApiException, type CoreV1Api, type CustomObjectsApi } from "@kubernetes/client-node";
import { createGuard, memoryState } from "provider-guard";
import { aws } from "provider-guard/aws";
import { bootstrapVault, localKeyWrap } from "provider-guard/bootstrap";
import { onTestFinished } from "vitest";
import { connect } from "../../../examples/capi-provider/api.ts";
import { ec2Calls } from "../../../examples/capi-provider/ec2.ts";
import type { AcmeCluster, AcmeMachine, Cluster, Machine, Stored } from "../../../examples/capi-provider/kinds.ts";
import { reconcileMachine } from "../../../examples/capi-provider/machine.ts";
import type { Context, Result } from "../../../examples/capi-provider/reconcile.ts";
import { type StandInEc2, standInEc2 } from "./stand-in-ec2.ts";

type Changes = Readonly<Record<string, unknown>>;

/** Merges as `application/merge-patch+json` has it. */
function merged(before: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const after: Record<string, unknown> = { ...Object(before) };
  for (const [key, value] of Object.entries(patch)) after[key] = merged(after[key], value);
  return after;
}

const core = "cluster.x-k8s.io/v1beta2";
const acme = "infrastructure.acme.example/v1alpha1";
const namespace = "team";

export const uid = { cluster: "5f0c7a52-cluster", machine: "0b9e9b1c-machine" };

function object(apiVersion: string, kind: string, name: string, owner: string | undefined, more: Changes): Stored {
  const references: Readonly<Record<string, object>> = {
    Cluster: { apiVersion: core, kind: "Cluster", name: "blue", uid: uid.cluster },
    Machine: { apiVersion: core, kind: "Machine", name: "blue-1", uid: uid.machine, controller: true },
  };
  const labels = { "cluster.x-k8s.io/cluster-name": "blue" };
  const ownerReferences = owner === undefined ? [] : [references[owner]];
  const own = kind === "Cluster" ? uid.cluster : kind === "Machine" ? uid.machine : `uid-of-${kind}`;
  const metadata = { namespace, name, uid: own, resourceVersion: "1", generation: 1, labels, ownerReferences };
  return { apiVersion, kind, metadata, ...more } as Stored;
}

/** Of the image that the machines boot: user data holds all that they need besides it. */
const imageKey = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey;

const failureDomains = ["zone-a", "zone-b"];

/** A cluster that is provisioned, and a Machine with bootstrap data that has no instance yet. */
export const ready = {
  cluster: object(core, "Cluster", "blue", undefined, {
    spec: { infrastructureRef: { kind: "AcmeCluster", name: "blue" } },
    status: { initialization: { infrastructureProvisioned: true } },
  }) as Cluster,
  acmeCluster: object(acme, "AcmeCluster", "blue", "Cluster", {
    spec: {
      controlPlaneEndpoint: { host: "api.blue.example", port: 6443 },
      vpcId: "vpc-1",
      subnets: failureDomains.map((failureDomain) => ({ id: `subnet-of-${failureDomain}`, failureDomain })),
      apiServerCidrs: ["10.0.0.0/8"],
    },
    status: { initialization: { provisioned: true }, securityGroupId: "sg-1" },
  }) as AcmeCluster,
  machine: object(core, "Machine", "blue-1", "Cluster", {
    spec: { bootstrap: { dataSecretName: "blue-1" }, infrastructureRef: { kind: "AcmeMachine", name: "blue-1" } },
  }) as Machine,
  acmeMachine: object(acme, "AcmeMachine", "blue-1", "Machine", {
    spec: { imageId: "ami-1", instanceType: "t3.small", instanceProfile: "acme-nodes" },
  }) as AcmeMachine,
};

/** A change to one of the objects, merged into it. */
export type Given = Partial<Record<keyof typeof ready, object>>;

export interface World {
  readonly context: Context;
  /** What was changed, and where, in its order. */
  readonly done: string[];
  readonly ec2: StandInEc2;
  /** Reasons of the Events. */
  readonly told: string[];
  /** An object as it is now. */
  see<K extends keyof typeof ready>(which: K): (typeof ready)[K];
  /** Changes an object as somebody else would. */
  change(which: keyof typeof ready, patch: object): void;
  forget(which: keyof typeof ready): void;
  reasonOf(which: keyof typeof ready, type: string): string | undefined;
  reconcileMachine(): Promise<Result>;
}

const keyOf = (kind: string, name: string) => `${kind.toLowerCase()}s/${name}`;

/** Makes a world in which these objects differ from those that are ready. */
export async function standIns(given: Given = {}): Promise<World> {
  const done: string[] = [];
  const objects = new Map<string, Stored>();
  const ec2 = standInEc2(done);
  const told: string[] = [];

  function store(found: Stored): Stored {
    const version = String(Number(found.metadata.resourceVersion) + 1);
    const next = { ...found, metadata: { ...found.metadata, resourceVersion: version } } as Stored;
    objects.set(keyOf(next.kind, next.metadata.name), next);
    return next;
  }
  for (const [which, one] of Object.entries(ready))
    store(merged(one, given[which as keyof typeof ready] ?? {}) as Stored);

  function read({ plural, name }: { plural: string; name: string }): Stored {
    const found = objects.get(`${plural}/${name}`);
    if (found === undefined) throw new ApiException(404, "not found", {}, {});
    return found;
  }
  function patch(place: { plural: string; name: string; body: Changes }, what: string): Stored {
    const before = read(place);
    const { resourceVersion } = place.body.metadata as { resourceVersion: string };
    if (resourceVersion !== before.metadata.resourceVersion) throw new ApiException(409, "conflict", {}, {});
    done.push(`${before.kind}: ${what}`);
    return store(merged(before, place.body) as Stored);
  }
  const api = connect(
    {
      getNamespacedCustomObject: async (place: never) => read(place),
      listNamespacedCustomObject: async ({ plural }: { plural: string }) => ({
        items: [...objects].flatMap(([key, one]) => (key.startsWith(`${plural}/`) ? [one] : [])),
      }),
      async patchNamespacedCustomObject(place: never) {
        const { metadata, spec } = (place as { body: { metadata: { finalizers?: string[] }; spec?: object } }).body;
        const finalizer = (metadata.finalizers?.length ?? 0) > 0 ? "finalizer set" : "finalizer removed";
        return patch(place, spec === undefined ? finalizer : Object.keys(spec).join());
      },
      patchNamespacedCustomObjectStatus: async (place: never) => patch(place, "status"),
    } as unknown as CustomObjectsApi,
    {
      readNamespacedSecret: async ({ name }: { name: string }) => ({ data: { value: btoa(`data of ${name}`) } }),
    } as unknown as CoreV1Api,
  );

  const managementCluster = "b3f0a1de-kube-system";
  const guard = await createGuard({ owner: { managementCluster, provider: "infrastructure-acme" }, audit: false });
  const wrap = localKeyWrap({ publicKey: imageKey, path: "/etc/acme/bootstrap.pem" });
  const vault = bootstrapVault({ managementCluster, cloud: "aws", state: memoryState(), wrap });
  onTestFinished(async () => {
    await vault.close();
    await guard.close();
  });
  const events = { record: (_about: object, error: Error) => void told.push(error.message) };
  const { signal } = new AbortController();
  const calls = ec2Calls(guard.wrap(ec2.client, aws()), guard);
  const context = { api, ec2: calls, guard, vault, events, startedAt: 0, signal } as unknown as Context;
  const world: World = {
    context,
    done,
    ec2,
    told,
    see: (which) => objects.get(keyOf(ready[which].kind, ready[which].metadata.name)) as never,
    change: (which, patch) => void store(merged(world.see(which), patch) as Stored),
    forget: (which) => void objects.delete(keyOf(ready[which].kind, ready[which].metadata.name)),
    reasonOf: (which, type) => world.see(which).status?.conditions?.find((one) => one.type === type)?.reason,
    reconcileMachine: () => reconcileMachine(context, world.see("acmeMachine")),
  };
  return world;
}
