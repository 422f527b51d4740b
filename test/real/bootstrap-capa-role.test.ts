import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HeadObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { DescribeSecretCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { DescribeParametersCommand, SSMClient } from "@aws-sdk/client-ssm";
import { bootstrapPolicies, s3Store, secretsManagerStore, ssmStore } from "provider-guard/aws";
import type { BootstrapStore } from "provider-guard/bootstrap";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { ask, claimOf, headersOf, serve } from "../bootstrap/http/served.ts";
import { testBinding } from "../support/bootstrap-store-contract.ts";
import { controller } from "./aws-front.ts";
import { account, bucket, context, prefix, region, type Stores, startTestAws, type TestAws } from "./bootstrap-aws.ts";
import { askLikeImdsV1, splitLikeCapa } from "./bootstrap-capa/like-capa.ts";
import { describeOpener, type TestMachine, testMachine } from "./bootstrap-opener/machine.ts";
import { findText } from "./cloud-init/find.ts";
import { describeWithMoto } from "./moto.ts";

const canary = "s3cr3t-bootstrap-canary";
const kinds = ["secretsManager", "ssm", "s3"] as const satisfies readonly (keyof Stores)[];
const setting = (opener: string, name: string) => new RegExp(`^${name}='([^']*)'$`, "m").exec(opener)?.[1] ?? "";

describeOpener("CAPA's defect", defects, ["dash"]);

function defects(shell: string) {
  describeWithMoto("on AWS", (python) => {
    let aws: TestAws;
    let machine: TestMachine;
    beforeAll(async () => {
      aws = await startTestAws(python);
    });
    afterAll(() => aws?.stop());
    beforeEach(() => {
      aws.front.reset();
      machine = testMachine(shell);
    });
    afterEach(() => machine.remove());

    const script = () => `#!/bin/sh\n# ${canary}\n# ${randomBytes(2000).toString("base64")}\n`;
    const boot = (command?: string) => machine.run(command, { pg_imds: aws.front.url, PROVIDER_GUARD_SECONDS: "4" });

    /** Launches a machine, and keeps what was put for it. */
    async function launch(store: BootstrapStore) {
      const put: Uint8Array[] = [];
      const noting: BootstrapStore = {
        ...store,
        put: (name, bytes, ...rest) => {
          put.push(bytes);
          return store.put(name, bytes, ...rest);
        },
      };
      return { ...(await aws.launch(noting, script(), 1024)), put };
    }

    /** Whether the text is in one of the items, or in all together, in any form. */
    async function canBeRead(items: readonly Uint8Array[], text: string): Promise<boolean> {
      const folder = await mkdtemp(join(tmpdir(), "items-"));
      try {
        for (const [index, bytes] of [...items, Buffer.concat(items)].entries()) {
          await writeFile(join(folder, String(index)), bytes);
        }
        return (await findText(folder, text)).length > 0;
      } finally {
        await rm(folder, { recursive: true });
      }
    }

    it.each(kinds)("whoever has the nodes' role can read another machine's data, in %s", async (kind) => {
      const other = await launch(aws.stores[kind]);
      const wrapped = setting(other.opener, "pg_wrapped").split(",")[1] ?? "";
      expect(wrapped.length).toBeGreaterThan(100);
      // All that the role may read there holds neither the data nor what KMS would make a key of.
      expect(await canBeRead(other.put, canary)).toBe(false);
      expect(await canBeRead(other.put, wrapped)).toBe(false);
      expect(await canBeRead(splitLikeCapa(script(), 4), canary)).toBe(true);

      // A machine of the same role that has come to know the other's names, even with its own right to the KMS key.
      const own = await launch(aws.stores[kind]);
      for (const [names, refused] of [
        [[], "refused program"],
        [["pg_program", "pg_chunks", "pg_items"], "refused key"],
      ] as const) {
        const changed = names.reduce(
          (text, name) => text.replace(`${name}='${setting(text, name)}'`, `${name}='${setting(other.opener, name)}'`),
          own.opener.replaceAll(own.id, other.id),
        );
        machine.write(changed);
        expect((await boot("open")).code).toBe(10);
        expect(machine.status()).toBe(refused);
        expect(machine.holding(canary)).toEqual([]);
      }
      expect(await other.left()).toEqual(other.all);
    });

    it("nodes find each other's items: a role lists none, and no machine is told of another's", async () => {
      const arn = aws.keyArn;
      const { node } = bootstrapPolicies({
        region,
        account,
        secretsManager: { prefix, kmsKeyArn: arn },
        ssm: { prefix, kmsKeyArn: arn },
        s3: { bucket, prefix, kmsKeyArn: arn },
        kms: { keyArn: arn, encryptionContext: context },
      });
      const actions = node.Statement.flatMap(({ Action }) => Action);
      // Each takes one name, and there is none that takes a beginning, or gives names.
      expect([...new Set(actions)].sort()).toEqual([
        "kms:Decrypt",
        "s3:DeleteObject",
        "s3:GetObject",
        "secretsmanager:DeleteSecret",
        "secretsmanager:GetSecretValue",
        "ssm:DeleteParameter",
        "ssm:GetParameter",
      ]);
      const [one, other] = [await launch(aws.stores.ssm), await launch(aws.stores.ssm)];
      expect(one.id).toMatch(/^[0-9a-f]{32}$/);
      machine.write(one.opener);
      aws.front.reset();
      expect((await boot("open")).code).toBe(0);
      expect((await boot("done")).code).toBe(0);
      expect(aws.front.seen.some(({ by, input }) => by === "node" && input.includes(one.id))).toBe(true);
      expect(JSON.stringify(aws.front.seen)).not.toContain(other.id);
      expect(machine.holding(other.id)).toEqual([]);
      expect(await other.left()).toEqual(other.all);
    });

    it("one machine's right to read is every machine's: not with httpStore, nor that to delete", async () => {
      const { store, url, close } = await serve();
      try {
        const [own, other] = [testBinding(), testBinding()];
        for (const binding of [own, other]) await store.put(`${binding.id}/0`, Buffer.from("sealed"), binding);
        const headers = await headersOf(store, own, claimOf("a"));
        for (const method of ["GET", "HEAD", "DELETE"]) {
          expect((await ask(`${url}/${other.id}/0`, { method, headers })).status).toBe(404);
        }
        expect((await ask(`${url}/${own.id}/0`, { headers })).status).toBe(200);
        const its = await headersOf(store, other, claimOf("b"));
        expect((await ask(`${url}/${other.id}/0`, { headers: its })).status).toBe(200);
      } finally {
        await close();
      }
    });

    it("the KMS key cannot be chosen: in every store, and for the wrap", async () => {
      const settings = { ...aws.settings, credentials: controller };
      const secrets = new SecretsManagerClient(settings);
      const ssm = new SSMClient(settings);
      const s3 = new S3Client({ ...settings, forcePathStyle: true });
      const keyOf = {
        "secrets-manager": async (name: string) =>
          (await secrets.send(new DescribeSecretCommand({ SecretId: name }))).KmsKeyId,
        ssm: async (name: string) => {
          const ParameterFilters = [{ Key: "Name", Option: "Equals", Values: [`/${name}`] }];
          return (await ssm.send(new DescribeParametersCommand({ ParameterFilters }))).Parameters?.[0]?.KeyId;
        },
        s3: async (name: string) => (await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: name }))).SSEKMSKeyId,
      };
      const stores = (key: { kmsKeyId?: string }) => [
        secretsManagerStore({ client: secrets, prefix, ...key }),
        ssmStore({ client: ssm, prefix, ...key }),
        s3Store({ client: s3, bucket, prefix, ...key }),
      ];
      for (const kmsKeyId of [aws.keyArn, undefined]) {
        for (const store of stores(kmsKeyId === undefined ? {} : { kmsKeyId })) {
          const binding = testBinding();
          const name = `${binding.id}/0`;
          await store.put(name, Buffer.from("sealed"), binding);
          const used = await keyOf[store.name as keyof typeof keyOf](`${prefix}/${name}`);
          if (kmsKeyId === undefined) expect(used, store.name).not.toBe(aws.keyArn);
          else expect(used, store.name).toBe(kmsKeyId);
        }
      }
      for (const client of [secrets, ssm, s3]) client.destroy();
      const { opener } = await launch(aws.stores.ssm);
      expect(setting(opener, "pg_wrapped").split(",")[0]).toBe(aws.keyArn);
    });

    it("the metadata service is asked as IMDSv1 does", async () => {
      const withoutToken = () => aws.front.seen.filter(({ by, status }) => by === "metadata" && status === 401);
      machine.write((await launch(aws.stores.s3)).opener);
      expect((await boot("open")).code).toBe(0);
      expect((await boot("done")).code).toBe(0);
      expect(aws.front.seen.some(({ by }) => by === "metadata")).toBe(true);
      expect(withoutToken()).toEqual([]);

      machine.write(askLikeImdsV1(aws.front.url));
      expect((await boot()).code).toBe(11);
      expect(withoutToken()).toHaveLength(1);
    });
  });
}
