import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { buildCloudInitRoot, missingForCloudInit, type Release } from "./cloud-init/build.mjs";
import { findText } from "./cloud-init/find.ts";
import { createMachine, type Machine } from "./cloud-init/machine.ts";
import { installKey, itemCount, pointerUserData, seal, status, store, stored } from "./cloud-init/sealed.ts";
import { describeWithServer } from "./require-server.ts";

const missing = missingForCloudInit();
const secret = "c0ffee.0123456789abcdef";
/** Each step notes that it was done, and is where power may be lost. */
const data = `#cloud-config
bootcmd: [/host/pause bootcmd]
write_files: [{path: /etc/acme/file, content: ${secret}, defer: true}]
runcmd:
- echo begun >>/var/lib/order
- /host/pause runcmd
- echo ended >>/var/lib/order
`;
/** A boot takes seconds, and several times that on a loaded machine. */
const timeout = 240_000;

const script = (commands: string) => `#cloud-config\nruncmd:\n- echo begun >>/var/lib/order\n- ${commands}\n`;

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

    // What power was lost in, and what had been done once and was not to be done again.
    it.each([
      ["fetch", "while it is fetched", 1],
      ["bootcmd", "when it is open, before its scripts", 1],
      ["runcmd", "among its scripts, which begin again", 2],
      ["forget", "when its scripts have succeeded, which are not run again", 1],
    ])("loses nothing when power is lost in %s: %s", async (point, _when, begun) => {
      const sealed = await seal(data, "pointer");
      const interrupted = await machine();
      await store(interrupted, sealed);
      await interrupted.boot(pointerUserData(sealed), { powerLossAt: point });
      expect(await stored(interrupted)).toBe(itemCount(sealed));
      expect(await findText(interrupted.upper, secret)).toEqual(
        ["fetch", "bootcmd"].includes(point) ? [] : ["etc/acme/file"],
      );

      const next = await interrupted.boot(pointerUserData(sealed));
      expect(Object.values(next.codes)).toEqual([0, 0, 0, 0]);
      expect(await interrupted.read("var/lib/order")).toBe(`${"begun\n".repeat(begun)}ended\n`);
      expect(await interrupted.read("etc/acme/file")).toBe(secret);
      expect(await stored(interrupted)).toBe(0);
      expect(await status(interrupted)).toEqual({ state: "opened", id: sealed.binding.id, reason: "clean" });
      expect(await findText(interrupted.upper, secret)).toEqual(["etc/acme/file"]);
    });

    if (release === "bookworm")
      it("runs no script again when power is lost before the opener has noted that it is done", async () => {
        const sealed = await seal(data, "pointer");
        const interrupted = await machine();
        await store(interrupted, sealed);
        await interrupted.boot(pointerUserData(sealed), { powerLossAt: "forget" });
        // As if it had been a moment earlier: the handler's note is there, the opener's is not.
        await rm(join(interrupted.upper, "var/lib/provider-guard/bootstrap/opened"));
        await interrupted.boot(pointerUserData(sealed));
        expect(await interrupted.read("var/lib/order")).toBe("begun\nended\n");
        expect(await stored(interrupted)).toBe(0);
        expect(await status(interrupted)).toEqual({ state: "opened", id: sealed.binding.id, reason: "clean" });
      });

    if (release === "bookworm")
      it("deletes nothing where a script has failed, tries again at the next boot, and tells of traces", async () => {
        const sealed = await seal(script(`test -e /etc/good && echo ${secret}`), "pointer");
        const failing = await machine();
        await store(failing, sealed);
        const first = await failing.boot(pointerUserData(sealed));
        expect(first.console).toContain(`provider-guard: bootstrap data ${sealed.binding.id} failed: scripts\n`);
        expect(await status(failing)).toEqual({ state: "failed", id: sealed.binding.id, reason: "scripts" });
        expect(await stored(failing)).toBe(itemCount(sealed));
        expect(await findText(failing.upper, secret)).toEqual([]);

        await failing.write("etc/good", "");
        const second = await failing.boot(pointerUserData(sealed));
        expect(second.console).toContain("traces of bootstrap data in /var/log/cloud-init-output.log\n");
        expect(second.console).not.toContain(secret);
        expect(await status(failing)).toMatchObject({ state: "opened", reason: "clean,traces" });
        expect(await stored(failing)).toBe(0);
        expect(await failing.read("var/lib/order")).toBe("begun\nbegun\n");
      });

    if (release === "trixie")
      it("gives up once its scripts have failed in three boots: data that reboots by itself ends, too", async () => {
        const sealed = await seal(script("exit 1"), "pointer");
        const hopeless = await machine();
        await store(hopeless, sealed);
        for (let boot = 1; boot <= 3; boot++) {
          await hopeless.boot(pointerUserData(sealed));
          expect(await status(hopeless)).toMatchObject({ state: "failed", reason: "scripts" });
        }
        const last = await hopeless.boot(pointerUserData(sealed));
        expect(last.console).toContain(`provider-guard: bootstrap data ${sealed.binding.id} refused: attempts\n`);
        expect(await status(hopeless)).toMatchObject({ state: "refused", reason: "attempts" });
        expect(await hopeless.read("var/lib/order")).toBe("begun\n".repeat(3));
      });
  });
});
