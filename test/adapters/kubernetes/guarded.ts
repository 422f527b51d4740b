import { CoreV1Api, CustomObjectsApi, KubernetesObjectApi } from "@kubernetes/client-node";
import { createGuard, type GuardOptions, type OpenIntent } from "provider-guard";
import { type KubernetesOptions, kubernetes } from "provider-guard/kubernetes";
import { onTestFinished } from "vitest";
import { memoryJournal } from "../../support/memory-journal.ts";
import { fakeApiServer } from "./fake-api-server.ts";

export const managementCluster = "6f9c2a51-7d0e-4a3b-9f0a-2c1d5e8b7a90";
export const provider = "infrastructure-acme";

/** A cluster to work for. */
export const subject = (name: string) => ({ cluster: { namespace: "default", name, uid: `uid-${name}` } });

/** The owner tags of an object that is somebody's. */
export const ownedBy = (name: string) => ({
  "provider-guard/management-cluster": managementCluster,
  "provider-guard/provider": provider,
  "provider-guard/cluster-namespace": "default",
  "provider-guard/cluster-name": name,
  "provider-guard/cluster-uid": `uid-${name}`,
});

interface Setup {
  readonly guard?: Partial<GuardOptions>;
  readonly adapter?: KubernetesOptions;
  readonly unfinished?: OpenIntent[];
}

/** A guard, a stand-in for an API server, and clients of both kinds that go to it. */
export async function guarded({ guard: more, adapter: options, unfinished = [] }: Setup = {}, running?: FakeServer) {
  const server = running ?? (await fakeApiServer());
  const journal = memoryJournal();
  journal.unfinished = unfinished;
  const guard = await createGuard({
    owner: { managementCluster, provider },
    audit: journal,
    rateLimit: false,
    telemetry: false,
    ...more,
  });
  onTestFinished(async () => {
    await guard.close();
    await server.close();
  });
  const adapter = kubernetes(options);
  return {
    guard,
    server,
    journal,
    adapter,
    core: guard.wrap(server.config.makeApiClient(CoreV1Api), adapter),
    custom: guard.wrap(server.config.makeApiClient(CustomObjectsApi), adapter),
    objects: guard.wrap(KubernetesObjectApi.makeApiClient(server.config), adapter),
  };
}

type FakeServer = Awaited<ReturnType<typeof fakeApiServer>>;
