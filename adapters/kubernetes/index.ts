export type { KubernetesObject, ObjectMetadata, OwnerReference } from "../../src/core/kubernetes-object.ts";
export { kubernetes } from "./adapter.ts";
export type { SecretApi, SecretDeleteApi, SecretObject } from "./bootstrap/secret-api.ts";
export { type BootstrapSecretInventoryOptions, bootstrapSecretInventory } from "./bootstrap/secret-inventory.ts";
export { type SecretStoreOptions, secretStore } from "./bootstrap/secret-store.ts";
export {
  type BootstrapTokenRevoker,
  type BootstrapTokenRevokerOptions,
  bootstrapTokenRevoker,
} from "./bootstrap/token-revoker.ts";
export type { KubernetesClient } from "./client.ts";
export { type ConfigMapStateOptions, configMapState } from "./config-map-state.ts";
export type { ConfigMapApi, ConfigMapObject } from "./config-map-state-shard.ts";
export { type EventRecorder, type EventRecorderOptions, eventRecorder } from "./event-recorder.ts";
export type { Regarding } from "./event-recorder-series.ts";
export type { EventObject, EventsApi } from "./event-recorder-writer.ts";
export { type LeaseElector, leaseElector } from "./lease-elector.ts";
export { fencing } from "./lease-elector-fencing.ts";
export type { ElectionEvent, LeaseElectorOptions } from "./lease-elector-options.ts";
export type { LeaseApi, LeaseObject } from "./lease-elector-record.ts";
export type { Leadership } from "./lease-elector-term.ts";
export { managementClusterOf, type NamespaceReader } from "./management-cluster.ts";
export {
  type CustomObjectsListApi,
  type ListPage,
  type ListRequest,
  type ObjectSourceOptions,
  objectSource,
  type WatchApi,
} from "./object-source.ts";
export type { KubernetesOptions } from "./options.ts";
