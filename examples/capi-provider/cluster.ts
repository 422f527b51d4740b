/**
 * AcmeCluster: the cluster's own part of the network, a security group. It is provisioned once that
 * is there; it goes after the last machine.
 */
import { isExternallyManaged } from "provider-guard/cluster-api";
import type { AcmeCluster } from "./kinds.ts";
import { type Context, condition, pollMs, type Result, reconcileAs, resyncMs, type Work } from "./reconcile.ts";

export async function reconcileCluster(context: Context, found: AcmeCluster): Promise<Result> {
  if (isExternallyManaged(found)) return undefined;
  return reconcileAs(context, found, (work) =>
    work.object.metadata.deletionTimestamp === undefined ? provision(context, work) : tearDown(context, work),
  );
}

async function provision({ api, ec2 }: Context, { object, cluster }: Work<AcmeCluster>): Promise<Result> {
  const { controlPlaneEndpoint, vpcId, subnets, apiServerCidrs = [] } = object.spec;
  if (controlPlaneEndpoint === undefined) {
    const message = "spec.controlPlaneEndpoint: name a load balancer or DNS name in front of the control plane";
    await api.setStatus(object, {}, condition(object, "Ready", false, "WaitingForControlPlaneEndpoint", message));
    return undefined;
  }
  const known = await ec2.findGroup(vpcId);
  await ec2.adopt(known?.GroupId, known?.Tags);
  const kept = await api.setFinalizer(object, true);
  const group = known ?? (await ec2.createGroup(`acme-${cluster.metadata.uid}`, vpcId));
  await ec2.openGroup(group, controlPlaneEndpoint.port, apiServerCidrs);
  const zones = [...new Set(subnets.map(({ failureDomain }) => failureDomain))];
  const status = {
    initialization: { provisioned: true },
    failureDomains: zones.map((name) => ({ name, controlPlane: true })),
    securityGroupId: group.GroupId ?? "",
  };
  await api.setStatus(kept, status, condition(kept, "Ready", true, "Provisioned"));
  return resyncMs;
}

async function tearDown({ api, ec2 }: Context, { object, cluster }: Work<AcmeCluster>): Promise<Result> {
  const machines = await api.machinesOf(cluster);
  if (machines.length > 0) {
    const message = `${machines.length} machines are left`;
    await api.setStatus(object, {}, condition(object, "Ready", false, "WaitingForMachines", message));
    return pollMs;
  }
  const group = await ec2.findGroup(object.spec.vpcId);
  if (group?.GroupId !== undefined) await ec2.deleteGroup(group.GroupId);
  await api.setFinalizer(object, false);
  return undefined;
}
