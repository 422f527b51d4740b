import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { directoryStore, memoryStore } from "provider-guard/bootstrap";
import { bootstrapStoreContract } from "../../support/bootstrap-store-contract.ts";
import { ask, claimOf, headersOf, type Served, serve } from "./served.ts";

const reader = (served: Served) => async (name: string, binding: Parameters<Served["store"]["put"]>[2]) => {
  const { status, body } = await ask(`${served.url}/${name}`, {
    headers: await headersOf(served.store, binding, claimOf("c")),
  });
  return status === 200 ? body : undefined;
};

bootstrapStoreContract("memory", async () => {
  const store = memoryStore();
  return { store, read: (name) => store.get(name) };
});

bootstrapStoreContract("HTTP, on memory,", async () => {
  const served = await serve();
  return { store: served.store, read: reader(served), end: served.close };
});

bootstrapStoreContract("HTTP, on a folder,", async () => {
  const path = await mkdtemp(join(tmpdir(), "provider-guard-http-"));
  const served = await serve({ backing: directoryStore({ path }) });
  return {
    store: served.store,
    read: reader(served),
    breakDown: () => rm(path, { recursive: true }),
    async end() {
      await served.close();
      await rm(path, { recursive: true, force: true });
    },
  };
});
