/**
 * The provider's process: reads its configuration from the environment, campaigns for leadership, works
 * while it leads, and stops in order. Lines on standard output are JSON; none holds a secret.
 */
import { once } from "node:events";
import { EC2Client } from "@aws-sdk/client-ec2";
import { CoordinationV1Api, CoreV1Api, CustomObjectsApi, EventsV1Api, KubeConfig } from "@kubernetes/client-node";
import { createGuard, fileJournal } from "provider-guard";
import { aws } from "provider-guard/aws";
import { conditionFrom } from "provider-guard/cluster-api";
import { configMapState, eventRecorder, fencing, leaseElector, managementClusterOf } from "provider-guard/kubernetes";
import { connect } from "./api.ts";
import { type Controller, startController } from "./controller.ts";
import { ec2Calls } from "./ec2.ts";
import { serveHealth } from "./health.ts";

const { env } = process;
const settings = {
  namespace: env.POD_NAMESPACE ?? "acme-system",
  identity: env.POD_NAME ?? `local-${process.pid}`,
  auditDirectory: env.AUDIT_DIRECTORY ?? "/var/log/acme-audit",
  host: env.HEALTH_HOST ?? "0.0.0.0",
  port: Number(env.HEALTH_PORT ?? 8080),
  /** Management clusters that Clusters were moved here from: UIDs of their kube-system namespaces. */
  formerManagementClusters: env.FORMER_MANAGEMENT_CLUSTERS?.match(/[^\s,]+/g) ?? [],
};

const log = (event: string, details: object = {}) =>
  console.log(JSON.stringify({ time: new Date().toISOString(), event, ...details }));

/** An error of the cloud or the API server may quote what it was sent: only what it means is logged. */
function logError(where: string, error: unknown, requeueMs?: number): void {
  const { reason, message } = conditionFrom(error, { type: "Ready" });
  // An error that nobody foresaw is a bug, and its stack's lines say where.
  const at = reason === "InternalError" && error instanceof Error ? error.stack?.split("\n    at ").slice(1, 4) : [];
  log("error", { where, reason, message, requeueMs, at });
}

const config = new KubeConfig();
config.loadFromDefault();
const core = config.makeApiClient(CoreV1Api);
const objects = config.makeApiClient(CustomObjectsApi);

const stopping = new AbortController();
for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => stopping.abort(name));

let controller: Controller | undefined;
let refusedAt = Date.now(); // by the API server, which the election asks every few seconds
// One that stands by is ready to take over.
const isReady = () => controller?.synced ?? (!stopping.signal.aborted && Date.now() > refusedAt + 15_000);
const health = await serveHealth({ host: settings.host, port: settings.port, isReady });
const elector = leaseElector({
  leases: config.makeApiClient(CoordinationV1Api),
  namespace: settings.namespace,
  name: "acme-provider",
  identity: settings.identity,
  onEvent(event) {
    if (event.type !== "error") return log(event.type);
    refusedAt = Date.now();
    logError("election", event.error);
  },
});
const events = eventRecorder({
  events: config.makeApiClient(EventsV1Api),
  controller: "acme.example/provider",
  onError: (error) => logError("event", error),
});

log("started", { healthPort: health.port });
const campaign = elector.elected({ signal: stopping.signal }).then(({ signal }) => lead(signal));
await campaign.catch((error) => stopping.signal.aborted || logError("start", error));
await events.close();
await elector.close();
await health.close();
log("stopped");
process.exit(stopping.signal.aborted ? 0 : 1);

async function lead(term: AbortSignal): Promise<void> {
  const guard = await createGuard({
    owner: { managementCluster: await managementClusterOf(core), provider: "infrastructure-acme" },
    audit: fileJournal({ directory: settings.auditDirectory }),
    state: configMapState({ core, namespace: settings.namespace, name: "acme-guard-state" }),
    ownership: { formerOwners: settings.formerManagementClusters.map((managementCluster) => ({ managementCluster })) },
    telemetry: { meterProvider: health.meterProvider },
    interceptors: [fencing(elector), events.interceptor],
  });
  const client = guard.wrap(new EC2Client(), aws()); // region, keys and endpoint: the SDK's usual places
  const parts = { guard, events, api: connect(objects, core), ec2: ec2Calls(client, guard), startedAt: Date.now() };
  controller = startController({ ...parts, config, objects, onError: logError });
  const either = AbortSignal.any([stopping.signal, term]);
  if (!either.aborted) await once(either, "abort");
  // In this order: nothing may ask the guard anymore, nor the guard the cloud, when another replica takes over.
  log("stopping", { reason: stopping.signal.aborted ? stopping.signal.reason : "the term ended" });
  await controller.stop();
  await guard.close();
  client.destroy();
}
