/**
 * AcmeMachine: one EC2 instance. It is launched once, with the sealed bootstrap data of its Machine, and never
 * again: a machine that is gone is replaced by its owner. Its finalizer goes when the instance has.
 */
import type { Instance } from "@aws-sdk/client-ec2";
import { type AcmeCluster, type AcmeMachine, group, type Machine, version } from "./kinds.ts";
import { type Context, condition, pollMs, type Result, reconcileAs, resyncMs, type Work } from "./reconcile.ts";

/** What was launched just before deletion, or by a process that is dead, may not be listed yet: let go too early, nobody would end it. */
const unlistedMs = 30_000;

export async function reconcileMachine(context: Context, found: AcmeMachine): Promise<Result> {
  return reconcileAs(context, found, async (work) => {
    if (work.machine === undefined) return undefined; // its owner is a MachineSet or control plane as yet
    if (work.object.metadata.deletionTimestamp !== undefined) return tearDown(context, work);
    return provision(context, work, work.machine);
  });
}

async function provision(context: Context, work: Work<AcmeMachine>, machine: Machine): Promise<Result> {
  const { api, ec2 } = context;
  const { object } = work;
  const wait = async (reason: string, message: string, result?: Result) => {
    await api.setStatus(object, {}, condition(object, "Ready", false, reason, message));
    return result;
  };
  const { providerID } = object.spec;
  const known = await ec2.findInstance(providerID);
  if (known === undefined && providerID === undefined) {
    const waiting = await launch(context, work, machine);
    return waiting === undefined ? pollMs : wait(...waiting, resyncMs);
  }
  const state = known?.State?.Name ?? "gone";
  if (known === undefined || (state !== "pending" && state !== "running")) {
    return wait("InstanceGone", `the instance is ${state}, and not by this provider's doing`, resyncMs);
  }
  await ec2.adopt(known.InstanceId, known.Tags);
  return report(context, object, known);
}

/** @returns What it has to wait for, as reason and message; `undefined` once it is launched. */
async function launch(
  context: Context,
  { object, cluster }: Work<AcmeMachine>,
  machine: Machine,
): Promise<[reason: string, message: string] | undefined> {
  const { api, ec2, vault } = context;
  const { namespace, name } = object.metadata;
  const { bootstrap, failureDomain } = machine.spec;
  const ref = { apiVersion: `${group}/${version}`, kind: "AcmeCluster", namespace };
  const acmeCluster = await api.get<AcmeCluster>({ ...ref, name: cluster.spec?.infrastructureRef?.name ?? "" });
  const securityGroupId = acmeCluster?.status?.securityGroupId;
  if (!cluster.status?.initialization?.infrastructureProvisioned || securityGroupId === undefined) {
    return ["WaitingForClusterInfrastructure", "the cluster is not provisioned"];
  }
  if (bootstrap.dataSecretName === undefined) return ["WaitingForBootstrapData", "there is no bootstrap data"];
  const subnets = acmeCluster?.spec.subnets ?? [];
  const subnet = subnets.find((one) => failureDomain === undefined || one.failureDomain === failureDomain);
  if (subnet === undefined) return ["FailureDomainUnknown", `no subnet in ${failureDomain}`];
  const secret = await api.bootstrapData(namespace, bootstrap.dataSecretName);
  if (secret === undefined) return ["BootstrapDataGone", `there is no Secret ${bootstrap.dataSecretName}`];

  const kept = await api.setFinalizer(object, true); // before there is anything to lose
  const asked = await api.setStatus(kept, {}, condition(kept, "Ready", false, "Launching", "as fast as EC2 allows"));
  const { userData } = await vault.seal({ ...secret, cluster, machine }); // the same again after a crash
  const instance = await ec2.launch({
    token: machine.metadata.uid,
    name,
    ...object.spec,
    subnetId: subnet.id,
    securityGroupId,
    userData,
  });
  await report(context, asked, instance);
  return undefined;
}

async function report({ api }: Context, object: AcmeMachine, instance: Instance): Promise<Result> {
  const zone = instance.Placement?.AvailabilityZone ?? "";
  const named = await api.setSpec(object, { providerID: `aws:///${zone}/${instance.InstanceId}` });
  const runs = instance.State?.Name === "running";
  const addresses = [
    { type: "InternalIP", address: instance.PrivateIpAddress },
    { type: "InternalDNS", address: instance.PrivateDnsName },
    { type: "ExternalIP", address: instance.PublicIpAddress },
  ].filter((one): one is { type: string; address: string } => Boolean(one.address));
  const initialization = runs && { initialization: { provisioned: true } };
  const status = { addresses, failureDomain: zone, ...initialization };
  const ready = condition(named, "Ready", runs, runs ? "InstanceRunning" : "InstancePending");
  await api.setStatus(named, status, ready);
  return runs ? resyncMs : pollMs;
}

async function tearDown({ api, ec2, startedAt }: Context, { object }: Work<AcmeMachine>): Promise<Result> {
  const instance = await ec2.findInstance(object.spec.providerID);
  const state = instance?.State?.Name ?? "terminated";
  if (instance === undefined && object.spec.providerID === undefined) {
    const deletedAt = new Date(object.metadata.deletionTimestamp ?? 0).getTime();
    if (Date.now() - Math.max(deletedAt, startedAt) < unlistedMs) return pollMs;
  }
  if (instance?.InstanceId === undefined || state === "terminated") {
    await api.setFinalizer(object, false);
    return undefined;
  }
  if (state !== "shutting-down") await ec2.terminate(instance.InstanceId);
  await api.setStatus(object, {}, condition(object, "Ready", false, "InstanceTerminating"));
  return pollMs;
}
