import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";
import { includeLikeCapa } from "./bootstrap-capa/like-capa.ts";
import { buildCloudInitRoot, missingForCloudInit } from "./cloud-init/build.mjs";
import { firstControlPlane } from "./cloud-init/kubeadm-data.ts";
import { type Boot, createMachine, type Machine } from "./cloud-init/machine.ts";
import { installKey, itemsOf, pointerUserData, seal, store } from "./cloud-init/sealed.ts";
import { describeWithServer } from "./require-server.ts";

const missing = missingForCloudInit();
const program = missing === undefined ? "trixie" : undefined;

// Debian 13 has cloud-init 25.1: since 23.3 an include that fails is an error.
describeWithServer("CAPA's defect", { server: "cloud-init's root", program, hint: `needs ${missing}` }, () => {
  let root: string;
  const machines: Machine[] = [];
  beforeAll(async () => {
    root = await buildCloudInitRoot("trixie");
  }, 300_000);
  afterAll(() => Promise.all(machines.map((machine) => machine.remove())));

  async function boot(userData: Uint8Array | string, prepare?: (machine: Machine) => Promise<void>): Promise<Boot> {
    const machine = await createMachine(root);
    machines.push(machine);
    await prepare?.(machine);
    return machine.boot(userData);
  }

  it("data that could not be fetched is included all the same, and cloud-init fails", {
    timeout: 120_000,
  }, async () => {
    const failed = ({ codes }: Boot) => Object.values(codes).some((code) => code !== 0);
    const sealed = await seal(firstControlPlane().text, "pointer");
    const ours = await boot(pointerUserData(sealed), async (machine) => {
      await installKey(machine);
      await store(machine, sealed);
      await writeFile(join(machine.host, "store-is-away"), "");
    });
    expect(ours.console).toContain("failed: store");
    expect(Object.keys(ours.codes)).toHaveLength(4);
    expect(failed(ours)).toBe(false);
    const likeCapa = await boot(includeLikeCapa);
    expect(failed(likeCapa)).toBe(true);
  });

  it("cloud-init includes a file that has to be there by then, and is restarted", async () => {
    const sealed = await seal(firstControlPlane().text, "pointer");
    const defect = /#include|x-include|systemctl|cloud-init (?:clean|init|modules)/;
    const [chunks, program] = [sealed.chunks.length, itemsOf(sealed)];
    const texts = [pointerUserData(sealed), Buffer.concat(program.slice(chunks))].map((packed) => gunzipSync(packed));
    for (const text of texts) {
      expect(text.length).toBeGreaterThan(1000);
      expect(text.toString()).not.toMatch(defect);
    }
    expect(includeLikeCapa).toMatch(defect);
  });
});
