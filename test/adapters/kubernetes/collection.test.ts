import { PatchStrategy, setHeaderOptions } from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import { collectionTarget, foreignIn, narrowedSelector } from "../../../adapters/kubernetes/collection.ts";
import type { Call } from "../../../src/core/call.ts";
import { guarded, managementCluster, ownedBy, provider, subject } from "./guarded.ts";

const ref = { group: "core", version: "v1", resource: "configmaps", namespace: "default", name: "" };
const owner = { managementCluster, provider, ...subject("a") };
const own = Object.entries(ownedBy("a"))
  .filter(([key]) => !/-(name|namespace)$/.test(key))
  .map(([key, value]) => `${key}=${value}`)
  .join(",");

/** Looks at objects that the server lists one by one. */
async function look(labels: readonly Readonly<Record<string, string>>[], labelSelector = "") {
  const paths: string[] = [];
  const call = { owner } as unknown as Call;
  const foreign = await foreignIn(call, ref, { labelSelector }, async (path) => {
    paths.push(path);
    const at = Number(new URL(path, "https://server").searchParams.get("continue") ?? 0);
    const more = at + 1 < labels.length ? { continue: String(at + 1) } : {};
    return { kind: "List", metadata: more, items: [{ metadata: { name: `m-${at}`, labels: labels[at] } }] };
  });
  return { foreign, paths, narrowed: narrowedSelector(call) };
}

describe("a look at what a delete of a collection would take away", () => {
  it("goes through all pages, with the selectors of the delete", async () => {
    const { foreign, paths } = await look([ownedBy("a"), ownedBy("a"), ownedBy("b")], "app in (x,y)");
    expect(foreign).toEqual(ownedBy("b"));
    expect(paths).toHaveLength(3);
    for (const path of paths) {
      expect(path).toMatch(/^\/api\/v1\/namespaces\/default\/configmaps\?labelSelector=app\+in\+%28x%2Cy%29&limit=500/);
    }
  });

  it("narrows the delete to the owner's labels where all of it bears them, and only there", async () => {
    expect(await look([ownedBy("a")], "app=x")).toMatchObject({ foreign: undefined, narrowed: `app=x,${own}` });
    expect((await look([ownedBy("a")])).narrowed).toBe(own);
    expect(await look([ownedBy("a"), {}])).toMatchObject({ foreign: undefined, narrowed: undefined });
  });

  it("sees a foreign provider and management cluster, too, and something of the provider's own in no cluster", async () => {
    const provided = { "provider-guard/management-cluster": managementCluster, "provider-guard/provider": provider };
    for (const tags of [
      { ...ownedBy("a"), "provider-guard/provider": "another" },
      { ...ownedBy("b"), "provider-guard/management-cluster": "another" },
    ]) {
      expect((await look([ownedBy("a"), tags])).foreign).toEqual(tags);
    }
    expect(await look([provided])).toMatchObject({ foreign: undefined, narrowed: undefined });
  });

  it("leaves it to the guard's options whether one namesake is a former owner, and never decides for two", async () => {
    const former = (uid: string) => ({ ...ownedBy("a"), "provider-guard/cluster-uid": uid });
    expect(await look([former("x"), former("x")])).toMatchObject({ foreign: former("x"), narrowed: undefined });
    expect((await look([former("x"), ownedBy("b")])).foreign).toEqual(ownedBy("b"));
    await expect(look([former("x"), former("y")])).rejects.toThrow("several clusters of this name");
  });

  it("is spared by a selector that requires all of the owner's labels, however it is written", () => {
    const target = (labelSelector: string, from: object = owner) =>
      collectionTarget(ref, { labelSelector }, from as typeof owner);
    expect(target(own)).toBeUndefined();
    expect(target(`${own.replaceAll("=", " == ").replaceAll(",", ", ")},app=x`)).toBeUndefined();
    expect(target(own.replace("uid-a", "uid-b"))).toBe(
      `core/configmaps/default/*?${new URLSearchParams({ labelSelector: own.replace("uid-a", "uid-b") })}`,
    );
    const withoutCluster = own.split(",").slice(0, 2).join(",");
    expect(target(withoutCluster)).toBeDefined();
    expect(target(withoutCluster, { managementCluster, provider })).toBeUndefined();
    expect(target("")).toBe("core/configmaps/default/*");
  });
});

describe("what is nobody's, and then gone", () => {
  it("is made with an owner once the server has said so", async () => {
    const { core, guard, server, adapter } = await guarded();
    const at = { namespace: "default", name: "one" };
    const path = "/api/v1/namespaces/default/configmaps/one";
    const body = { apiVersion: "v1", kind: "ConfigMap", metadata: at };
    const apply = setHeaderOptions("Content-Type", PatchStrategy.ServerSideApply);
    const sent = () => server.requests.filter(({ method }) => method === "PATCH").at(-1)?.body.metadata;
    server.objects.set(path, { ...body, metadata: { ...at, uid: "first" } } as never);
    await guard.reconcile(subject("a"), () => core.patchNamespacedConfigMap({ ...at, body }, apply));
    expect(sent()).toEqual({ ...at, uid: "first" });
    server.objects.delete(path);
    const other = await guarded({}, server); // remembers no owners
    const client = other.guard.wrap(server.config.makeApiClient(Object.getPrototypeOf(core).constructor), adapter);
    await other.guard.reconcile(subject("a"), () =>
      (client as typeof core).patchNamespacedConfigMap({ ...at, body }, apply),
    );
    expect(sent()).toEqual({ ...at, labels: ownedBy("a") });
  });
});
