import { PatchStrategy, setHeaderOptions } from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import { givenInPatch, givenInReplacement } from "../../../adapters/kubernetes/given.ts";
import { guarded, ownedBy, subject } from "./guarded.ts";

const key = "provider-guard/cluster-uid";
const known = { labels: { [key]: "uid-a" }, annotations: { "provider-guard/intent": "i" } };
const escaped = key.replaceAll("/", "~1");
const keysOf = (body: unknown) => Object.keys(givenInPatch(body, known));

describe("a merge patch", () => {
  it("tells which reserved keys it names, sets or takes away", () => {
    expect(givenInPatch({ metadata: { labels: { team: "x", [key]: "uid-b" } } }, known)).toEqual({ [key]: "uid-b" });
    expect(givenInPatch({ metadata: { annotations: { "provider-guard/intent": null } } }, known)).toEqual({
      "provider-guard/intent": "",
    });
    expect(keysOf({ metadata: { labels: null } })).toEqual([key]);
    expect(keysOf({ metadata: { labels: { $patch: "replace", a: "b" } } })).toEqual([key]);
    expect(keysOf({ metadata: null })).toEqual(["provider-guard/intent", key]);
    expect(keysOf({ metadata: { labels: { team: "x" } }, spec: { labels: { [key]: "x" } } })).toEqual([]);
    expect(keysOf({ status: {} })).toEqual([]);
  });

  it("that sweeps an object never seen counts as one that takes the owner away", () => {
    expect(Object.keys(givenInPatch({ metadata: { labels: null } }, undefined))).toHaveLength(1);
  });
});

describe("a JSON patch", () => {
  it.each([
    [{ op: "add", path: `/metadata/labels/${escaped}`, value: "uid-b" }, [key]],
    [{ op: "remove", path: `/metadata/labels/${escaped}` }, [key]],
    [{ op: "remove", path: "/metadata/labels" }, [key]],
    [{ op: "replace", path: "/metadata/labels", value: { team: "x" } }, [key]],
    [{ op: "replace", path: "/metadata/labels", value: { team: "x", [key]: "uid-a" } }, []],
    [{ op: "move", from: `/metadata/labels/${escaped}`, path: "/metadata/labels/other" }, [key]],
    [{ op: "copy", from: "/metadata/labels/other", path: `/metadata/labels/${escaped}` }, [key]],
    [{ op: "replace", path: "", value: { metadata: {} } }, [key, "provider-guard/intent"]],
    [{ op: "test", path: `/metadata/labels/${escaped}`, value: "uid-a" }, []],
    [{ op: "replace", path: "/spec/labels", value: { [key]: "x" } }, []],
    [{ op: "add", path: "/metadata/labels/team", value: "x" }, []],
    [{ op: "add", path: 5 }, []],
    [null, []],
  ])("%j", (operation, keys) => {
    expect(Object.keys(givenInPatch([operation], known)).sort()).toEqual([...keys].sort());
  });
});

describe("a replacement", () => {
  const tags = { [key]: "uid-a" };

  it("may send back what was read, and tells what it changes or leaves out", () => {
    expect(givenInReplacement({ metadata: { labels: tags } }, tags, true)).toEqual({});
    expect(givenInReplacement({ metadata: { labels: { [key]: "uid-b" } } }, tags, true)).toEqual({ [key]: "uid-b" });
    expect(givenInReplacement({ metadata: {} }, tags, true)).toEqual({ [key]: "" });
    expect(givenInReplacement({ metadata: {} }, tags, false)).toEqual({});
    expect(givenInReplacement(undefined, tags, false)).toEqual({});
  });
});

describe("through the guard", () => {
  const at = { namespace: "default", name: "one" };
  const path = "/api/v1/namespaces/default/configmaps/one";
  const stored = () => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { ...at, uid: "u", labels: ownedBy("a") } });
  const merge = setHeaderOptions("Content-Type", PatchStrategy.MergePatch);
  const reserved = { code: "ERR_OWNER_RESERVED_TAG" };

  it("a controller sends back what it read, and nobody takes the owner away", async () => {
    const { core, guard, server } = await guarded();
    server.objects.set(path, stored() as never);
    await guard.reconcile(subject("a"), async () => {
      const body = await core.readNamespacedConfigMap(at);
      await core.replaceNamespacedConfigMap({ ...at, body: { ...body, data: { a: "b" } } });
      await expect(
        core.replaceNamespacedConfigMap({ ...at, body: { metadata: { ...at, labels: { team: "x" } } } }),
      ).rejects.toMatchObject(reserved);
      await expect(
        core.patchNamespacedConfigMap({ ...at, body: { metadata: { labels: null } } }, merge),
      ).rejects.toMatchObject(reserved);
    });
    expect(server.objects.get(path)).toMatchObject({ data: { a: "b" }, metadata: { labels: ownedBy("a") } });
  });

  it("an object that was never seen cannot be claimed for somebody else", async () => {
    const { core, guard, server } = await guarded();
    server.objects.set(path, { ...stored(), metadata: { ...at, uid: "u" } } as never);
    const put = (owner: string) =>
      guard.reconcile(subject("a"), () =>
        core.replaceNamespacedConfigMap({ ...at, body: { metadata: { ...at, labels: ownedBy(owner) } } }),
      );
    await expect(put("b")).rejects.toMatchObject(reserved);
    await put("a");
  });
});
