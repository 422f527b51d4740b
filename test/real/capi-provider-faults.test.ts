import { randomUUID } from "node:crypto";
import { appendFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from "vitest";
import { mountSmallDisk, type SmallDisk } from "../support/small-disk.ts";
import { recordRequests } from "./capi-provider/requests.ts";
import { type Right, withoutRight } from "./capi-provider/without-right.ts";
import {
  acme,
  clusterManifests,
  connectWorkload,
  core,
  describeWithLab,
  type Lab,
  merge,
  type Provider,
  patient,
  reasonOf,
  standInForKubelets,
} from "./capi-provider.ts";
import { startWire, type Wire } from "./wire.ts";

interface Event {
  readonly reason: string;
  readonly regarding: { readonly name: string };
}

const clusterName = `${core}/cluster-name`;

describeWithLab("the example provider, with what is wrong around it", (start) => {
  let lab: Lab;
  let recorded: Awaited<ReturnType<typeof recordRequests>>;
  let wire: Wire;
  let provider: Provider;
  let namespace: string;
  /** A disk of four megabytes for the audit log; `undefined` where mounting is not allowed. */
  let disk: SmallDisk | undefined;
  let stopKubelets = async () => {};

  beforeAll(async () => {
    recorded = await recordRequests();
    lab = await start({ flags: recorded.flags });
    namespace = await lab.kubernetes.freshNamespace("blue");
    const network = await lab.makeNetwork();
    await connectWorkload(lab.kubernetes, { namespace, cluster: "blue", workload: lab.workload });
    stopKubelets = standInForKubelets(lab, { namespace, workload: lab.workload });
    wire = await startWire(Number(new URL(lab.cloud.url).port));
    await wire.mend();
    disk = mountSmallDisk("4m");
    const audit = disk !== undefined && { AUDIT_DIRECTORY: join(disk.directory, "audit") };
    provider = await lab.startProvider({ env: { AWS_ENDPOINT_URL_EC2: `http://127.0.0.1:${wire.port}`, ...audit } });
    await lab.apply(...clusterManifests({ namespace, name: "blue", network }));
    await running(2);
  }, 240_000);
  afterAll(async () => {
    await stopKubelets();
    await lab?.stop();
    await wire?.cut();
    await recorded?.remove();
    disk?.remove();
  });

  const running = (count: number) =>
    vi.waitFor(async () => expect(await lab.running(namespace)).toHaveLength(count), patient);
  const scale = (replicas: number) => {
    const path = `/apis/${core}/v1beta2/namespaces/${namespace}/machinedeployments/blue`;
    return lab.kubernetes.request("PATCH", path, { spec: { replicas } }, merge);
  };
  const acmeMachine = (name: string, place = namespace) => `/apis/${acme}/namespaces/${place}/acmemachines/${name}`;
  /** An edit has an object looked at now, however long its failure would have it wait. */
  const edit = (name: string) => {
    const annotations = { "example.com/edited": randomUUID() };
    return lab.kubernetes.request("PATCH", acmeMachine(name), { metadata: { annotations } }, merge);
  };
  const calls = (operation: string) => lab.cloud.log.filter((one) => one.operation === operation);
  const failures = (name: string, place = namespace) =>
    provider.log().filter(({ event, where }) => event === "error" && where === `AcmeMachine/${place}/${name}`);
  const waits = (name: string, place = namespace) => failures(name, place).map(({ requeueMs }) => Number(requeueMs));
  const events = async (name: string, place = namespace) => {
    const path = `/apis/events.k8s.io/v1/namespaces/${place}/events`;
    const { items } = await lab.kubernetes.request<{ items: Event[] }>("GET", path);
    return items.filter(({ regarding }) => regarding.name === name).map(({ reason }) => reason);
  };
  const unready = async (...reasons: string[]) => {
    const all = await lab.acmeMachines(namespace);
    return all.filter((one) => reasons.includes(reasonOf(one, "Ready") ?? "")).map(({ metadata }) => metadata.name);
  };
  /** Names of as many: asked once more they may say otherwise, since a launch that is tried again says so meanwhile. */
  const untilUnready = (count: number, ...reasons: string[]) =>
    vi.waitFor(async () => {
      const names = await unready(...reasons);
      expect(names).toHaveLength(count);
      return names;
    }, patient);
  /** A right that comes back, whatever becomes of the test. */
  async function takeRight(right: Right): Promise<() => Promise<void>> {
    const giveBack = await withoutRight(lab.kubernetes, right);
    onTestFinished(giveBack);
    return giveBack;
  }

  it("makes one instance where the right to write its status is gone while it is launched, and goes on with the right", async () => {
    const made = calls("RunInstances").length;
    let arrived = () => {};
    const launching = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const ignore = lab.cloud.watch(({ operation }, answer) => {
      if (operation !== "RunInstances" || answer !== undefined) return undefined;
      arrived();
      return released;
    });
    await scale(2);
    await launching;
    const all = await lab.acmeMachines(namespace);
    const name = all.find(({ spec }) => spec.providerID === undefined)?.metadata.name ?? "";
    const giveBack = await takeRight({ resource: "acmemachines/status", verb: "patch" });
    release();
    ignore();
    await expect.poll(() => events(name), patient).toContain("AccessDenied");
    await sleep(8_000);
    // Its own write of spec.providerID has it looked at once more.
    expect(failures(name).length).toBeLessThanOrEqual(3);
    await expect.poll(() => waits(name).at(-1), patient).toBeGreaterThanOrEqual(60_000);
    const denied = (await recorded.requests()).filter(
      ({ objectRef, responseStatus }) => objectRef?.name === name && responseStatus?.code === 403,
    );
    expect(denied.length).toBeGreaterThan(0);
    expect(denied.length).toBeLessThanOrEqual(6); // what was to be written, and that it could not be
    await giveBack();
    await edit(name);
    await running(3);
    expect(calls("RunInstances")).toHaveLength(made + 1);
  }, 200_000);

  it("launches nothing without the right to read Secrets, nor without the Secret, and says which of the two", async () => {
    const made = calls("RunInstances").length;
    const giveBack = await takeRight({ resource: "secrets", verb: "get" });
    await scale(3);
    const [name = ""] = await untilUnready(1, "AccessDenied");
    await expect.poll(() => events(name), patient).toContain("AccessDenied");
    await expect.poll(() => waits(name).at(-1), patient).toBeGreaterThanOrEqual(60_000);
    const secrets = `/api/v1/namespaces/${namespace}/secrets`;
    const secret = await lab.kubernetes.request<{ data: object; type: string }>("GET", `${secrets}/${name}`);
    await lab.kubernetes.request("DELETE", `${secrets}/${name}`);
    await giveBack();
    await edit(name);
    await expect.poll(() => unready("BootstrapDataGone"), patient).toEqual([name]);
    expect(calls("RunInstances")).toHaveLength(made);
    const { data, type } = secret;
    await lab.kubernetes.request("POST", secrets, {
      metadata: { name, labels: { [clusterName]: "blue" } },
      data,
      type,
    });
    await edit(name);
    await running(4);
    expect(calls("RunInstances")).toHaveLength(made + 1);
  }, 200_000);

  it("takes nobody's word for whose an object is", async () => {
    const [launched, ended] = [calls("RunInstances").length, calls("TerminateInstances").length];
    const [machine] = await lab.machines(namespace);
    if (machine === undefined) throw new Error("there is no Machine");
    const { name, uid } = machine.metadata;
    const real = { apiVersion: `${core}/v1beta2`, kind: "Machine", name, uid, controller: true };
    const red = await lab.kubernetes.freshNamespace("red");
    const make = (
      name: string,
      owners: readonly object[],
      { place = namespace, ...metadata }: Record<string, unknown>,
    ) =>
      lab.kubernetes.request("POST", acmeMachine("", `${place}`), {
        ...{ apiVersion: acme, kind: "AcmeMachine" },
        metadata: { name, labels: { [clusterName]: "blue" }, ownerReferences: owners, ...metadata },
        spec: { imageId: "ami-12345678", instanceType: "t3.small" },
      });
    const wrong: readonly [name: string, owner: object, reason: string, metadata: Record<string, unknown>][] = [
      ["another-namespace", real, "OwnerUnresolved", { place: red }],
      ["another-uid", { ...real, uid: randomUUID() }, "OwnerUnresolved", {}],
      ["another-group", { ...real, apiVersion: "machine.example.com/v1" }, "AccessDenied", {}],
      ["another-cluster", real, "OwnerInvalid", { labels: { [clusterName]: "green" } }],
      // With the finalizer its deletion would end the instance of the Machine that it names.
      ["impostor", real, "OwnerInvalid", { finalizers: ["infrastructure.acme.example/resources"] }],
    ];
    await expect(make("two-controllers", [real, { ...real, uid: randomUUID() }], {})).rejects.toThrow(
      /was answered 422: .*metadata\.ownerReferences/,
    );
    for (const [name, owner, , metadata] of wrong) await make(name, [owner], metadata);
    for (const [name, , reason, { place = namespace }] of wrong) {
      const found = async () => (await lab.acmeMachines(`${place}`)).find(({ metadata }) => metadata.name === name);
      const ready = async () => reasonOf((await found()) ?? { metadata: machine.metadata, spec: {} }, "Ready");
      await expect.poll(ready, patient).toBe(reason);
      await expect.poll(() => events(name, `${place}`), patient).toContain(reason);
    }
    await sleep(3_000);
    for (const [name, , reason, { place = namespace }] of wrong) {
      expect(failures(name, `${place}`), name).toHaveLength(1);
      const least = reason === "OwnerUnresolved" ? 30_000 : 60_000; // caches may lag: an owner may still come
      expect(waits(name, `${place}`)[0], name).toBeGreaterThanOrEqual(least);
      await lab.kubernetes.request("DELETE", acmeMachine(name, `${place}`));
    }
    await expect.poll(() => failures("impostor").length, patient).toBe(2);
    expect(failures("impostor").map(({ reason }) => reason)).toEqual(["OwnerInvalid", "OwnerInvalid"]);
    expect(calls("RunInstances")).toHaveLength(launched);
    expect(calls("TerminateInstances")).toHaveLength(ended);
    await lab.kubernetes.request("PATCH", acmeMachine("impostor"), { metadata: { finalizers: [] } }, merge);
    expect(await lab.running(namespace)).toHaveLength(4);
  }, 200_000);

  it("launches nothing while the audit log's disk is full, says so, and goes on when there is room", async (test) => {
    if (disk === undefined) return test.skip("mounting a small file system is not allowed here");
    const made = calls("RunInstances").length;
    const filler = join(disk.directory, "filler");
    let room = 1 << 20;
    while (room > 0) {
      try {
        appendFileSync(filler, Buffer.alloc(room));
      } catch {
        room >>= 1;
      }
    }
    onTestFinished(() => rmSync(filler, { force: true }));
    // The last page of the log has room for some records: those of reads take it.
    for (let look = 0; look < 12; look++) {
      for (const { metadata } of await lab.acmeMachines(namespace)) await edit(metadata.name);
      await sleep(100);
    }
    await scale(4);
    const [name = ""] = await untilUnready(1, "AuditUnavailable");
    await expect.poll(() => events(name), patient).toContain("AuditUnavailable");
    await sleep(3_000);
    expect(failures(name).length).toBeLessThanOrEqual(2);
    expect(waits(name)[0]).toBeGreaterThanOrEqual(10_000);
    expect(calls("RunInstances")).toHaveLength(made);
    rmSync(filler);
    await edit(name);
    await running(5);
    expect(calls("RunInstances")).toHaveLength(made + 1);
  }, 200_000);

  it("does not stumble over objects that are gone between event and reading", async () => {
    const owner = { apiVersion: `${core}/v1beta2`, kind: "Machine", name: "gone", uid: randomUUID(), controller: true };
    const names = Array.from({ length: 20 }, (_, index) => `gone-${index}`);
    for (const name of names) {
      await lab.kubernetes.request("POST", acmeMachine(""), {
        ...{ apiVersion: acme, kind: "AcmeMachine" },
        metadata: { name, ownerReferences: [owner] },
        spec: { imageId: "ami-12345678", instanceType: "t3.small" },
      });
      await lab.kubernetes.request("DELETE", acmeMachine(name));
    }
    await edit((await lab.machines(namespace))[0]?.metadata.name ?? "");
    await sleep(2_000);
    const reasons = new Set(names.flatMap((name) => failures(name).map(({ reason }) => reason)));
    expect([...reasons].filter((reason) => reason !== "OwnerUnresolved")).toEqual([]);
    expect((await fetch(`${provider.url}/readyz`)).status).toBe(200);
  }, 60_000);

  it("says that the cloud is away, asks it ever less, and makes each machine once when it is back", async () => {
    const made = calls("RunInstances").length;
    await wire.cut();
    onTestFinished(() => wire.mend());
    await scale(6);
    const names = await untilUnready(2, "ServiceUnavailable", "CircuitOpen");
    await sleep(5_000);
    for (const name of names) {
      expect(failures(name).length).toBeLessThanOrEqual(3);
      expect(await events(name)).not.toEqual([]);
    }
    const metrics = async () => (await fetch(`${provider.url}/metrics`)).text();
    const requests = /^provider_guard_attempts_total\{.*result="outage"\} (\d+)$/m.exec(await metrics())?.[1];
    expect(Number(requests)).toBeGreaterThan(0);
    expect(Number(requests)).toBeLessThan(30);
    const asked = async () => {
      for (const name of names) await edit(name);
      return metrics();
    };
    await expect
      .poll(asked, { ...patient, interval: 1_000 })
      .toMatch(/^provider_guard_breaker_transitions_total\{.*EC2.*state="open"\} [1-9]/m);
    expect(await metrics()).toMatch(/^provider_guard_breaker_state\{.*EC2.*\} [012]$/m);
    await wire.mend();
    // A circuit that has opened tries again after pauses of its own, and each machine waits for its next look.
    await vi.waitFor(
      async () => {
        for (const name of await unready("ServiceUnavailable", "CircuitOpen")) await edit(name);
        expect(await lab.running(namespace)).toHaveLength(7);
      },
      { ...patient, interval: 2_000 },
    );
    expect(calls("RunInstances")).toHaveLength(made + 2);
  }, 200_000);

  it("brings up ten machines at a cloud that throttles their launches, without a storm", async () => {
    const before = calls("RunInstances").length;
    lab.cloud.throttle("RunInstances", 1, 1);
    await scale(16);
    const metrics = async () => (await fetch(`${provider.url}/metrics`)).text();
    await expect.poll(metrics, patient).toMatch(/^provider_guard_attempts_total\{.*result="throttled"\} [1-9]/m);
    expect(await metrics()).toMatch(/^provider_guard_rate_limit_rate\{.*operation="RunInstances"\} [\d.]+$/m);
    expect((await unready("Launching", "Throttled")).length).toBeGreaterThan(0);
    await running(17);
    const launches = calls("RunInstances").slice(before);
    expect(launches.filter(({ result }) => result === 200)).toHaveLength(10);
    expect(launches.length).toBeLessThan(40);
    expect(await lab.instances("all")).toHaveLength(17);
  }, 300_000);
});
