import { randomBytes } from "node:crypto";
import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import { bootstrapTokenRevoker, secretStore } from "provider-guard/kubernetes";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bootstrapStoreContract, testBinding } from "../support/bootstrap-store-contract.ts";
import { describeWithKubernetes, type Kubernetes, startKubernetes } from "./kubernetes.ts";

describeWithKubernetes("bootstrap data and the real API server", () => {
  let kubernetes: Kubernetes;
  beforeAll(async () => {
    kubernetes = await startKubernetes({ flags: ["--enable-bootstrap-token-auth"] });
  });
  afterAll(() => kubernetes?.stop());

  const coreOf = (token?: string) => {
    const config = new KubeConfig();
    config.loadFromOptions(kubernetes.kubeConfig(token));
    return config.makeApiClient(CoreV1Api);
  };

  bootstrapStoreContract("Secret, on a real API server,", async () => {
    const store = secretStore({ core: coreOf(), namespace: await kubernetes.freshNamespace("bootstrap") });
    return { store, read: (name) => store.get(name) };
  });

  describe("in Secrets", () => {
    it("lists more than one page without their content, and those of long-named management clusters alone", async () => {
      const namespace = await kubernetes.freshNamespace("pages");
      const core = coreOf();
      const contents: unknown[] = [];
      const watched: CoreV1Api = Object.create(core);
      watched.listNamespacedSecret = async (...request) => {
        const page = await core.listNamespacedSecret(...request);
        contents.push(page.items.map(({ data }) => data));
        return page;
      };
      const store = secretStore({ core: watched, namespace });
      const [long, longer] = ["m".repeat(200), `${"m".repeat(200)}x`].map((name) => testBinding(name));
      if (long === undefined || longer === undefined) throw new Error("two bindings");
      const bindings = Array.from({ length: 260 }, () => testBinding(long.machine.managementCluster));
      await Promise.all(bindings.map((binding) => store.put(`${binding.id}/0`, randomBytes(20), binding)));
      await store.put(`${longer.id}/0`, randomBytes(20), longer);
      const names: string[] = [];
      for await (const item of store.list({ managementCluster: "m".repeat(200) })) names.push(item.name);
      expect(names.sort()).toEqual(bindings.map(({ id }) => `${id}/0`).sort());
      expect(contents).toEqual([Array(250).fill(undefined), Array(10).fill(undefined)]);
      const secret = await core.readNamespacedSecret({ namespace, name: `bootstrap-${longer.id}-0` });
      expect(secret).toMatchObject({ type: "bootstrap.provider-guard/item", immutable: true });
    });

    it("needs create, get, list and delete, and says so", async () => {
      const namespace = await kubernetes.freshNamespace("rights");
      const rule = (verbs: string[]) => ({ apiGroups: [""], resources: ["secrets"], verbs });
      const able = await kubernetes.user({
        namespace,
        name: "able",
        rules: [rule(["create", "get", "list", "delete"])],
      });
      const store = secretStore({ core: coreOf(able), namespace });
      const binding = testBinding();
      const name = `${binding.id}/0`;
      await store.put(name, randomBytes(20), binding);
      await store.put(`${binding.id}/1`, randomBytes(store.maxItemBytes), binding);
      const found: unknown[] = [];
      for await (const item of store.list({ managementCluster: "mc-1" })) found.push(item);
      expect(found).toHaveLength(2);
      const unable = secretStore({
        core: coreOf(await kubernetes.user({ namespace, name: "unable", rules: [rule(["get"])] })),
        namespace,
      });
      expect(await unable.has(name)).toBe(true);
      const refused = {
        code: "ERR_BOOTSTRAP_STORE_UNAVAILABLE",
        retryable: false,
        message: expect.stringContaining("allow create, get, list and delete of secrets"),
      };
      await expect(unable.put(`${binding.id}/2`, randomBytes(20), binding)).rejects.toMatchObject(refused);
      await expect(unable.delete(name)).rejects.toMatchObject(refused);
      expect(await store.delete(name)).toBe(true);
    });

    it("leaves a Secret alone that it did not make, whatever its name", async () => {
      const namespace = await kubernetes.freshNamespace("foreign");
      const core = coreOf();
      const store = secretStore({ core, namespace });
      const binding = testBinding();
      const name = `bootstrap-${binding.id}-0`;
      await core.createNamespacedSecret({ namespace, body: { metadata: { name }, data: { item: "AAAA" } } });
      const item = `${binding.id}/0`;
      expect(await store.has(item)).toBe(false);
      expect(await store.get(item)).toBeUndefined();
      expect(await store.delete(item)).toBe(false);
      await expect(store.put(item, Buffer.alloc(3), binding)).rejects.toMatchObject({ code: "ERR_CONFIG_INVALID" });
      expect((await core.readNamespacedSecret({ namespace, name })).data).toEqual({ item: "AAAA" });
    });
  });

  describe("a kubeadm token", () => {
    const secret = "0123456789abcdef";
    const put = (id: string, type = "bootstrap.kubernetes.io/token") => {
      const stringData = {
        "token-id": id,
        "token-secret": secret,
        expiration: new Date(Date.now() + 900_000).toISOString(),
        "usage-bootstrap-authentication": "true",
        "usage-bootstrap-signing": "true",
        "auth-extra-groups": "system:bootstrappers:kubeadm:default-node-token",
      };
      const body = { metadata: { name: `bootstrap-token-${id}` }, type, stringData };
      return coreOf().createNamespacedSecret({ namespace: "kube-system", body });
    };
    const login = async (id: string) => {
      const options = kubernetes.kubeConfig(`${id}.${secret}`);
      const config = new KubeConfig();
      config.loadFromOptions(options);
      const error = await config
        .makeApiClient(CoreV1Api)
        .readNamespacedSecret({ namespace: "kube-system", name: "none" })
        .then(
          () => ({ code: 200 }),
          (failure: { code: number }) => failure,
        );
      return error.code;
    };

    it("logs in before it is revoked, and not after; once more changes nothing", async () => {
      await put("abcde1");
      await put("abcde2");
      await expect.poll(() => login("abcde1")).toBe(403); // known, and without rights of its own
      await expect.poll(() => login("abcde2")).toBe(403);
      const revoker = bootstrapTokenRevoker({ core: coreOf() });
      expect(await revoker.revoke("abcde1")).toBe(true);
      await expect.poll(() => login("abcde1")).toBe(401);
      expect(await login("abcde2")).toBe(403);
      expect(await revoker.revoke("abcde1")).toBe(false);
    });

    it("is told from a Secret of that name that is none", async () => {
      await put("abcde3", "Opaque");
      const revoker = bootstrapTokenRevoker({ core: coreOf() });
      expect(await revoker.revoke("abcde3")).toBe(false);
      const left = await coreOf().readNamespacedSecret({ namespace: "kube-system", name: "bootstrap-token-abcde3" });
      expect(left.type).toBe("Opaque");
    });
  });
});
