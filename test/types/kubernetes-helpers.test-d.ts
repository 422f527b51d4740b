// Compiled, never run: client-node's own classes fit the helpers as they are.

import {
  CoordinationV1Api,
  CoreV1Api,
  CustomObjectsApi,
  EventsV1Api,
  KubeConfig,
  Watch,
} from "@kubernetes/client-node";
import type { Interceptor, StateStore } from "provider-guard";
import type { ObjectSource } from "provider-guard/cluster-api";
import {
  configMapState,
  type EventRecorder,
  eventRecorder,
  fencing,
  type LeaseElector,
  leaseElector,
  managementClusterOf,
  objectSource,
} from "provider-guard/kubernetes";
import { expectTypeOf } from "vitest";

const config = new KubeConfig();
const core = config.makeApiClient(CoreV1Api);

expectTypeOf(managementClusterOf(core)).toEqualTypeOf<Promise<string>>();

const watch = new Watch(config);
const list = config.makeApiClient(CustomObjectsApi);
expectTypeOf(
  objectSource({ watch, list, group: "cluster.x-k8s.io", version: "v1beta2", plural: "machines" }),
).toEqualTypeOf<ObjectSource>();
objectSource({
  watch,
  list: (request, options) => core.listNamespacedSecret({ ...request, namespace: "default" }, options),
  version: "v1",
  plural: "secrets",
  namespace: "default",
});
// @ts-expect-error something has to list
objectSource({ watch, version: "v1", plural: "secrets" });

const leases = config.makeApiClient(CoordinationV1Api);
const elector = leaseElector({ leases, namespace: "acme-system", name: "acme", identity: "acme-0" });
expectTypeOf(elector).toEqualTypeOf<LeaseElector>();
expectTypeOf(fencing(elector)).toEqualTypeOf<Interceptor>();
// @ts-expect-error another API
leaseElector({ leases: core, namespace: "acme-system", name: "acme", identity: "acme-0" });

expectTypeOf(configMapState({ core, namespace: "acme-system", name: "state" })).toEqualTypeOf<StateStore>();

const events = config.makeApiClient(EventsV1Api);
expectTypeOf(eventRecorder({ events, controller: "acme" })).toEqualTypeOf<EventRecorder>();
