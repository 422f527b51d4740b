import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { composeOpener } from "../../src/bootstrap/opener/compose.ts";
import { openerImpossible, type TestMachine, testMachine } from "./bootstrap-opener/machine.ts";
import { folderStore, sealFor } from "./bootstrap-opener/sealed.ts";
import { describeWithServer } from "./require-server.ts";

const missing = openerImpossible();
const program = missing === undefined ? "openssl" : undefined;
const shells = ["dash", "bash", "busybox sh"];

for (const shell of shells)
  describeWithServer(
    `the opener, run by ${shell}`,
    { server: missing ?? "openssl 3", program, hint: "apt-get install openssl curl dash bash busybox, as root" },
    () => {
      let machine: TestMachine;
      beforeEach(() => {
        machine = testMachine(shell);
      });
      afterEach(() => machine.remove());

      it("opens data of several chunks, and afterwards nothing of it is left here or in the store", async () => {
        const data = `#!/bin/sh\necho ran >${machine.folder}/effect\n# ${"kubeadm ".repeat(500)}${Math.random()}\n`;
        const { sealed, wrap } = await sealFor(machine.folder, data, { maxItemBytes: 256 });
        expect(sealed.chunks.length).toBeGreaterThan(1);
        const store = folderStore(machine.folder, sealed.chunks);
        machine.write(composeOpener({ sealed, wrap, store }));
        const opened = await machine.run("open");
        expect(opened).toEqual({ code: 0, stdout: `${machine.folder}/run/bootstrap/data\n`, stderr: "" });
        expect(readFileSync(opened.stdout.trim(), "utf8")).toBe(data);
        expect(machine.status()).toBe("opening ready");
        expect(machine.mounts()).toEqual([`${machine.folder}/run/bootstrap`]);
        expect(await machine.run("done")).toEqual({ code: 0, stdout: "", stderr: "" });
        expect(machine.status()).toBe("opened clean");
        expect(machine.mounts()).toEqual([]);
        expect(existsSync(join(store.path, "0"))).toBe(false);
        expect(machine.console()).toEqual([`provider-guard: bootstrap data ${sealed.binding.id} opened: clean`]);
        expect(await machine.run("open")).toEqual({ code: 0, stdout: "", stderr: "" });
      });
    },
  );
