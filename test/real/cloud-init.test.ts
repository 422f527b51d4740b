import { spawnSync } from "node:child_process";
import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { cloudInitUserData } from "../../src/bootstrap/opener/cloud-init/user-data.ts";
import { openssl } from "../bootstrap/sealing.ts";
import { buildCloudInitRoot, missingForCloudInit, type Release } from "./cloud-init/build.mjs";
import { differences, readDisk } from "./cloud-init/disk.ts";
import { findText } from "./cloud-init/find.ts";
import { everything, firstControlPlane } from "./cloud-init/kubeadm-data.ts";
import { createMachine, type Machine } from "./cloud-init/machine.ts";
import {
  inlineUserData,
  installKey,
  itemCount,
  kmsUserData,
  pointerUserData,
  seal,
  status,
  store,
  stored,
} from "./cloud-init/sealed.ts";
import { describeWithServer } from "./require-server.ts";

/** In what a machine that opened its data may differ from one that got it in plain. */
const allowed = [
  // The user data as such, in cloud-init's own files: what this is all about.
  /^var\/lib\/cloud\/instances\/i-1\/(user-data\.txt|user-data\.txt\.i|cloud-config\.txt|obj\.pkl)$/,
  /^var\/lib\/cloud\/instances\/i-1\/(scripts|boothooks|handlers)(\/|$)/,
  // The handler's note how far it has come, and the opener's state.
  /^var\/lib\/cloud\/instances\/i-1\/provider-guard$/,
  /^var\/lib\/provider-guard(\/|$)/,
  // They hold times and process ids. That the same semaphores are there is checked by itself.
  /^var\/log\/cloud-init(-output)?\.log$/,
  /^var\/lib\/cloud\/(instances\/i-1\/sem\/.+|sem\/.+|data\/status\.json|instances\/i-1\/boot-finished)$/,
];

const outer =
  "#cloud-config\nwrite_files: [{path: /etc/outer, content: outer}]\nruncmd: [echo outer >>/var/lib/order]\n";
/** The library's lines on the console. */
const ours = (console: string) => console.match(/provider-guard.*/g);

const missing = missingForCloudInit();

/** A boot takes seconds, and several times that on a loaded machine. */
const timeout = 240_000;

describe.each<Release>(["bookworm", "trixie"])("on %s", { timeout }, (release) => {
  const program = missing === undefined ? release : undefined;
  describeWithServer("cloud-init's opener", { server: "cloud-init's root", program, hint: `needs ${missing}` }, () => {
    let root: string;
    const machines: Machine[] = [];
    beforeAll(async () => {
      root = await buildCloudInitRoot(release);
    }, 300_000);
    afterEach(() => Promise.all(machines.splice(0).map((machine) => machine.remove())));

    async function machine(): Promise<Machine> {
      const created = await createMachine(root);
      machines.push(created);
      await installKey(created);
      return created;
    }

    it("leads to the same machine as plain user data, does nothing at two more boots, and leaves no secret", async () => {
      const data = everything();
      // Debian 13 has one process for all stages, Debian 12 a command for each.
      const options = { allStages: release === "trixie" };
      const [plain, sealed] = [await machine(), await machine()];
      const usual = await plain.boot(data.text, options);
      const userData = inlineUserData(await seal(gzipSync(data.text), "inline"));
      const first = await sealed.boot(userData, options);

      expect(differences(await readDisk(plain.upper), await readDisk(sealed.upper), allowed)).toEqual([]);
      const semaphores = (one: Machine) => readdir(join(one.upper, "var/lib/cloud/instances/i-1/sem"));
      expect((await semaphores(sealed)).sort()).toEqual((await semaphores(plain)).sort());
      const order = ["boothook-hook", "bootcmd", "per-boot-each", "packed-10-packed", "script-20-script"];
      expect((await sealed.read("var/lib/order"))?.split("\n")).toEqual([...order, "runcmd", "runcmd-end", ""]);
      expect(await sealed.read("var/lib/saw-deferred")).toBe("-rw------- 1 ops ops\n");
      // Not all of them are 0: there is no service of ntp to reload in so small a root.
      expect(first.codes).toEqual(usual.codes);
      expect(first.console).toContain("opened: clean\n");

      for (const boot of [2, 3]) {
        const later = await sealed.boot(userData, options);
        expect(later.console).not.toContain("provider-guard");
        expect((await sealed.read("var/lib/order"))?.split("\n").slice(7)).toEqual([
          ...Array.from({ length: boot - 1 }, () => "per-boot-each"),
          "",
        ]);
      }
      // What runs at each boot has to stay, and is told of.
      expect(ours(first.console)?.[1]).toBe(
        "provider-guard: traces of bootstrap data in /var/lib/cloud/scripts/per-boot/each",
      );
      expect(await status(sealed)).toMatchObject({ state: "opened", reason: "clean,traces" });
      for (const { text, at } of data.secrets) expect(await findText(sealed.upper, text)).toEqual([...at].sort());
      // The search does find what plain user data leaves.
      const { text } = data.secrets[0] as (typeof data.secrets)[0];
      expect(await findText(plain.upper, text)).toContain("var/lib/cloud/instances/i-1/obj.pkl");
    });

    it("is tried again at the next boot after a failure, which boots on with what else there is", async () => {
      const data = firstControlPlane();
      const sealed = await seal(data.text, "pointer");
      const failing = await machine();
      await store(failing, sealed);
      await writeFile(join(failing.host, "store-is-away"), "");
      const first = await failing.boot(pointerUserData(sealed), { vendorData: outer });
      expect(ours(first.console)).toEqual([`provider-guard: bootstrap data ${sealed.binding.id} failed: store`]);
      expect(await status(failing)).toEqual({ state: "failed", id: sealed.binding.id, reason: "store" });
      expect(Object.values(first.codes)).toEqual([0, 0, 0, 0]);
      expect(await failing.read("etc/outer")).toBe("outer");
      expect(await failing.read("etc/kubernetes/pki/ca.key")).toBeUndefined();
      expect(await stored(failing)).toBe(itemCount(sealed));

      await rm(join(failing.host, "store-is-away"));
      // Debian 12's calls the handlers once more, when nobody waits for it.
      const asked = { afterwards: "cloud-init schema --system" };
      const second = await failing.boot(pointerUserData(sealed), { vendorData: outer, ...asked });
      expect(ours(second.console)).toEqual([`provider-guard: bootstrap data ${sealed.binding.id} opened: clean`]);
      expect(await failing.read("etc/kubernetes/pki/ca.key")).toContain("PRIVATE KEY");
      expect(await stored(failing)).toBe(0);
      for (const { text, at } of data.secrets) expect(await findText(failing.upper, text)).toEqual([...at].sort());
    });

    it("opens nothing of tampered data, and boots on with what else there is", async () => {
      const sealed = await seal(firstControlPlane().text, "inline");
      const chunk = Uint8Array.from(sealed.chunks[0] as Uint8Array);
      chunk.set([(chunk.at(-40) as number) ^ 1], chunk.length - 40);
      const tampered = await machine();
      const boot = await tampered.boot(inlineUserData({ ...sealed, chunks: [chunk] }), { vendorData: outer });
      expect(ours(boot.console)).toEqual([`provider-guard: bootstrap data ${sealed.binding.id} refused: chunk`]);
      expect(Object.values(boot.codes)).toEqual([0, 0, 0, 0]);
      expect(await tampered.read("etc/outer")).toBe("outer");
      expect(await tampered.read("var/lib/order")).toBe("outer\n");
      expect(await tampered.read("etc/kubernetes/pki/ca.key")).toBeUndefined();
    });

    it("opens nothing where it may not mount a tmpfs, and says so", async () => {
      const data = firstControlPlane();
      const sealed = await seal(data.text, "inline");
      const mountless = await machine();
      const boot = await mountless.boot(inlineUserData(sealed), { mountless: true });
      expect(ours(boot.console)).toEqual([`provider-guard: bootstrap data ${sealed.binding.id} failed: no-mount`]);
      expect(await status(mountless)).toMatchObject({ state: "failed", reason: "no-mount" });
      for (const { text } of data.secrets) expect(await findText(mountless.upper, text)).toEqual([]);
    });
  });
});

describeWithServer("cloud-init's user data", openssl, () => {
  it("fits EC2's 16,384 bytes with the data of a first control plane inline", async () => {
    const { text } = firstControlPlane();
    expect(Buffer.byteLength(text)).toBeGreaterThan(12_000);
    expect(inlineUserData(await seal(text, "inline")).length).toBeLessThan(16_384);
    // With what speaks to AWS KMS there is a little less room.
    expect(kmsUserData(await seal(text.slice(0, 11_000), "inline")).length).toBeLessThan(16_384);
  });

  it.each(["#!/bin/sh\n: a\\n 'b' \"c\"\n", '#!/bin/sh\n: """ \u00fc\n', "ends with \\", 'ends with "', "a\r\n\0"])(
    "is a part handler that holds the opener as it is: %j",
    (opener) => {
      const text = gunzipSync(cloudInitUserData(opener)).toString();
      expect(text.startsWith("#part-handler\n")).toBe(true);
      const input = `${text}\nimport sys\nsys.stdout.buffer.write(program)\n`;
      const ran = spawnSync("python3", ["-"], { input });
      expect([ran.stdout?.toString(), ran.status]).toEqual([opener, 0]);
    },
  );
});
