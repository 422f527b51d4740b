// Compiled, never run: client-node's own classes fit the helpers as they are.

import { CoreV1Api, CustomObjectsApi, KubeConfig, Watch } from "@kubernetes/client-node";
import type { ObjectSource } from "provider-guard/cluster-api";
import { managementClusterOf, objectSource } from "provider-guard/kubernetes";
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
