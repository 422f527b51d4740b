import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { bundle } from "../support/bundle.ts";
import type { Found } from "./capi-provider/lab.ts";
import { type Provider, startProvider } from "./capi-provider/provider.ts";
import { recordRequests } from "./capi-provider/requests.ts";
import type { Servers } from "./capi-provider/servers.ts";
import { acme, core, manifests, pathOf, patient, readManifests, reasonOf } from "./capi-provider.ts";
import { type CustomResourceDefinition, installCrds } from "./cluster-api/manifests.ts";
import { type ClusterApi, describeWithClusterApi, startClusterApi } from "./cluster-api.ts";
import { createCertificateAuthority } from "./kubernetes/certificates.ts";
import { type Kubernetes, startKubernetes } from "./kubernetes.ts";
import { startWire, type Wire } from "./wire.ts";

const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

describeWithClusterApi("the example provider, started before it can work", () => {
  let kubernetes: Kubernetes;
  let recorded: Awaited<ReturnType<typeof recordRequests>>;
  let folder: string;
  let program: string;
  let clusterApi: ClusterApi | undefined;
  const wires: Wire[] = [];
  const providers: Provider[] = [];

  beforeAll(async () => {
    program = await bundle(new URL("../../examples/capi-provider/main.ts", import.meta.url));
    recorded = await recordRequests();
    folder = await mkdtemp(join(tmpdir(), "capi-provider-access-"));
    kubernetes = await startKubernetes({ flags: recorded.flags });
    for (const object of await readManifests(manifests, "namespace")) await apply(object);
  }, 120_000);
  afterAll(async () => {
    for (const { process } of providers) process.kill("SIGKILL");
    await Promise.all(providers.map(({ ended }) => ended));
    for (const wire of wires) await wire.cut();
    await clusterApi?.stop();
    await kubernetes?.stop();
    await recorded?.remove();
    await rm(folder, { recursive: true, force: true });
  });

  type Applied = Parameters<typeof pathOf>[0];
  const apply = (object: Applied) => kubernetes.request("POST", pathOf(object), object);

  /** Starts a provider that reaches the API server through a line of its own. */
  async function startAs(name: string, token: string, caData?: string) {
    const wire = await startWire(kubernetes.port);
    wires.push(wire);
    const { clusters, ...others } = kubernetes.kubeConfig(token);
    const server = `https://127.0.0.1:${wire.port}`;
    const changed = clusters.map((one) => ({ ...one, server, ...(caData !== undefined && { caData }) }));
    const servers = { kubernetes: { ...kubernetes, kubeConfig: () => ({ clusters: changed, ...others }) }, folder };
    const cloud = { url: "http://127.0.0.1:9" }; // nothing here gets as far as that
    const provider = await startProvider({ ...servers, cloud } as Servers, { name, token, program });
    providers.push(provider);
    return { provider, wire };
  }

  const reasonsOf = (provider: Provider, where: string) =>
    provider.log().flatMap((line) => (line.event === "error" && line.where === where ? [line.reason] : []));
  const ready = async ({ url }: Provider) => (await fetch(`${url}/readyz`)).status;

  it("is not ready without access, says why, asks every few seconds, and works once it may", async () => {
    const roles = await readManifests(manifests, "rbac");
    for (const object of roles) if (object.kind === "ServiceAccount") await apply(object);
    const review = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { expirationSeconds: 3_600 } };
    const path = "/api/v1/namespaces/acme-system/serviceaccounts/acme-provider/token";
    const { token } = (await kubernetes.request<{ status: { token: string } }>("POST", path, review)).status;
    const { certificate } = await createCertificateAuthority();
    const wrong = {
      ca: await startAs("wrong-ca", token, Buffer.from(certificate).toString("base64")),
      token: await startAs("wrong-token", randomUUID()),
    };
    const { provider, wire } = await startAs("acme-0", token);
    for (const one of Object.values(wrong)) await one.wire.mend();
    const reasons = (one: Provider) => expect.poll(() => reasonsOf(one, "election"), patient);
    await reasons(provider).toContain("ServiceUnavailable");
    await reasons(wrong.token.provider).toContain("Unauthenticated");
    const openssl = /SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE/;
    await expect.poll(() => wrong.ca.provider.lines.join(), patient).toMatch(openssl);

    await wire.mend();
    await reasons(provider).toContain("AccessDenied");
    const before = [wrong.ca, wrong.token].map((one) => one.wire.connections);
    const asked = (await recorded.requests()).length;
    await sleep(8_000);
    for (const [index, one] of [wrong.ca, wrong.token].entries()) {
      expect(one.wire.connections - (before[index] ?? 0)).toBeLessThanOrEqual(5);
      expect(one.wire.connections).toBeGreaterThan(0);
      expect(await ready(one.provider)).toBe(503);
      expect((await fetch(`${one.provider.url}/healthz`)).status).toBe(200);
      one.provider.process.kill("SIGTERM");
      expect(await one.provider.ended).toBe(0);
    }
    expect((await recorded.requests()).length - asked).toBeLessThanOrEqual(5);
    expect(await ready(provider)).toBe(503);
    expect(provider.lines.join()).not.toContain(token);

    for (const object of roles) if (object.kind !== "ServiceAccount") await apply(object);
    const events = () => provider.log().map(({ event }) => event);
    await expect.poll(events, patient).toContain("elected");
  }, 200_000);

  it("waits for kinds that are not there, and goes on without a restart when they come, go and come again", async () => {
    const [provider] = providers.slice(-1);
    if (provider === undefined) throw new Error("no provider was started");
    for (const plural of ["acmeclusters", "acmemachines", "clusters", "machines"]) {
      await expect.poll(() => reasonsOf(provider, `watch of ${plural}`), patient).toContain("NotFound");
    }
    expect(await ready(provider)).toBe(503);
    const lists = async (plural: string) =>
      (await recorded.requests()).filter(({ verb, objectRef }) => verb === "list" && objectRef?.resource === plural);
    const asked = (await lists("machines")).length;
    await sleep(8_000);
    expect((await lists("machines")).length - asked).toBeLessThanOrEqual(10); // by two watches: 2, 4, 8, 16 and 30 s apart

    const crds = (await readManifests(manifests, "crds")) as unknown as CustomResourceDefinition[];
    clusterApi = await startClusterApi({ kubernetes, crds });
    await expect.poll(() => ready(provider), patient).toBe(200);

    const crd = crds.filter(({ spec }) => spec.names.plural === "acmemachines");
    const name = crd[0]?.metadata.name;
    const known = reasonsOf(provider, "watch of acmemachines").length;
    await kubernetes.request("DELETE", `${definitions}/${name}`);
    await expect.poll(() => reasonsOf(provider, "watch of acmemachines").length, patient).toBeGreaterThan(known);
    await sleep(5_000);
    expect(reasonsOf(provider, "watch of acmemachines").length - known).toBeLessThanOrEqual(5);
    await installCrds(kubernetes, crd);
    const namespace = await kubernetes.freshNamespace("blue");
    const owner = { apiVersion: `${core}/v1beta2`, kind: "Machine", name: "m", uid: randomUUID(), controller: true };
    await kubernetes.request("POST", `/apis/${acme}/namespaces/${namespace}/acmemachines`, {
      ...{ apiVersion: acme, kind: "AcmeMachine" },
      metadata: { name: "m", ownerReferences: [owner] },
      spec: { imageId: "ami-12345678", instanceType: "t3.small" },
    });
    const reason = async () => {
      const found = `/apis/${acme}/namespaces/${namespace}/acmemachines/m`;
      return reasonOf(await kubernetes.request<Found>("GET", found), "Ready");
    };
    await expect.poll(reason, patient).toBe("OwnerUnresolved");
    expect(provider.log().filter(({ event }) => event === "started")).toHaveLength(1);
    provider.process.kill("SIGTERM");
    expect(await provider.ended).toBe(0);
  }, 300_000);
});
