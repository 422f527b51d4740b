import { PatchStrategy, setHeaderOptions } from "@kubernetes/client-node";
import { type Guard, plainTags } from "provider-guard";
import { describe, expect, it } from "vitest";
import { guarded, ownedBy, subject } from "./guarded.ts";

const former = "0d0d0d0d-0000-4000-8000-000000000009";
const at = { namespace: "default", name: "one" };
const path = "/api/v1/namespaces/default/configmaps/one";
const merge = setHeaderOptions("Content-Type", PatchStrategy.MergePatch);
const json = setHeaderOptions("Content-Type", PatchStrategy.JsonPatch);
const reserved = { code: "ERR_OWNER_RESERVED_TAG" };

const left = {
  ...ownedBy("a"),
  "provider-guard/management-cluster": former,
  "provider-guard/cluster-uid": "old-uid-a",
};
const annotations = { "provider-guard/created-at": "1700000000", "provider-guard/intent": "old-intent" };
const object = () => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { ...at, uid: "u", labels: left, annotations },
});

/** An object as it was before the move. */
async function moved() {
  const made = await guarded({ guard: { ownership: { formerOwners: [{ managementCluster: former }] } } });
  made.server.objects.set(path, object() as never);
  const labels = () => made.server.objects.get(path)?.metadata.labels;
  return { ...made, labels };
}
const mine = (guard: Guard) => plainTags.encode(guard.owner(), 1_700_000_000_000, "old-intent");

describe("a takeover of an object", () => {
  it("by a merge patch makes it the reconcile's own, as it was answered", async () => {
    const { guard, core, labels, server } = await moved();
    await guard.reconcile(subject("a"), async () => {
      await core.patchNamespacedConfigMap({ ...at, body: { metadata: { labels: mine(guard) } } }, merge);
      const asked = server.requests.length;
      await core.patchNamespacedConfigMap({ ...at, body: { data: { a: "b" } } }, merge);
      expect(server.requests).toHaveLength(asked + 1);
    });
    expect(labels()).toMatchObject(ownedBy("a"));
    const other = guard.reconcile(subject("b"), () => core.deleteNamespacedConfigMap(at));
    await expect(other).rejects.toMatchObject({ message: expect.stringContaining("(uid-a)") });
  });

  it("by a replacement of what was read", async () => {
    const { guard, core, labels } = await moved();
    await guard.reconcile(subject("a"), async () => {
      const body = await core.readNamespacedConfigMap(at);
      const metadata = { ...body.metadata, labels: { ...body.metadata?.labels, ...mine(guard) } };
      await core.replaceNamespacedConfigMap({ ...at, body: { ...body, metadata } });
    });
    expect(labels()).toMatchObject(ownedBy("a"));
  });

  it("by a replacement of what another client has read is learnt from the answer", async () => {
    const { guard, core, labels } = await moved();
    const metadata = { ...at, labels: ownedBy("a"), annotations };
    await guard.reconcile(subject("a"), () => core.replaceNamespacedConfigMap({ ...at, body: { metadata } }));
    expect(labels()).toEqual(ownedBy("a"));
    const remove = guard.reconcile(subject("b"), () => core.deleteNamespacedConfigMap(at));
    await expect(remove).rejects.toMatchObject({ message: expect.stringContaining("(uid-a)") });
  });

  it("is none of labels and annotations that contradict each other, or of a removal", async () => {
    const { guard, core, labels } = await moved();
    await guard.reconcile(subject("a"), async () => {
      const tags = mine(guard);
      const patch = (metadata: object) => core.patchNamespacedConfigMap({ ...at, body: { metadata } }, merge);
      const uid = "provider-guard/cluster-uid";
      await expect(patch({ labels: { ...tags, [uid]: "uid-b" }, annotations: tags })).rejects.toMatchObject(reserved);
      await expect(patch({ labels: { ...tags, "provider-guard/intent": null } })).rejects.toMatchObject(reserved);
      await expect(patch({ labels: { $patch: "replace", ...tags } })).rejects.toMatchObject(reserved);
      const operation = (key: string, value: unknown, place: string) =>
        ({ op: "add", path: `/metadata/${place}/${key.replaceAll("/", "~1")}`, value }) as const;
      const body = [
        ...Object.entries(tags).map(([key, value]) => operation(key, value, "annotations")),
        operation(uid, "uid-b", "labels"),
      ];
      await expect(core.patchNamespacedConfigMap({ ...at, body }, json)).rejects.toMatchObject(reserved);
    });
    expect(labels()).toEqual(left);
  });

  it("that changes nothing, since the labels stand before the annotations, is not taken for one that did", async () => {
    const { guard, core } = await moved();
    await guard.reconcile(subject("a"), () =>
      core.patchNamespacedConfigMap({ ...at, body: { metadata: { annotations: mine(guard) } } }, merge),
    );
    const remove = guard.reconcile(subject("b"), () => core.deleteNamespacedConfigMap(at));
    await expect(remove).rejects.toMatchObject({ message: expect.stringContaining(`management cluster ${former}`) });
  });

  it("comes with an apply, which writes the owner's labels anyway", async () => {
    const { guard, core, labels, journal } = await moved();
    const body = { apiVersion: "v1", kind: "ConfigMap", metadata: at, data: { a: "b" } };
    const apply = setHeaderOptions("Content-Type", PatchStrategy.ServerSideApply);
    await guard.reconcile(subject("a"), () =>
      core.patchNamespacedConfigMap({ ...at, body, fieldManager: "me" }, apply),
    );
    expect(labels()).toMatchObject(ownedBy("a"));
    expect(journal.records.at(-1)).toMatchObject({
      decisions: [{ phase: "own", verdict: "warn", note: "former owner" }],
    });
  });
});
