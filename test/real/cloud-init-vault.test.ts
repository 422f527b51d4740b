import { memoryState } from "provider-guard";
import { bootstrapVault, type HttpStoreEvent } from "provider-guard/bootstrap";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { serve } from "../bootstrap/http/served.ts";
import { buildCloudInitRoot, missingForCloudInit, type Release } from "./cloud-init/build.mjs";
import { findText } from "./cloud-init/find.ts";
import { firstControlPlane } from "./cloud-init/kubeadm-data.ts";
import { createMachine, type Machine } from "./cloud-init/machine.ts";
import { installKey, status, wrap } from "./cloud-init/sealed.ts";
import { describeWithServer } from "./require-server.ts";

const missing = missingForCloudInit();
const object = (name: string) => ({ namespace: "default", name, uid: `uid-of-${name}` });
const subject = { cluster: object("prod"), machine: object("prod-control-plane-abc12") };

describe.each<Release>(["bookworm", "trixie"])("on %s", { timeout: 240_000 }, (release) => {
  const program = missing === undefined ? release : undefined;
  describeWithServer("vault and httpStore", { server: "cloud-init's root", program, hint: `needs ${missing}` }, () => {
    let root: string;
    const ends: (() => unknown)[] = [];
    beforeAll(async () => {
      root = await buildCloudInitRoot(release);
    }, 300_000);
    afterEach(async () => {
      for (const end of ends.splice(0).reverse()) await end();
    });

    async function machine(): Promise<Machine> {
      const made = await createMachine(root);
      ends.push(made.remove);
      return made;
    }
    const types = (events: readonly HttpStoreEvent[]) =>
      events.map((event) => (event.type === "reported" ? `reported ${event.report.state}` : event.type));

    it("tell why cloud-init could not open it, then that it did; and nobody else with this user data can", async () => {
      const { store, events, close } = await serve();
      ends.push(close);
      const vault = bootstrapVault({ managementCluster: "mgmt", cloud: "aws", state: memoryState(), store, wrap });
      ends.push(() => vault.close());
      const data = firstControlPlane();
      const sealed = await vault.seal({ ...subject, data: data.text, format: "cloud-config" });
      expect(sealed.mode).toBe("pointer");
      expect(sealed.userData.length).toBeLessThanOrEqual(4096);
      const [own, thief] = [await machine(), await machine()];
      const boot = (one: Machine) => one.boot(sealed.userData, { loopback: true });

      // The image lacks the key yet.
      expect((await boot(own)).console).toContain("failed: key");
      expect(await own.read("etc/kubernetes/pki/ca.key")).toBeUndefined();
      expect(await vault.status(subject.machine)).toMatchObject({
        stage: "sealed",
        mode: "pointer",
        report: { state: "failed", reason: "key" },
      });

      // A copy of the user data in another machine gets nothing, and takes nothing away.
      await installKey(thief);
      await boot(thief);
      expect(await status(thief)).toMatchObject({ state: "refused" });
      for (const { text } of data.secrets) expect(await findText(thief.upper, text)).toEqual([]);
      expect((await vault.status(subject.machine)).stage).toBe("sealed");
      expect(types(events)).toEqual(expect.arrayContaining(["claimed", "reported failed", "misused"]));

      await installKey(own);
      expect((await boot(own)).console).toContain("opened: clean");
      expect(await own.read("etc/kubernetes/pki/ca.key")).toContain("PRIVATE KEY");
      for (const { text, at } of data.secrets) expect(await findText(own.upper, text)).toEqual([...at].sort());
      expect(types(events).filter((type) => type === "forgotten")).toHaveLength(1);
      expect(await vault.status(subject.machine)).toMatchObject({ stage: "opened", leftovers: [] });
      await vault.cleanup(subject.machine, { reason: "node" });
      expect(await vault.status(subject.machine)).toMatchObject({ stage: "cleaned", leftovers: [] });
    });
  });
});
