import { bootstrapTokenRevoker, secretStore } from "provider-guard/kubernetes";
import { describe, expect, it } from "vitest";
import { bootstrapStoreContract, testBinding } from "../../support/bootstrap-store-contract.ts";
import { apiError } from "./lease-elector-model.ts";
import { secretServer } from "./secret-server.ts";

const namespace = "acme-system";

bootstrapStoreContract("Secret", async () => {
  const server = secretServer();
  const store = secretStore({ core: server.core, namespace });
  const breakDown = () => {
    server.around = () => {
      throw apiError(503);
    };
  };
  return { store, read: (name) => store.get(name), breakDown };
});

function place() {
  const server = secretServer();
  const binding = testBinding();
  return {
    server,
    binding,
    name: `${binding.id}/0`,
    store: secretStore({ core: server.core, namespace, timeoutMs: 50 }),
  };
}

/** Fails the first request of this verb. */
const once = (verb: string, when: "before" | "after", fail: () => unknown) => {
  let failed = false;
  return (asked: string, at: "before" | "after") => {
    if (failed || asked !== verb || at !== when) return;
    failed = true;
    const error = fail();
    if (error !== undefined) throw error;
  };
};

describe("secretStore", () => {
  it("takes an item for put whose answer was lost", async () => {
    const { server, store, binding, name } = place();
    server.around = once("create", "after", () => new Error("socket hang up"));
    await expect(store.put(name, Buffer.from("a"), binding)).rejects.toMatchObject({ retryable: true });
    await store.put(name, Buffer.from("a"), binding);
    expect(server.stored.size).toBe(1);
  });

  it("deletes the very Secret that it looked at, and looks again where another one took its place", async () => {
    const { server, store, binding, name } = place();
    await store.put(name, Buffer.from("a"), binding);
    const [[key, secret] = []] = server.stored;
    if (key === undefined) throw new Error("no Secret");
    const swap = (annotations: Record<string, string>) => () => {
      server.stored.set(key, { ...secret, metadata: { ...secret?.metadata, uid: "another", annotations } });
    };
    server.around = once("get", "after", swap({})); // somebody else's by now
    expect(await store.delete(name)).toBe(false);
    expect(server.stored.size).toBe(1);
    server.around = once("get", "after", swap({ ...secret?.metadata?.annotations }));
    server.stored.set(key, secret ?? {});
    expect(await store.delete(name)).toBe(true);
    expect(server.requests.filter((verb) => verb === "delete")).toHaveLength(3);
    expect(server.stored.size).toBe(0);
  });

  it("begins a list anew whose pages have expired, and tells each item once", async () => {
    const { server, store } = place();
    for (let i = 0; i < 300; i++) {
      const binding = testBinding();
      await store.put(`${binding.id}/0`, Buffer.from("a"), binding);
    }
    let lists = 0;
    server.around = (verb, when) => {
      if (verb === "list" && when === "before" && ++lists === 2) throw apiError(410);
    };
    const names: string[] = [];
    for await (const { name } of store.list({ managementCluster: "mc-1" })) names.push(name);
    expect(new Set(names).size).toBe(300);
    expect(names).toHaveLength(300);
    expect(lists).toBe(4);
  });

  it("gives up a request that nobody answers", async () => {
    const { server, store, name } = place();
    server.core.readNamespacedSecret = () => new Promise(() => {});
    await expect(store.has(name)).rejects.toMatchObject({ code: "ERR_BOOTSTRAP_STORE_UNAVAILABLE", retryable: true });
  });

  it("refuses options that are wrong, naming them", () => {
    const { core } = secretServer();
    const cases = [
      [{ core: {}, namespace }, "secretStore.core"],
      [{ core, namespace: "../x" }, "secretStore.namespace"],
      [{ core, namespace, timeoutMs: 0 }, "secretStore.timeoutMs"],
      [{ core, namespace, name: "x" }, "secretStore"],
    ] as const;
    for (const [options, path] of cases) {
      // @ts-expect-error wrong on purpose, some of them
      expect(() => secretStore(options)).toThrow(path);
    }
  });
});

describe("bootstrapTokenRevoker", () => {
  it("refuses what is no token's id, without repeating it", async () => {
    const revoker = bootstrapTokenRevoker({ core: secretServer().core });
    for (const id of ["", "abcde", "ABCDEF", "abcdef.0123456789abcdef", "../../x"]) {
      const error: Error = await revoker.revoke(id).then(
        () => new Error("no error"),
        (failure) => failure,
      );
      expect(error).toMatchObject({ code: "ERR_CONFIG_INVALID" });
      if (id !== "") expect(error.message).not.toContain(id);
    }
  });

  it("says that the workload cluster cannot be reached, and that it may be tried again", async () => {
    const server = secretServer();
    server.around = () => {
      throw apiError(500);
    };
    await expect(bootstrapTokenRevoker({ core: server.core }).revoke("abcdef")).rejects.toMatchObject({
      code: "ERR_BOOTSTRAP_STORE_UNAVAILABLE",
      retryable: true,
    });
  });
});
