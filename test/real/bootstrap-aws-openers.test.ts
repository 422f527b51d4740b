import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { secretsManagerStore } from "provider-guard/aws";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import type { SeenRequest } from "./aws-front.ts";
import { type Launched, type Stores, startTestAws, type TestAws } from "./bootstrap-aws.ts";
import { describeOpener, type TestMachine, testMachine } from "./bootstrap-opener/machine.ts";
import { describeWithMoto } from "./moto.ts";

const canary = "s3cr3t-bootstrap-canary";
const kinds = ["secretsManager", "ssm", "s3"] as const satisfies readonly (keyof Stores)[];
/** Chunks of 1 KB in Secrets Manager and Systems Manager: several of them. */
const chunkBytes = { secretsManager: 1024, ssm: 1024, s3: 1_048_576 } as const;

describeOpener("the opener on AWS", (shell) => {
  describeWithMoto("behind a front that checks signatures", (python) => {
    let aws: TestAws;
    let machine: TestMachine;
    beforeAll(async () => {
      aws = await startTestAws(python);
    });
    afterAll(() => aws?.stop());
    beforeEach(() => aws.front.reset());
    afterEach(() => machine?.remove());

    const boot = (command: string, seconds = 4) =>
      machine.run(command, { pg_imds: aws.front.url, PROVIDER_GUARD_SECONDS: String(seconds) });
    const script = () => `#!/bin/sh\n# ${canary} ${randomBytes(3000).toString("base64")}\n`;
    const by = (who: SeenRequest["by"]) => aws.front.seen.filter((request) => request.by === who);
    const asked = (verb: RegExp) => by("node").filter(({ action }) => verb.test(action));

    async function launched(kind: keyof Stores, data = script()): Promise<Launched> {
      machine = testMachine(shell);
      const made = await aws.launch(aws.stores[kind], data, chunkBytes[kind]);
      machine.write(made.opener);
      aws.front.reset();
      return made;
    }

    /** But in the program itself nothing secret stands anywhere, and there none of these. */
    function expectNothingSaid(...texts: readonly string[]): void {
      for (const secret of [canary, "test-secret-key", "test-session-token"]) {
        for (const text of texts) expect(text).not.toContain(secret);
        expect(machine.holding(secret)).toEqual([]);
      }
    }

    it.each(kinds)("opens what is in %s, and leaves nothing there", async (kind) => {
      const data = script();
      const { items, all, left } = await launched(kind, data);
      expect(items.length).toBeGreaterThanOrEqual(kind === "s3" ? 1 : 4);
      expect(all.length).toBeGreaterThan(items.length);
      const opened = await boot("open");
      expect(opened).toEqual({ code: 0, stdout: `${machine.folder}/run/bootstrap/data\n`, stderr: "" });
      expect(readFileSync(opened.stdout.trim(), "utf8")).toBe(data);
      expect(asked(/Delete/)).toEqual([]); // not before local success
      expect(await left()).toEqual(all);
      expect(await boot("done")).toEqual({ code: 0, stdout: "", stderr: "" });
      expect(machine.status()).toBe("opened clean");
      expect(await left()).toEqual([]);
      for (const item of all) expect(await aws.stores[kind].has(item)).toBe(false);
      expect(by("node").every(({ status }) => status < 300)).toBe(true);
      expectNothingSaid(opened.stderr);
    });

    it.each([
      ["secretsManager", 140_000, 2],
      ["ssm", 8_000, 3],
      ["s3", 1_000_000, 1],
    ] as const)("opens items of %s as large as it takes", async (kind, bytes, count) => {
      const data = `#!/bin/sh\n# ${randomBytes(bytes).toString("base64").slice(0, bytes)}\n`;
      machine = testMachine(shell);
      const { opener, items } = await aws.launch(aws.stores[kind], data);
      machine.write(opener);
      expect(items.length).toBe(count);
      const opened = await boot("open", 20);
      expect(opened.code).toBe(0);
      expect(readFileSync(opened.stdout.trim(), "utf8") === data).toBe(true);
    });

    if (shell !== "dash") return; // what follows is decided in front of the machine

    it("speaks IMDSv2 only, and asks for credentials once in each stage", async () => {
      await launched("ssm");
      await boot("open");
      const role = "/latest/meta-data/iam/security-credentials/";
      const once = ["PUT /latest/api/token 200", `GET ${role} 200`, `GET ${role}default-role 200`];
      expect(by("metadata").map(({ action, status }) => `${action} ${status}`)).toEqual([...once, ...once]);
    });

    it.each(["secretsManager", "ssm"] as const)(
      "a chunk of %s that cannot be had stops everything: nothing after it is asked for, nothing deleted",
      async (kind) => {
        const { items, all, left } = await launched(kind);
        const bad = items[1] as string;
        aws.front.fault = ({ input }) =>
          input.includes(bad) ? { code: "InternalServiceError", status: 500 } : undefined;
        const { code, stdout, stderr } = await boot("open");
        expect({ code, stdout, status: machine.status() }).toEqual({ code: 11, stdout: "", status: "failed store" });
        const gets = asked(/Get/);
        expect(gets.filter(({ input }) => input.includes(bad)).length).toBeGreaterThan(1); // bounded retries
        expect(gets.some(({ input }) => input.includes(items[2] as string))).toBe(false);
        expect(asked(/Delete|Decrypt/)).toEqual([]);
        expect(machine.mounts()).toEqual([]);
        expectNothingSaid(stdout, stderr);
        aws.front.fault = undefined;
        expect(await left()).toEqual(all);
        // The next boot begins anew, and appends to nothing.
        expect((await boot("open")).code).toBe(0);
      },
    );

    it.each(kinds)("a role whose rights in %s come late is waited for", async (kind) => {
      await launched(kind);
      let denied = 0;
      aws.front.fault = ({ action }) =>
        /Get/.test(action) && denied++ < 2
          ? { code: kind === "s3" ? "AccessDenied" : "AccessDeniedException", status: kind === "s3" ? 403 : 400 }
          : undefined;
      expect((await boot("open", 30)).code).toBe(0);
      expect(denied).toBeGreaterThan(2);
    });

    it("throttling, answers that are lost, and credentials that expire are waited out", async () => {
      const data = script();
      const { left } = await launched("secretsManager", data);
      const faults = [
        { code: "ThrottlingException", status: 400 },
        "lose",
        { code: "ExpiredTokenException", status: 400 },
        "cut",
      ] as const;
      let asking = 0;
      aws.front.fault = ({ by: who }) =>
        who === "node" ? (faults as readonly (typeof faults)[number][])[asking++] : undefined;
      const opened = await boot("open", 60);
      expect(readFileSync(opened.stdout.trim(), "utf8")).toBe(data);
      expect(by("metadata").filter(({ action }) => action.startsWith("PUT")).length).toBe(3); // in each stage, and after the expiry anew
      let deleting = 0;
      aws.front.fault = ({ action }) => (/Delete/.test(action) && deleting++ === 0 ? "lose" : undefined);
      expect((await boot("done", 30)).code).toBe(0); // what was deleted without an answer is gone: that is fine
      expect(await left()).toEqual([]);
    });

    it.each(kinds)("an item of %s that is gone ends it without deleting the others", async (kind) => {
      const { items, all, left } = await launched(kind);
      await aws.stores[kind].delete(items.at(-1) as string);
      aws.front.reset();
      expect((await boot("open")).code).toBe(10);
      expect(machine.status()).toBe("refused gone");
      expect(asked(/Delete|Decrypt/)).toEqual([]);
      expect(await left()).toEqual(all.filter((item) => item !== items.at(-1)));
    });

    it.each(kinds)("what cannot be deleted in %s is not taken for gone", async (kind) => {
      const { items, left } = await launched(kind);
      expect((await boot("open")).code).toBe(0);
      // The last but one is gone, which is fine; of the last one no answer comes.
      const [before, last] = [items.at(-2), items.at(-1) as string];
      if (before !== undefined) await aws.stores[kind].delete(before);
      aws.front.fault = ({ action, input }) => (/Delete/.test(action) && input.includes(last) ? "cut" : undefined);
      expect((await boot("done")).code).toBe(11);
      expect(machine.status()).toBe("opened left-in-store");
      expect(await left()).toEqual([last]);
      aws.front.fault = undefined;
      expect((await boot("open")).stdout).toBe(""); // nothing is opened again, and what is left is removed
      expect(await left()).toEqual([]);
      expect(machine.status()).toBe("opened clean");
    });

    it("half an answer is never taken for a chunk, and never appended to", async () => {
      const data = script();
      const { items } = await launched("ssm", data);
      aws.front.change = ({ action, input }, body) =>
        action === "ssm:GetParameter" && input.includes(items[0] as string)
          ? Buffer.from(body.toString().replace(/("Value": ?"[^"]{300})[^"]*/, "$1"))
          : body;
      expect((await boot("open")).code).toBe(10);
      expect(machine.status()).toBe("refused chunk");
      expect(machine.mounts()).toEqual([]);
      expect(asked(/Delete|Decrypt/)).toEqual([]);
      aws.front.change = undefined;
      const opened = await boot("open");
      expect(readFileSync(opened.stdout.trim(), "utf8")).toBe(data);
    });

    it("a wrong signature is refused by the front: of the machine, and of the SDK", async () => {
      await launched("ssm");
      aws.front.change = ({ by: who }, body) =>
        who === "metadata" ? Buffer.from(body.toString().replace("test-secret-key", "test-secret-kez")) : body;
      expect((await boot("open", 2)).code).toBe(11);
      expect(by("node").every(({ status }) => status === 403)).toBe(true);
      const credentials = { accessKeyId: "AKIDCONTROLLER", secretAccessKey: "another" };
      const client = new SecretsManagerClient({ ...aws.settings, credentials });
      const store = secretsManagerStore({ client, prefix: "prod" });
      await expect(store.has(`${"0".repeat(32)}/0`)).rejects.toMatchObject({ name: "SignatureDoesNotMatch" });
      client.destroy();
    });

    it("a key for another context is not decrypted", async () => {
      machine = testMachine(shell);
      const { opener, all, left } = await aws.launch(aws.stores.ssm, script(), chunkBytes.ssm, (binding) => {
        const another = { ...binding.machine.machine, uid: "uid-of-another" };
        return aws.wrap.opener({ ...binding, machine: { ...binding.machine, machine: another } });
      });
      machine.write(opener);
      expect((await boot("open")).code).toBe(10);
      expect(machine.status()).toBe("refused unwrap");
      expect(await left()).toEqual(all);
    });

    it("an answer of another key than the one that was asked is not taken", async () => {
      const { all, left } = await launched("ssm");
      aws.front.change = ({ action }, body) =>
        action === "kms:Decrypt" ? Buffer.from(body.toString().replace(/key\/[\w-]+/, "key/another")) : body;
      expect((await boot("open")).code).toBe(10);
      expect(machine.status()).toBe("refused unwrap");
      expect(await left()).toEqual(all);
    });

    it("a key that is switched off may be switched on again", async () => {
      await launched("ssm");
      let off = 1;
      aws.front.fault = ({ action }) =>
        action === "kms:Decrypt" && off-- > 0 ? { code: "DisabledException", status: 400 } : undefined;
      expect((await boot("open", 30)).code).toBe(0);
    });
  });
});
