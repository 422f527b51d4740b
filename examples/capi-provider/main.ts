/**
 * The provider's process: reads its configuration from the environment, campaigns for leadership, works
 * while it leads, and stops in order. Lines on standard output are JSON; none holds a secret.
 */
import { once } from "node:events";
import { EC2Client } from "@aws-sdk/client-ec2";
import { KMSClient } from "@aws-sdk/client-kms";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import {
  CoordinationV1Api,
  CoreV1Api,
  CustomObjectsApi,
  EventsV1Api,
  KubeConfig,
  Watch,
} from "@kubernetes/client-node";
import { createGuard, fileJournal } from "provider-guard";
import { aws, kmsWrap, secretsManagerStore } from "provider-guard/aws";
import { bootstrapVault, cleanUpSettled } from "provider-guard/bootstrap";
import { conditionFrom, watchNodeRef } from "provider-guard/cluster-api";
import {
  configMapState,
  eventRecorder,
  fencing,
  leaseElector,
  managementClusterOf,
  objectSource,
} from "provider-guard/kubernetes";
import { connect } from "./api.ts";
import { type Controller, startController } from "./controller.ts";
import { ec2Calls } from "./ec2.ts";
import { serveHealth } from "./health.ts";
import { core as coreKinds } from "./kinds.ts";

const { env } = process;
const settings = {
  namespace: env.POD_NAMESPACE ?? "acme-system",
  identity: env.POD_NAME ?? `local-${process.pid}`,
  auditDirectory: env.AUDIT_DIRECTORY ?? "/var/log/acme-audit",
  host: env.HEALTH_HOST ?? "0.0.0.0",
  port: Number(env.HEALTH_PORT ?? 8080),
  /** What bootstrap data is sealed with: the machines' role may decrypt with it. */
  kmsKeyId: env.BOOTSTRAP_KMS_KEY_ID ?? "alias/acme-bootstrap",
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
  const managementCluster = await managementClusterOf(core);
  const state = configMapState({ core, namespace: settings.namespace, name: "acme-guard-state" });
  const guard = await createGuard({
    owner: { managementCluster, provider: "infrastructure-acme" },
    audit: fileJournal({ directory: settings.auditDirectory }),
    state,
    ownership: { formerOwners: settings.formerManagementClusters.map((managementCluster) => ({ managementCluster })) },
    telemetry: { meterProvider: health.meterProvider },
    interceptors: [fencing(elector), events.interceptor],
  });
  const clients = { ec2: new EC2Client(), secrets: new SecretsManagerClient(), kms: new KMSClient() }; // settings: the SDK's
  for (const client of Object.values(clients)) guard.wrap(client, aws());
  const store = secretsManagerStore({ client: clients.secrets, kmsKeyId: settings.kmsKeyId });
  const wrap = kmsWrap({ client: clients.kms, keyId: settings.kmsKeyId });
  const vault = bootstrapVault({ managementCluster, cloud: "aws", state, store, wrap, guard, abandonedMs: 10_000 });
  const source = objectSource({ watch: new Watch(config), list: objects, ...coreKinds, plural: "machines" });
  const onError = (error: unknown) => logError("bootstrap data", error);
  const settled = watchNodeRef({ machines: source, state, onMachine: cleanUpSettled(vault), onError });
  const sweeping = setInterval(() => vault.sweep().catch(onError), 60_000);
  const parts = { guard, vault, events, api: connect(objects, core), ec2: ec2Calls(clients.ec2, guard) };
  controller = startController({ ...parts, startedAt: Date.now(), config, objects, onError: logError });
  const either = AbortSignal.any([stopping.signal, term]);
  if (!either.aborted) await once(either, "abort");
  // In this order: nothing may ask the guard anymore, nor the guard the cloud, when another replica takes over.
  log("stopping", { reason: stopping.signal.aborted ? stopping.signal.reason : "the term ended" });
  clearInterval(sweeping);
  await Promise.all([controller.stop(), settled.close()]);
  await vault.close();
  await guard.close();
  for (const client of Object.values(clients)) client.destroy();
}
