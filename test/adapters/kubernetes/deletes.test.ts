import { describe, expect, it } from "vitest";
import { guarded, ownedBy, subject } from "./guarded.ts";

const at = { namespace: "default", name: "one" };
const path = "/api/v1/namespaces/default/configmaps/one";
const stored = (uid: string, more: object = {}) =>
  ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { ...at, uid, resourceVersion: "1", labels: ownedBy("a"), ...more },
  }) as never;

describe("a delete", () => {
  it("is bound to the object that was last seen under its name", async () => {
    const { core, guard, server } = await guarded();
    server.objects.set(path, stored("first"));
    await core.readNamespacedConfigMap(at);
    server.objects.set(path, stored("second", { labels: {} })); // somebody else's, under the same name
    const remove = () => guard.reconcile(subject("a"), () => core.deleteNamespacedConfigMap(at));
    await expect(remove()).rejects.toMatchObject({ code: 409 });
    expect(server.requests.at(-1)?.body).toEqual({
      apiVersion: "v1",
      kind: "DeleteOptions",
      preconditions: { uid: "first" },
    });
    expect(server.objects.size).toBe(1);
    await core.readNamespacedConfigMap(at); // who looks again may delete what is there now
    await remove();
    expect(server.objects.size).toBe(0);
  });

  it("is bound to the object whose owner was looked up for it", async () => {
    const { core, guard, server } = await guarded();
    server.objects.set(path, stored("first"));
    await guard.reconcile(subject("a"), () => core.deleteNamespacedConfigMap(at));
    expect(server.requests.map(({ method }) => method)).toEqual(["GET", "DELETE"]);
    expect(server.requests[0]?.headers.accept).toContain("PartialObjectMetadata"); // not what a Secret holds
    expect(server.requests[1]?.body.preconditions).toEqual({ uid: "first" });
  });

  it("keeps what the caller has bound it to, and their other options", async () => {
    const { core, guard, server } = await guarded();
    server.objects.set(path, stored("first"));
    const body = Object.freeze({ preconditions: { resourceVersion: "1" } });
    await guard.reconcile(subject("a"), () => core.deleteNamespacedConfigMap({ ...at, body }));
    expect(server.requests.at(-1)?.body.preconditions).toEqual({ resourceVersion: "1" });
    server.objects.set(path, stored("second"));
    await guard.reconcile(subject("a"), () =>
      core.deleteNamespacedConfigMap({ ...at, body: { propagationPolicy: "Foreground" } }),
    );
    expect(server.requests.at(-1)?.body).toMatchObject({
      propagationPolicy: "Foreground",
      preconditions: { uid: "second" },
    });
  });

  it("by KubernetesObjectApi takes the UID of the object it is given, and its version where that is wanted", async () => {
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { ...at, uid: "held", resourceVersion: "5" } };
    const discovery = {
      kind: "APIResourceList",
      groupVersion: "v1",
      resources: [{ name: "configmaps", kind: "ConfigMap", namespaced: true }],
    };
    const sent = async (deletePreconditions: "uid" | "resourceVersion" | false) => {
      const { objects, guard, server } = await guarded({ adapter: { deletePreconditions } });
      server.script = [{ when: (request) => request.path === "/api/v1", reply: { status: 200, body: discovery } }];
      server.objects.set(path, stored("held", { resourceVersion: "5" }));
      await guard.reconcile(subject("a"), () => objects.delete(structuredClone(object)));
      return server.requests.at(-1)?.body?.preconditions;
    };
    expect(await sent("uid")).toEqual({ uid: "held" });
    expect(await sent("resourceVersion")).toEqual({ uid: "held", resourceVersion: "5" });
    expect(await sent(false)).toBeUndefined();
  });

  it("of another cluster's object is refused, and so is its eviction", async () => {
    const { core, guard, server } = await guarded();
    server.objects.set(path, stored("first", { labels: ownedBy("b") }));
    server.objects.set("/api/v1/namespaces/default/pods/one", stored("pod", { labels: ownedBy("b") }));
    const foreign = { code: "ERR_OWNER_FOREIGN" };
    await guard.reconcile(subject("a"), async () => {
      await expect(core.deleteNamespacedConfigMap(at)).rejects.toMatchObject(foreign);
      await expect(core.createNamespacedPodEviction({ ...at, body: { metadata: at } })).rejects.toMatchObject(foreign);
    });
    expect(server.requests.filter(({ method }) => method !== "GET")).toEqual([]);
  });

  it("is not sent while nobody can say whose the object is", async () => {
    const { core, guard, server } = await guarded();
    server.script = [{ reply: { status: 403 } }];
    await expect(guard.reconcile(subject("a"), () => core.deleteNamespacedConfigMap(at))).rejects.toMatchObject({
      code: "ERR_OWNER_UNKNOWN",
    });
    expect(server.requests).toHaveLength(1);
  });
});
