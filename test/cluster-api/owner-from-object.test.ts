import { createGuard } from "provider-guard";
import {
  type KubernetesObject,
  type ObjectLookup,
  type OwnerReference,
  ownerFromObject,
} from "provider-guard/cluster-api";
import { describe, expect, it } from "vitest";

const core = "cluster.x-k8s.io/v1beta2";
const infrastructure = "infrastructure.cluster.x-k8s.io/v1alpha1";

interface Given {
  readonly apiVersion?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly labels?: Record<string, string>;
  readonly owners?: readonly KubernetesObject[];
  readonly references?: readonly OwnerReference[];
}

function make(kind: string, name: string, given: Given = {}): KubernetesObject {
  const { apiVersion = kind.startsWith("Acme") ? infrastructure : core, namespace = "team", owners = [] } = given;
  const references = owners.map((owner, index) => refTo(owner, { controller: index === 0 }));
  const { uid = `uid-of-${kind}-${name}`, labels = {} } = given;
  const ownerReferences = given.references ?? references;
  return { apiVersion, kind, metadata: { namespace, name, uid, labels, ownerReferences } };
}

function refTo({ apiVersion = "", kind = "", metadata }: KubernetesObject, more: Partial<OwnerReference> = {}) {
  return { apiVersion, kind, name: metadata?.name ?? "", uid: metadata?.uid ?? "", ...more };
}

/** Finds objects as the API server does: by group, not by version. */
function store(...objects: readonly KubernetesObject[]): ObjectLookup {
  const key = (apiVersion = "", kind = "", namespace = "", name = "") =>
    [apiVersion.split("/")[0], kind, namespace, name].join(" ");
  const all = new Map(
    objects.map((one) => [key(one.apiVersion, one.kind, one.metadata?.namespace, one.metadata?.name), one]),
  );
  return ({ apiVersion, kind, namespace, name }) => all.get(key(apiVersion, kind, namespace, name));
}

const cluster = make("Cluster", "prod");
const label = { "cluster.x-k8s.io/cluster-name": "prod" };
const deployment = make("MachineDeployment", "workers", { owners: [cluster], labels: label });
const set = make("MachineSet", "workers-1", { owners: [deployment], labels: label });
const machine = make("Machine", "workers-1-a", { owners: [set], labels: label });
const acmeMachine = make("AcmeMachine", "workers-1-a", { owners: [machine], labels: label });
const everything = store(cluster, deployment, set, machine, acmeMachine);

const fails = (code: string, message: RegExp) => ({ code, message: expect.stringMatching(message) });

describe("ownerFromObject", () => {
  it.each([
    ["a Cluster is its own", cluster, undefined],
    ["a Machine, through MachineSet and MachineDeployment", machine, machine],
    ["an infrastructure machine, through its Machine", acmeMachine, machine],
    ["an infrastructure cluster", make("AcmeCluster", "prod", { owners: [cluster] }), undefined],
    ["a MachineDeployment", deployment, undefined],
    [
      "a control plane",
      make("KubeadmControlPlane", "cp", { apiVersion: "controlplane.cluster.x-k8s.io/v1beta2", owners: [cluster] }),
      undefined,
    ],
    [
      "a bootstrap Secret, through its KubeadmConfig's owner",
      make("Secret", "data", { apiVersion: "v1", owners: [machine] }),
      machine,
    ],
  ])("finds the owner of %s", async (_, object, expected) => {
    const owner = await ownerFromObject(object, everything);
    expect(owner?.cluster).toBe(cluster);
    expect(owner?.machine).toBe(expected);
  });

  it("gives what guard.reconcile takes", async () => {
    const guard = await createGuard({ owner: { managementCluster: "mc", provider: "acme" }, audit: false });
    const owner = await ownerFromObject(acmeMachine, everything);
    if (owner === undefined) throw new Error("not owned");
    expect(await guard.reconcile(owner, async () => "done")).toBe("done");
    await guard.close();
  });

  it("follows the controller before other owners", async () => {
    const other = make("Machine", "other", { owners: [cluster] });
    const references = [refTo(other), refTo(machine, { controller: true })];
    const owner = await ownerFromObject(make("AcmeMachine", "m", { references }), everything);
    expect(owner?.machine).toBe(machine);
  });

  it("does not ask for objects of other tools", async () => {
    const references = [{ apiVersion: "argoproj.io/v1", kind: "Application", name: "a", uid: "a" }, refTo(cluster)];
    const owner = await ownerFromObject(make("AcmeCluster", "prod", { references }), (ref) => {
      expect(ref.kind).toBe("Cluster");
      return cluster;
    });
    expect(owner?.cluster).toBe(cluster);
  });

  it("goes on to the next owner where one leads nowhere", async () => {
    const lost = make("AcmePool", "lost");
    const object = make("AcmeMachine", "m", { owners: [lost, machine] });
    expect((await ownerFromObject(object, store(lost, machine, set, deployment, cluster)))?.cluster).toBe(cluster);
  });

  it("takes the label where no owner leads to a Cluster", async () => {
    const adopted = make("Machine", "early", { labels: label });
    expect(await ownerFromObject(adopted, everything)).toEqual({ cluster, machine: adopted });
    expect(await ownerFromObject(make("AcmeMachine", "early", { owners: [adopted] }), store(adopted, cluster))).toEqual(
      {
        cluster,
        machine: adopted,
      },
    );
  });

  it("does not mind in which version a reference or an object is", async () => {
    const reference = refTo(machine, { apiVersion: "cluster.x-k8s.io/v1beta1", controller: true });
    const object = make("AcmeMachine", "m", { references: [reference] });
    expect((await ownerFromObject(object, everything))?.machine).toBe(machine);
    const old = { ...cluster, apiVersion: "cluster.x-k8s.io/v1beta1" };
    expect((await ownerFromObject(make("AcmeCluster", "prod", { owners: [old] }), store(old)))?.cluster).toBe(old);
  });

  it("takes objects without kind from a typed client", async () => {
    const { apiVersion: _, kind: __, ...typed } = cluster;
    expect((await ownerFromObject(make("AcmeCluster", "prod", { owners: [cluster] }), () => typed))?.cluster).toBe(
      typed,
    );
  });

  it("knows no Machine in other groups' kinds of that name", async () => {
    const impostor = make("Machine", "m", { apiVersion: "machine.example.com/v1", owners: [cluster] });
    const owner = await ownerFromObject(make("AcmeMachine", "m", { owners: [impostor] }), store(impostor, cluster));
    expect(owner).toEqual({ cluster });
  });

  it("answers undefined while nobody owns the object", async () => {
    expect(await ownerFromObject(make("AcmeMachine", "m"), everything)).toBeUndefined();
  });

  it("does not hide what the lookup throws, but for 404", async () => {
    const object = make("AcmeCluster", "prod", { owners: [cluster] });
    const denied = Object.assign(new Error("forbidden"), { code: 403 });
    await expect(ownerFromObject(object, () => Promise.reject(denied))).rejects.toBe(denied);
    await expect(
      ownerFromObject(object, () => Promise.reject(Object.assign(new Error("gone"), { code: 404 }))),
    ).rejects.toMatchObject({ code: "ERR_OWNER_UNRESOLVED" });
  });

  it("says of an owner that does not exist that it may come", async () => {
    const rejected = expect(ownerFromObject(acmeMachine, store(cluster))).rejects;
    await rejected.toMatchObject({
      ...fails(
        "ERR_OWNER_UNRESOLVED",
        /^AcmeMachine team\/workers-1-a: its owner Machine team\/workers-1-a does not exist$/,
      ),
      retryable: true,
    });
    await expect(ownerFromObject(make("Machine", "m", { labels: label }), store())).rejects.toMatchObject(
      fails("ERR_OWNER_UNRESOLVED", /its label names Cluster team\/prod, which does not exist/),
    );
  });

  it("does not take a re-created owner for the one that was meant", async () => {
    const again = make("Machine", "workers-1-a", { uid: "new", owners: [cluster] });
    await expect(ownerFromObject(acmeMachine, store(again, cluster))).rejects.toMatchObject(
      fails("ERR_OWNER_UNRESOLVED", /with another UID/),
    );
  });

  it("never leaves the namespace", async () => {
    const elsewhere = make("Cluster", "prod", { namespace: "other" });
    const object = make("AcmeCluster", "prod", { owners: [elsewhere] });
    await expect(ownerFromObject(object, store(elsewhere))).rejects.toMatchObject({ code: "ERR_OWNER_UNRESOLVED" });
    await expect(ownerFromObject(object, () => elsewhere)).rejects.toMatchObject(
      fails("ERR_OWNER_INVALID", /found Cluster other\/prod/),
    );
    const reference = { ...refTo(cluster), namespace: "other" };
    await expect(
      ownerFromObject(make("AcmeCluster", "prod", { references: [reference] }), everything),
    ).rejects.toMatchObject(fails("ERR_OWNER_INVALID", /ownerReferences\[0\]\.namespace/));
  });

  it("does not take a kind of another group for the one that was meant", async () => {
    const foreign = { ...machine, apiVersion: "machine.example.com/v1" };
    await expect(ownerFromObject(acmeMachine, () => foreign)).rejects.toMatchObject(
      fails("ERR_OWNER_INVALID", /^lookup of Machine team\/workers-1-a: found Machine/),
    );
  });

  it("refuses owners in a circle, and without end", async () => {
    const one = make("AcmeMachine", "one", { owners: [make("AcmeMachine", "two")] });
    const two = make("AcmeMachine", "two", { owners: [one] });
    await expect(ownerFromObject(one, store(one, two))).rejects.toMatchObject(fails("ERR_OWNER_INVALID", /circle/));
    const endless: ObjectLookup = ({ kind, name }) =>
      make(kind, name, { owners: [make("AcmeMachine", `${name}x`)], uid: `uid-of-${kind}-${name}` });
    await expect(ownerFromObject(one, endless)).rejects.toMatchObject(fails("ERR_OWNER_INVALID", /16 owners deep/));
  });

  it("refuses a label that contradicts the owners, its own or an owner's", async () => {
    const other = { "cluster.x-k8s.io/cluster-name": "other" };
    const stolen = make("AcmeMachine", "m", { owners: [machine], labels: other });
    await expect(ownerFromObject(stolen, everything)).rejects.toMatchObject(
      fails("ERR_OWNER_INVALID", /^AcmeMachine team\/m: its label names Cluster other, its owners lead to prod/),
    );
    const relabelled = make("Machine", "workers-1-a", { owners: [set], labels: other });
    await expect(ownerFromObject(acmeMachine, store(cluster, deployment, set, relabelled))).rejects.toMatchObject(
      fails("ERR_OWNER_INVALID", /^Machine team\/workers-1-a: its label names Cluster other/),
    );
  });

  it("refuses two controllers, of which nobody knows the right one", async () => {
    const two = make("Machine", "two", { owners: [cluster] });
    const references = [refTo(machine, { controller: true }), refTo(two, { controller: true })];
    await expect(
      ownerFromObject(make("AcmeMachine", "m", { references }), store(cluster, machine, set, deployment, two)),
    ).rejects.toMatchObject(fails("ERR_OWNER_INVALID", /more than one of its owners is its controller/));
  });

  it.each([
    ["a kind, as in a list", { ...acmeMachine, kind: undefined }, /^object\.kind/],
    ["a UID", { ...acmeMachine, metadata: { ...acmeMachine.metadata, uid: "" } }, /^object\.metadata\.uid/],
    ["anything", undefined, /^object\.apiVersion/],
    [
      "a UID in its reference",
      make("AcmeMachine", "m", { references: [{ ...refTo(machine), uid: undefined as unknown as string }] }),
      /ownerReferences\[0\]\.uid/,
    ],
  ])("refuses an object without %s", async (_, object, message) => {
    await expect(ownerFromObject(object as KubernetesObject, everything)).rejects.toMatchObject(
      fails("ERR_OWNER_INVALID", message),
    );
  });
});
