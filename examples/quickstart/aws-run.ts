/**
 * The guarded run through the real AWS SDK: three clusters come up on an AWS-compatible endpoint and
 * are deleted again, and what is left with our owner tags on it is counted.
 */
import { setTimeout as realSleep } from "node:timers/promises";
import {
  DescribeInstancesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  DescribeVpcsCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
import { createGuard, credentialLease, fileJournal, requeueAfter, systemClock, verifyJournal } from "provider-guard";
import { aws } from "provider-guard/aws";
import { seededRandom } from "provider-guard/testing";
import { startController } from "./controller.ts";
import { ec2Cloud } from "./ec2-cloud.ts";
import { addClusters, type KubernetesApi, kubernetesApi } from "./kubernetes.ts";
import { guardMetrics } from "./metrics.ts";
import type { Options } from "./options.ts";
import type { Progress } from "./progress.ts";
import type { Figures } from "./summary.ts";

const pollMs = 1_000;
const mostMs = 300_000;
const localHost = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** A test server on this machine must never see anybody's real keys. */
function madeUpKeys(renewed: () => void) {
  return credentialLease({
    name: "made-up",
    fetch: async () => ({
      value: { accessKeyId: "testing", secretAccessKey: "testing", sessionToken: "testing" },
      expiresAt: systemClock.now() + 900_000,
    }),
    onEvent: ({ type }) => {
      if (type === "renewed") renewed();
    },
  });
}

async function until(isSo: () => boolean, endsAt: number): Promise<boolean> {
  while (!isSo() && systemClock.monotonic() < endsAt) {
    await realSleep(100); // and nothing else keeps the process alive between two reconciles
  }
  return isSo();
}

export async function runAws(
  options: Options,
  progress: Progress,
  audit: string,
  signal: AbortSignal,
): Promise<Figures> {
  const { endpoint = "", region, image, seed } = options;
  const api = kubernetesApi();
  addClusters(api, seededRandom(seed).fork("objects"));
  const metrics = guardMetrics();
  const uid = seededRandom(seed).fork("management cluster");
  const managementCluster = Array.from({ length: 32 }, () => Math.floor(uid() * 16).toString(16)).join("");

  const guard = await createGuard({
    owner: { managementCluster, provider: "infrastructure-quickstart" },
    audit: fileJournal({ directory: audit }),
    telemetry: { meterProvider: metrics.meterProvider },
  });
  const bare = new EC2Client({ region, endpoint });
  let credentials = 0;
  const lease = localHost.test(new URL(endpoint).hostname) ? madeUpKeys(() => credentials++) : undefined;
  const ec2 = guard.wrap(bare, aws(), lease && { credentials: lease });

  const startedAt = systemClock.monotonic();
  const at = () => systemClock.monotonic() - startedAt;
  const stop = startController({
    api,
    cloud: ec2Cloud(ec2, image),
    clock: systemClock,
    pollMs,
    report: (report) => progress.reconciled(at(), report),
    onBehalfOf: (subject, reconcile) => guard.reconcile(subject, reconcile),
    requeueAfter,
  });

  const machines = api.machines().length;
  const running = () => api.machines().filter(({ status }) => status.running).length;
  await until(() => {
    progress.bar(running(), machines, `${running()} of ${machines} machines running`);
    return running() === machines || signal.aborted;
  }, startedAt + mostMs);
  const duplicates = await duplicatesOn(ec2, managementCluster);

  progress.event(at(), signal.aborted ? "interrupted: everything is deleted again" : "everything is deleted again");
  for (const cluster of api.clusters()) api.requestDeletion(cluster);
  await until(() => {
    progress.bar(api.machines().length, machines, `${api.machines().length} machines left`);
    return api.clusters().length === 0;
  }, systemClock.monotonic() + mostMs);
  const stuck = api.clusters().length;
  const unowned = (await remaining(ec2, managementCluster)) - stillKnown(api);
  stop();
  await guard.close();
  lease?.close();
  bare.destroy();
  progress.end();

  const { ok, records } = await verifyJournal({ directory: audit });
  const count = metrics.count;
  return {
    calls: await count("attempts"),
    throttled: await count("attempts", { result: "throttled" }),
    waits: await count("wait.duration"),
    trips: await count("breaker.transitions", { state: "open" }),
    refused: await count("refusals"),
    credentials,
    expired: await count("attempts", { result: "unauthenticated" }),
    machines,
    duplicates,
    unowned,
    stuck,
    audit: { records, verified: ok },
  };
}

/** Finds what carries this run's owner tags. */
const mine = (managementCluster: string) => ({
  Filters: [{ Name: "tag:provider-guard/management-cluster", Values: [managementCluster] }],
});

async function instances(ec2: EC2Client, managementCluster: string) {
  const { Reservations = [] } = await ec2.send(new DescribeInstancesCommand(mine(managementCluster)));
  return Reservations.flatMap(({ Instances = [] }) => Instances).filter(({ State }) => State?.Name !== "terminated");
}

async function duplicatesOn(ec2: EC2Client, managementCluster: string): Promise<number> {
  const all = await instances(ec2, managementCluster);
  const machines = all.map(({ Tags = [] }) => Tags.find(({ Key }) => Key === "provider-guard/machine-uid")?.Value);
  return all.length - new Set(machines).size;
}

async function remaining(ec2: EC2Client, managementCluster: string): Promise<number> {
  const input = mine(managementCluster);
  const { Vpcs = [] } = await ec2.send(new DescribeVpcsCommand(input));
  const { Subnets = [] } = await ec2.send(new DescribeSubnetsCommand(input));
  const { SecurityGroups = [] } = await ec2.send(new DescribeSecurityGroupsCommand(input));
  return Vpcs.length + Subnets.length + SecurityGroups.length + (await instances(ec2, managementCluster)).length;
}

function stillKnown(api: KubernetesApi): number {
  const parts = api.clusters().flatMap(({ status }) => Object.keys(status.parts));
  return parts.length + api.machines().filter(({ status }) => status.providerId !== undefined).length;
}
