import { verifyJournal } from "provider-guard";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, onTestFinished } from "vitest";
import { byMachine, followCloud, readChanges, type Witness } from "./capi-provider/witness.ts";
import {
  acme,
  clusterManifests,
  connectWorkload,
  core,
  describeWithLab,
  type Found,
  type Lab,
  merge,
  type Provider,
  patient,
  reasonOf,
  standInForKubelets,
} from "./capi-provider.ts";
import type { Listener } from "./cloud-proxy.ts";

const isControlPlane = (labels: object = {}) => `${core}/control-plane` in labels;
const lease = "/apis/coordination.k8s.io/v1/namespaces/acme-system/leases/acme-provider";

describeWithLab("replicas of the example provider", (start) => {
  let lab: Lab;
  let witness: Witness;
  let namespace: string;
  let stopKubelets: () => Promise<void>;
  beforeAll(async () => {
    lab = await start();
    witness = followCloud(lab.cloud);
  }, 180_000);
  afterAll(() => lab?.stop());
  beforeEach(async () => {
    namespace = await lab.kubernetes.freshNamespace("blue");
    await connectWorkload(lab.kubernetes, { namespace, cluster: "blue", workload: lab.workload });
    stopKubelets = standInForKubelets(lab, { namespace, workload: lab.workload });
  });
  afterEach(() => stopKubelets());

  const path = (plural: string, name: string) => `/apis/${core}/v1beta2/namespaces/${namespace}/${plural}/${name}`;
  const scale = (replicas: number) =>
    lab.kubernetes.request("PATCH", path("machinedeployments", "blue"), { spec: { replicas } }, merge);
  const running = (count: number) =>
    expect.poll(async () => (await lab.running(namespace)).length, patient).toBe(count);
  const says = (provider: Provider, event: string) =>
    expect.poll(() => provider.log().map((line) => line.event), patient).toContain(event);
  const makeBlue = async (workers: number) =>
    lab.apply(...clusterManifests({ namespace, name: "blue", network: await lab.makeNetwork(), workers }));

  async function deleteBlue(): Promise<void> {
    await lab.kubernetes.request("DELETE", path("clusters", "blue"));
    await expect.poll(() => lab.list(namespace, `${core}/v1beta2`, "clusters"), patient).toEqual([]);
    expect(await lab.instances("alive")).toEqual([]);
    const all = [...witness.made].map(([machine, ids]) => [machine, [...ids]] as const);
    expect([...all, ...byMachine(await lab.instances("all"))].filter(([, ids]) => ids.length > 1)).toEqual([]);
  }

  /** Holds the next request of a kind: when it has arrived, or when its answer is about to leave. */
  function hold(isMeant: Listener) {
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    onTestFinished(() => release());
    const held = new Promise<string | undefined>((resolve) => {
      const end = lab.cloud.watch(async (request, answer) => {
        if (!isMeant(request, answer)) return;
        end();
        resolve(request.intent);
        await released;
      });
    });
    return { held, release };
  }

  it("do each change once, though the leader is frozen past its term with two of them ahead and wakes up", async () => {
    const frozen = await lab.startProvider({ name: "acme-0" });
    await makeBlue(2);
    await running(3);
    const heir = await lab.startProvider({ name: "acme-1" });

    // A machine in deletion whose object is paused: what is asked first once it is not, is asked to end it.
    const [doomed] = (await lab.acmeMachines(namespace)).filter(({ metadata }) => !isControlPlane(metadata.labels));
    const { name, uid } = doomed?.metadata ?? { name: "", uid: "" };
    const pause = (value: string | null) =>
      lab.kubernetes.request(
        "PATCH",
        `/apis/${acme}/namespaces/${namespace}/acmemachines/${name}`,
        { metadata: { annotations: { [`${core}/paused`]: value } } },
        merge,
      );
    const found = async () => (await lab.acmeMachines(namespace)).find(({ metadata }) => metadata.uid === uid);
    await pause("");
    await expect.poll(async () => reasonOf((await found()) as Found, "Paused"), patient).toBe("Paused");
    await lab.kubernetes.request("DELETE", path("machines", name));
    await expect.poll(async () => (await found())?.metadata.deletionTimestamp, patient).toBeDefined();

    const instance = doomed?.spec.providerID?.split("/").at(-1);
    const look = hold((request, answer) => answer !== undefined && request.form.get("InstanceId.1") === instance);
    const launch = hold((request, answer) => answer === undefined && request.operation === "RunInstances");
    await scale(3);
    const late = await launch.held;
    await pause(null);
    await look.held;
    frozen.process.kill("SIGSTOP");
    look.release(); // it will read the answer when it wakes up, and end the machine next
    await says(heir, "elected");
    await expect.poll(found, patient).toBeUndefined();
    await running(4);

    const before = new Set(witness.changes);
    frozen.process.kill("SIGCONT");
    const changesOf = async () =>
      (await readChanges(frozen.auditDirectory)).filter(({ operation }) => operation === "TerminateInstances");
    await expect.poll(changesOf, patient).toMatchObject([{ type: "refusal", code: "ERR_LEADER_LOST" }]);
    // What is on the wire nobody can call back: that it makes no second machine is the client token's merit.
    launch.release();
    expect(await frozen.ended).toBe(1);
    expect(frozen.log().map(({ event }) => event)).toEqual(expect.arrayContaining(["lost", "stopping", "stopped"]));
    const own = new Set((await readChanges(frozen.auditDirectory)).map(({ call }) => call));
    expect([...witness.changes].filter((call) => own.has(call) && !before.has(call))).toEqual([]);
    expect(lab.cloud.log).toContainEqual(expect.objectContaining({ intent: late, result: 400 }));
    await running(4);

    await deleteBlue();
    for (const { auditDirectory: directory } of [frozen, heir]) {
      expect(await verifyJournal({ directory })).toMatchObject({ ok: true });
    }
    heir.process.kill("SIGTERM");
    expect(await heir.ended).toBe(0);
  }, 300_000);

  it("leave nothing unfinished when they are asked to stop in the middle of a launch, and the next one goes on at once", async () => {
    const first = await lab.startProvider({ name: "acme-2" });
    await makeBlue(1);
    await running(2);
    const { held, release } = hold((request, answer) => answer !== undefined && request.operation === "RunInstances");
    await scale(3);
    await held;
    first.process.kill("SIGTERM");
    await says(first, "stopping");
    release();
    expect(await first.ended).toBe(0);
    expect(await verifyJournal({ directory: first.auditDirectory })).toMatchObject({ ok: true, unfinished: 0 });
    expect(await lab.kubernetes.request("GET", lease)).toMatchObject({ spec: { holderIdentity: "" } });
    const next = await lab.startProvider({ name: "acme-3" });
    await running(4);
    await deleteBlue();
    next.process.kill("SIGTERM");
    expect(await next.ended).toBe(0);
  }, 300_000);
});
