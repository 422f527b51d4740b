// Compiled, never run: what `guard.wrap` returns is exactly the client's type.

import {
  CoreV1Api,
  CustomObjectsApi,
  Exec,
  KubeConfig,
  KubernetesObjectApi,
  Log,
  Metrics,
  PortForward,
  type V1Secret,
  Watch,
} from "@kubernetes/client-node";
import type { Adapter, Guard } from "provider-guard";
import { type KubernetesClient, type KubernetesOptions, kubernetes } from "provider-guard/kubernetes";
import { expectTypeOf } from "vitest";

declare const guard: Guard;
const config = new KubeConfig();

expectTypeOf(kubernetes).parameters.toEqualTypeOf<[options?: KubernetesOptions | undefined]>();
expectTypeOf(kubernetes).returns.toEqualTypeOf<Adapter<KubernetesClient>>();

const core = guard.wrap(config.makeApiClient(CoreV1Api), kubernetes());
expectTypeOf(core).toEqualTypeOf<CoreV1Api>();
expectTypeOf(core.readNamespacedSecret({ name: "s", namespace: "n" })).toEqualTypeOf<Promise<V1Secret>>();
// @ts-expect-error the name is missing, as without the guard
core.readNamespacedSecret({ namespace: "n" });

expectTypeOf(guard.wrap(config.makeApiClient(CustomObjectsApi), kubernetes())).toEqualTypeOf<CustomObjectsApi>();
expectTypeOf(guard.wrap(KubernetesObjectApi.makeApiClient(config), kubernetes())).toEqualTypeOf<KubernetesObjectApi>();
expectTypeOf(guard.wrap(new Watch(config), kubernetes())).toEqualTypeOf<Watch>();
expectTypeOf(guard.wrap(new Log(config), kubernetes())).toEqualTypeOf<Log>();
expectTypeOf(guard.wrap(new Exec(config), kubernetes())).toEqualTypeOf<Exec>();
expectTypeOf(guard.wrap(new Metrics(config), kubernetes())).toEqualTypeOf<Metrics>();
expectTypeOf(guard.wrap(new PortForward(config), kubernetes())).toEqualTypeOf<PortForward>();

kubernetes({ account: "uid", fieldManager: false, deletePreconditions: "resourceVersion" });
// @ts-expect-error a UID is always part of it, or nothing is
kubernetes({ deletePreconditions: "name" });
// @ts-expect-error an unknown option
kubernetes({ namespace: "n" });
