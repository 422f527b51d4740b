import { gunzipSync } from "node:zlib";
import { ApiException } from "@kubernetes/client-node";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { InstanceState, StandInInstance } from "./stand-in-ec2.ts";
import { type Given, ready, standIns, uid } from "./stand-ins.ts";

const pollMs = 5_000;
const resyncMs = 300_000;
const paused = { metadata: { annotations: { "cluster.x-k8s.io/paused": "" } } };
const deletedAt = Date.UTC(2026, 10, 2, 12);
const deleted = {
  metadata: {
    deletionTimestamp: new Date(deletedAt).toISOString(),
    finalizers: ["infrastructure.acme.example/resources"],
  },
};

/** A world in which the machine was launched, and what its instance has come to since. */
async function launched(state: InstanceState = "running", given: Given = {}) {
  const world = await standIns();
  await world.reconcileMachine();
  const [instance] = world.ec2.instances as [StandInInstance];
  instance.state = state;
  world.done.length = 0;
  for (const [which, patch] of Object.entries(given)) world.change(which as keyof Given, patch);
  return { world, instance };
}

beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"], now: deletedAt }));
afterEach(() => void vi.useRealTimers());

describe("an AcmeMachine that has no instance", () => {
  it("is given one with its bootstrap data: the finalizer first, and what it is called at once", async () => {
    const world = await standIns();
    expect(await world.reconcileMachine()).toBe(pollMs);
    expect(world.done).toEqual([
      "AcmeMachine: status", // that it is not paused
      "AcmeMachine: finalizer set",
      "AcmeMachine: status", // that it is being launched, which may take its turn
      "RunInstances",
      "AcmeMachine: providerID",
      "AcmeMachine: status",
    ]);
    const [launch] = world.ec2.launches;
    expect(Object.fromEntries(launch ?? [])).toMatchObject({
      ClientToken: uid.machine,
      ImageId: "ami-1",
      InstanceType: "t3.small",
      "SecurityGroupId.1": "sg-1",
      "IamInstanceProfile.Name": "acme-nodes",
      "MetadataOptions.HttpTokens": "required",
    });
    const userData = Buffer.from(launch?.get("UserData") ?? "", "base64");
    expect(gunzipSync(userData).toString("latin1")).toMatch(/^#part-handler(?!.*data of blue-1)/s);
    expect(world.ec2.instances[0]?.tags.get("Name")).toBe("blue-1");
    expect(world.see("acmeMachine").spec.providerID).toBe("aws:///zone-a/i-1");
    expect(world.see("acmeMachine").status).toMatchObject({ addresses: [{ type: "InternalIP", address: "10.0.0.4" }] });
    expect(world.see("acmeMachine").status?.initialization).toBeUndefined();
  });

  it.each([
    ["the cluster's infrastructure", { cluster: { status: null } }, "WaitingForClusterInfrastructure"],
    ["the cluster's security group", { acmeCluster: { status: null } }, "WaitingForClusterInfrastructure"],
    ["bootstrap data", { machine: { spec: { bootstrap: { dataSecretName: undefined } } } }, "WaitingForBootstrapData"],
    ["a subnet in its failure domain", { machine: { spec: { failureDomain: "zone-c" } } }, "FailureDomainUnknown"],
  ])("waits for %s, and says so", async (_what, given, reason) => {
    const world = await standIns(given);
    expect(await world.reconcileMachine()).toBe(resyncMs);
    expect(world.reasonOf("acmeMachine", "Ready")).toBe(reason);
    expect(world.ec2.launches).toEqual([]);
  });

  it("is put where its Machine wants it", async () => {
    const world = await standIns({ machine: { spec: { failureDomain: "zone-b" } } });
    await world.reconcileMachine();
    expect(world.ec2.launches.map((launch) => launch.get("SubnetId"))).toEqual(["subnet-of-zone-b"]);
  });

  it.each([
    ["is listed: it asks for no other", false, 1],
    ["is not listed yet: EC2 makes no other, by the client token", true, 2],
  ])("takes the one that was made for it before a crash, where that %s", async (_where, unlisted, asked) => {
    const world = await standIns();
    const { setSpec } = world.context.api;
    world.context.api.setSpec = () => Promise.reject(new Error("killed"));
    await expect(world.reconcileMachine()).rejects.toThrow("killed");
    world.context.api.setSpec = setSpec;
    world.ec2.unlisted = unlisted;
    expect(await world.reconcileMachine()).toBe(pollMs);
    expect(world.see("acmeMachine").spec.providerID).toBe("aws:///zone-a/i-1");
    expect(world.ec2.instances).toHaveLength(1);
    expect(world.ec2.launches).toHaveLength(asked);
    // What is asked for with one token must be the same.
    expect(new Set(world.ec2.launches.map((launch) => launch.get("UserData"))).size).toBe(1);
  });
});

describe("an AcmeMachine that has its instance", () => {
  it("is looked at until it runs, then from time to time, and written only when something is new", async () => {
    const { world, instance } = await launched("pending");
    expect(await world.reconcileMachine()).toBe(pollMs);
    expect(world.done).toEqual([]);
    instance.state = "running";
    expect(await world.reconcileMachine()).toBe(resyncMs);
    expect(world.reasonOf("acmeMachine", "Ready")).toBe("InstanceRunning");
    expect(world.see("acmeMachine").status?.initialization).toEqual({ provisioned: true });
    expect(world.done).toEqual(["AcmeMachine: status"]);
    expect(await world.reconcileMachine()).toBe(resyncMs);
    expect(world.done).toHaveLength(1);
  });

  it.each(["terminated", "shutting-down", "forgotten"] as const)(
    "gets no second one when that is %s",
    async (state) => {
      const { world } = await launched(state === "forgotten" ? "terminated" : state);
      if (state === "forgotten") world.ec2.instances.pop();
      expect(await world.reconcileMachine()).toBe(resyncMs);
      expect(world.reasonOf("acmeMachine", "Ready")).toBe("InstanceGone");
      expect(world.ec2.launches).toHaveLength(1);
    },
  );
});

describe("an AcmeMachine in deletion", () => {
  it("lets go once its instance is terminated, not before", async () => {
    const { world, instance } = await launched("running", { acmeMachine: deleted });
    expect(await world.reconcileMachine()).toBe(pollMs);
    expect(world.done).toEqual(["TerminateInstances", "AcmeMachine: status"]);
    expect(await world.reconcileMachine()).toBe(pollMs); // it is shutting down
    expect(world.done).toHaveLength(2);
    instance.state = "terminated";
    expect(await world.reconcileMachine()).toBeUndefined();
    expect(world.done.slice(2)).toEqual(["AcmeMachine: finalizer removed"]);
  });

  it("lets go of an instance that EC2 has forgotten", async () => {
    const { world } = await launched("terminated", { acmeMachine: deleted });
    world.ec2.instances.pop();
    expect(await world.reconcileMachine()).toBeUndefined();
    expect(world.done).toEqual(["AcmeMachine: finalizer removed"]);
  });

  it("waits for what a crashed process may have launched and EC2 does not list yet", async () => {
    const { world } = await launched("pending", { acmeMachine: { ...deleted, spec: { providerID: undefined } } });
    world.ec2.unlisted = true;
    expect(await world.reconcileMachine()).toBe(pollMs);
    vi.setSystemTime(deletedAt + 20_000);
    world.ec2.unlisted = false;
    expect(await world.reconcileMachine()).toBe(pollMs);
    expect(world.done[0]).toBe("TerminateInstances");
  });

  it.each([
    ["deletion was asked for", 0],
    ["this process began to lead, though deletion was asked for long before", 3_600_000],
  ])("lets go where nothing is listed for half a minute since %s", async (_what, afterMs) => {
    const world = await standIns({ acmeMachine: deleted });
    Object.assign(world.context, { startedAt: deletedAt + afterMs });
    vi.setSystemTime(deletedAt + afterMs + 29_000);
    expect(await world.reconcileMachine()).toBe(pollMs);
    vi.setSystemTime(deletedAt + afterMs + 31_000);
    expect(await world.reconcileMachine()).toBeUndefined();
    expect(world.see("acmeMachine").metadata.finalizers).toEqual([]);
  });
});

describe("an AcmeMachine that is not to be touched", () => {
  it.each([
    ["its Cluster is paused", { cluster: { spec: { paused: true } } }],
    ["it is paused itself", { acmeMachine: paused }],
    ["it is paused in deletion", { acmeMachine: { metadata: { ...paused.metadata, ...deleted.metadata } } }],
  ])("is left alone where %s, and says so", async (_what, given) => {
    const { world } = await launched("running", given);
    expect(await world.reconcileMachine()).toBeUndefined();
    expect(world.done).toEqual(["AcmeMachine: status"]);
    expect(world.reasonOf("acmeMachine", "Paused")).toBe("Paused");
  });

  it.each([
    ["nobody has adopted it", { acmeMachine: { metadata: { ownerReferences: [] } } }],
    [
      "clusterctl moves it away",
      { acmeMachine: { metadata: { annotations: { "clusterctl.cluster.x-k8s.io/delete-for-move": "" } } } },
    ],
  ])("is left alone where %s", async (_what, given) => {
    const world = await standIns(given);
    expect(await world.reconcileMachine()).toBeUndefined();
    expect(world.done).toEqual([]);
  });

  it("gets nothing while no Machine has adopted it", async () => {
    const { ownerReferences } = ready.acmeCluster.metadata;
    const world = await standIns({ acmeMachine: { metadata: { ownerReferences } } });
    expect(await world.reconcileMachine()).toBeUndefined();
    expect(world.done).toEqual(["AcmeMachine: status"]); // that it is not paused
  });

  it.each(["machine", "cluster"] as const)("gets nothing where its %s is gone", async (which) => {
    const world = await standIns();
    world.forget(which);
    await expect(world.reconcileMachine()).rejects.toMatchObject({ code: "ERR_OWNER_UNRESOLVED" });
    expect(world.reasonOf("acmeMachine", "Ready")).toBe("OwnerUnresolved");
    expect(world.ec2.launches).toEqual([]);
  });

  it("gets nothing where another Machine has taken its owner's name", async () => {
    const world = await standIns({ machine: { metadata: { uid: "another" } } });
    await expect(world.reconcileMachine()).rejects.toMatchObject({ code: "ERR_OWNER_UNRESOLVED" });
    expect(world.ec2.launches).toEqual([]);
  });
});

describe("a reconcile that fails", () => {
  it("says why in the condition and in an Event, and leaves the rest to the queue", async () => {
    const world = await standIns();
    world.ec2.refuse.set("RunInstances", "InvalidAMIID.NotFound");
    await expect(world.reconcileMachine()).rejects.toMatchObject({ name: "InvalidAMIID.NotFound" });
    expect(world.told).toHaveLength(1);
    const [, condition] = world.see("acmeMachine").status?.conditions ?? [];
    expect(condition).toMatchObject({ type: "Ready", status: "False", observedGeneration: 1 });
  });

  it("is none where somebody else has written the object meanwhile: it is read again soon", async () => {
    const world = await standIns();
    const { bootstrapData } = world.context.api;
    world.context.api.bootstrapData = (...place) => {
      world.change("acmeMachine", { metadata: { labels: { added: "meanwhile" } } });
      return bootstrapData(...place);
    };
    expect(await world.reconcileMachine()).toBe(1_000);
    expect(world.told).toEqual([]);
    expect(world.see("acmeMachine").metadata.labels).toMatchObject({ added: "meanwhile" });
    expect(world.reasonOf("acmeMachine", "Ready")).toBeUndefined();
    world.context.api.bootstrapData = bootstrapData;
    await world.reconcileMachine();
    expect(world.see("acmeMachine").spec.providerID).toBe("aws:///zone-a/i-1");
    expect(world.ec2.launches).toHaveLength(1);
  });

  it("says why though others write the object in between, again and again", async () => {
    const world = await standIns();
    world.ec2.refuse.set("RunInstances", "InvalidAMIID.NotFound");
    const { get } = world.context.api;
    let others = 0;
    world.context.api.get = async (ref) => {
      const found = await get(ref);
      if (world.told.length > 0 && others < 3) {
        world.change("acmeMachine", { metadata: { labels: { written: String(++others) } } });
      }
      return found as never;
    };
    await expect(world.reconcileMachine()).rejects.toMatchObject({ name: "InvalidAMIID.NotFound" });
    expect(others).toBe(3);
    expect(world.told).toHaveLength(1);
    expect(world.reasonOf("acmeMachine", "Ready")).toBe("NotFound");
  });

  it("writes its condition into no other object of the same name", async () => {
    const world = await standIns();
    world.context.ec2.launch = () => {
      world.change("acmeMachine", { metadata: { uid: "another" } });
      return Promise.reject(new ApiException(500, "broken", {}, {}));
    };
    await expect(world.reconcileMachine()).rejects.toThrow();
    expect(world.reasonOf("acmeMachine", "Ready")).toBe("Launching"); // as it was before
  });
});
