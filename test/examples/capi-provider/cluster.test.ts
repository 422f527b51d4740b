import { expect, it } from "vitest";
import { reconcileCluster } from "../../../examples/capi-provider/cluster.ts";
import { standIns, type World } from "./stand-ins.ts";

const fresh = { acmeCluster: { status: null } };
const finalizers = ["infrastructure.acme.example/resources"];
const deleted = { acmeCluster: { metadata: { deletionTimestamp: "2026-11-02T12:00:00Z", finalizers } } };

const reconcile = (world: World) => reconcileCluster(world.context, world.see("acmeCluster"));

/** A world in which the cluster was provisioned, and is deleted. */
async function grouped(): Promise<World> {
  const world = await standIns(fresh);
  await reconcile(world);
  world.change("acmeCluster", deleted.acmeCluster);
  world.done.length = 0;
  return world;
}

it("a cluster is provisioned once its security group is there and open, with the zones of its subnets", async () => {
  const world = await standIns(fresh);
  expect(await reconcile(world)).toBe(300_000);
  expect(world.done).toEqual([
    "AcmeCluster: status",
    "AcmeCluster: finalizer set",
    "CreateSecurityGroup",
    "AuthorizeSecurityGroupIngress",
    "AcmeCluster: status",
  ]);
  expect(world.see("acmeCluster").status).toMatchObject({
    initialization: { provisioned: true },
    failureDomains: [
      { name: "zone-a", controlPlane: true },
      { name: "zone-b", controlPlane: true },
    ],
    securityGroupId: "sg-1",
  });
});

it("a cluster takes the security group that was made before a crash, and opens what is missing", async () => {
  const world = await standIns(fresh);
  world.ec2.refuse.set("AuthorizeSecurityGroupIngress", "InternalError");
  await expect(reconcile(world)).rejects.toThrow();
  expect(world.see("acmeCluster").status?.initialization).toBeUndefined();
  world.ec2.refuse.clear();
  await reconcile(world);
  expect(world.ec2.groups).toHaveLength(1);
  expect(world.see("acmeCluster").status).toMatchObject({
    initialization: { provisioned: true },
    securityGroupId: "sg-1",
  });
});

it("a cluster without an endpoint waits for its user", async () => {
  const world = await standIns({ acmeCluster: { status: null, spec: { controlPlaneEndpoint: undefined } } });
  expect(await reconcile(world)).toBeUndefined();
  expect(world.reasonOf("acmeCluster", "Ready")).toBe("WaitingForControlPlaneEndpoint");
  expect(world.ec2.groups).toEqual([]);
});

it("a cluster in deletion waits for its machines, then its security group goes, then its finalizer", async () => {
  const world = await grouped();
  expect(await reconcile(world)).toBe(5_000);
  expect(world.reasonOf("acmeCluster", "Ready")).toBe("WaitingForMachines");
  expect(world.done).toEqual(["AcmeCluster: status"]);
  world.forget("acmeMachine");
  expect(await reconcile(world)).toBeUndefined();
  expect(world.done.slice(1)).toEqual(["DeleteSecurityGroup", "AcmeCluster: finalizer removed"]);
});

it("a cluster in deletion keeps its finalizer while its security group cannot go", async () => {
  const world = await grouped();
  world.forget("acmeMachine");
  world.ec2.refuse.set("DeleteSecurityGroup", "DependencyViolation");
  await expect(reconcile(world)).rejects.toMatchObject({ name: "DependencyViolation" });
  expect(world.see("acmeCluster").metadata.finalizers).toEqual(finalizers);
});

it.each([
  [
    "externally managed",
    { acmeCluster: { metadata: { annotations: { "cluster.x-k8s.io/managed-by": "somebody" } } } },
    0,
  ],
  ["paused", { cluster: { spec: { paused: true } } }, 1],
])("a cluster that is %s is left alone", async (_what, given, written) => {
  const world = await standIns(given);
  expect(await reconcile(world)).toBeUndefined();
  expect(world.done).toHaveLength(written);
  expect(world.ec2.groups).toEqual([]);
});
