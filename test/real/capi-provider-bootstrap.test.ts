import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DescribeInstanceAttributeCommand, type Instance } from "@aws-sdk/client-ec2";
import { KMSClient } from "@aws-sdk/client-kms";
import { ListSecretsCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { memoryState, type ObjectRef } from "provider-guard";
import { kmsWrap } from "provider-guard/aws";
import { bootstrapVault, findSecrets } from "provider-guard/bootstrap";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { type AwsFront, startAwsFront } from "./aws-front.ts";
import { kubernetesVersion } from "./capi-provider/manifests.ts";
import {
  acme,
  clusterManifests,
  connectWorkload,
  core,
  describeWithLab,
  type Lab,
  type Provider,
  patient,
  region,
} from "./capi-provider.ts";
import { buildCloudInitRoot, missingForCloudInit } from "./cloud-init/build.mjs";
import { findText, formsOf } from "./cloud-init/find.ts";
import { type Boot, createMachine, type Machine } from "./cloud-init/machine.ts";
import { markInitialized, registerNode } from "./cluster-api/workload.ts";
import { describeWithServer } from "./require-server.ts";

interface Secret {
  readonly metadata: { readonly name: string };
  readonly data: Readonly<Record<string, string>>;
}

/** What the image brings: `kubeadm` that notes what it was called with, since no cluster is made here. */
const kubeadm = `#!/bin/sh
echo "kubeadm $*" >>/var/lib/kubeadm-was-called
`;

const missing = missingForCloudInit();
const program = missing === undefined ? "cloud-init" : undefined;

describeWithServer("bootstrap data", { server: "cloud-init's root", program, hint: `needs ${missing}` }, () => {
  describeWithLab("from Cluster API to cloud-init", (start) => {
    let lab: Lab;
    let front: AwsFront;
    let provider: Provider;
    let secrets: SecretsManagerClient;
    const machines: Machine[] = [];

    beforeAll(async () => {
      lab = await start();
      front = await startAwsFront(lab.cloud.url);
      const credentials = { accessKeyId: "testing", secretAccessKey: "testing" };
      secrets = new SecretsManagerClient({ endpoint: lab.cloud.url, region, credentials });
      provider = await lab.startProvider();
    }, 300_000);
    afterAll(async () => {
      await Promise.all(machines.map((machine) => machine.remove()));
      secrets?.destroy();
      await front?.stop();
      await lab?.stop();
    });

    const secretOf = (namespace: string, name: string) =>
      lab.kubernetes.request<Secret>("GET", `/api/v1/namespaces/${namespace}/secrets/${name}`);
    const decoded = (text = "") => Buffer.from(text, "base64").toString();
    const sealed = async () => (await secrets.send(new ListSecretsCommand({}))).SecretList ?? [];

    async function userDataOf({ InstanceId }: Instance): Promise<Buffer> {
      const asked = new DescribeInstanceAttributeCommand({ InstanceId, Attribute: "userData" });
      return Buffer.from((await lab.ec2.send(asked)).UserData?.Value ?? "", "base64");
    }

    /** The same data where there is no store: all of it in the user data. */
    async function inline(data: string, machine: ObjectRef) {
      const credentials = { accessKeyId: "testing", secretAccessKey: "testing" };
      const kms = new KMSClient({ endpoint: lab.cloud.url, region, credentials });
      const vault = bootstrapVault({
        managementCluster: machine.uid,
        cloud: "aws",
        state: memoryState(),
        wrap: kmsWrap({ client: kms, keyId: "alias/acme-bootstrap" }),
      });
      const { mode, userData } = await vault.seal({ cluster: machine, machine, data, format: "cloud-config" });
      kms.destroy();
      expect(mode).toBe("inline");
      return userData;
    }

    /** Boots what EC2 launched, as far as user data goes: on a Debian with cloud-init, at this AWS. */
    async function boot(root: string, instance: Instance): Promise<{ machine: Machine; first: Boot }> {
      const machine = await createMachine(root);
      machines.push(machine);
      const variables = ["pg_imds", "pg_endpoint_secretsmanager", "pg_endpoint_kms"];
      await writeFile(
        join(machine.host, "environment"),
        variables.map((name) => `export ${name}=${front.url}\n`).join(""),
      );
      await machine.write("usr/bin/kubeadm", kubeadm, 0o755);
      return { machine, first: await machine.boot(await userDataOf(instance), { loopback: true }) };
    }

    it("is sealed by the provider, opened by cloud-init, and gone everywhere else once there is a Node", async () => {
      const namespace = await lab.kubernetes.freshNamespace("sealed");
      const network = await lab.makeNetwork();
      await connectWorkload(lab.kubernetes, { namespace, cluster: "blue", workload: lab.workload });
      await lab.apply(...clusterManifests({ namespace, name: "blue", network }));
      const caKey = decoded((await secretOf(namespace, "blue-ca")).data["tls.key"]);
      const canary = caKey.split("\n")[2] ?? "";
      expect(canary.length).toBeGreaterThan(40);

      const launched = (controlPlane: boolean) =>
        vi.waitFor(async () => {
          const all = await lab.acmeMachines(namespace);
          const found = all.find(({ metadata: { labels = {} } }) => `${core}/control-plane` in labels === controlPlane);
          const id = found?.spec.providerID?.split("/").at(-1);
          const instance = (await lab.instances("alive")).find(({ InstanceId }) => InstanceId === id);
          if (found === undefined || instance === undefined) throw new Error("not launched yet");
          return { ...found, instance, providerID: found.spec.providerID ?? "" };
        }, patient);

      const roots = { control: await buildCloudInitRoot("bookworm"), worker: await buildCloudInitRoot("trixie") };
      for (const [role, root] of Object.entries(roots)) {
        const { metadata, instance, providerID } = await launched(role === "control");
        const { name } = metadata;
        const [machineObject] = (await lab.machines(namespace)).filter((one) => one.metadata.name === name);
        const asked = `/apis/${core}/v1beta2/namespaces/${namespace}/machines/${machineObject?.metadata.name}`;
        const { spec } = await lab.kubernetes.request<{ spec: { bootstrap: { dataSecretName: string } } }>(
          "GET",
          asked,
        );
        const data = decoded((await secretOf(namespace, spec.bootstrap.dataSecretName)).data.value);
        const token = /token: (\w{6}\.\w{16})/.exec(data)?.[1] ?? (role === "control" ? canary : "");
        expect(token).not.toBe("");
        expect(data.includes(canary)).toBe(role === "control");

        // The user data: small, and nothing in it.
        const userData = await userDataOf(instance);
        expect(userData.length).toBeLessThanOrEqual(4096);
        expect((await sealed()).length).toBeGreaterThan(0);
        expect(findSecrets(data).map(({ kind }) => kind)).toContain(
          role === "control" ? "private-key" : "kubeadm-token",
        );
        expect(findSecrets(userData)).toEqual([]);
        // A first control plane's, with all of its authorities, fits what EC2 takes.
        const whole = await inline(data, { namespace, name, uid: machineObject?.metadata.uid ?? "" });
        expect(whole.length).toBeLessThanOrEqual(16_384);
        expect(findSecrets(whole)).toEqual([]);

        const { machine, first } = await boot(root, instance);
        expect(first.console).toContain("opened: clean");
        expect(await machine.read("var/lib/kubeadm-was-called")).toMatch(
          role === "control" ? /^kubeadm init/ : /^kubeadm join/,
        );
        expect(await machine.read("run/cluster-api/bootstrap-success.complete")).toBeUndefined(); // it is on a tmpfs
        if (role === "control") {
          expect(await machine.read("etc/kubernetes/pki/ca.key")).toBe(caKey);
          expect(await findText(machine.upper, canary)).toEqual(["etc/kubernetes/pki/ca.key"]);
        } else {
          expect(await findText(machine.upper, token)).toEqual([]); // in /run alone, where kubeadm's configuration is
        }
        // It was the machine itself that removed it, with its own role, and nobody else's signature.
        expect(front.seen.filter(({ by }) => by === "controller")).toEqual([]);
        const actions = front.seen.filter(({ by }) => by === "node").map(({ action }) => action);
        expect(new Set(actions)).toEqual(
          new Set(["kms:Decrypt", "secretsmanager:GetSecretValue", "secretsmanager:DeleteSecret"]),
        );
        front.reset();
        if (role === "control") await markInitialized(lab.workload, kubernetesVersion);
        await registerNode(lab.workload, { name, providerID });
      }
      await expect.poll(async () => (await lab.running(namespace)).length, patient).toBe(2);
      await expect.poll(sealed, patient).toEqual([]);

      // Nowhere but in the cluster's own Secrets: not at EC2, in the audit log, the log, the objects, nor the state.
      const forms = formsOf(Buffer.from(canary));
      const lacks = (bytes: Buffer, where: string) => {
        for (const form of forms) expect(bytes.includes(form), where).toBe(false);
      };
      for (const instance of await lab.instances("all")) {
        const userData = await userDataOf(instance);
        await writeFile(join(lab.folder, "user-data"), userData);
        lacks(userData, "user data");
      }
      expect(await findText(lab.folder, canary)).toEqual([]); // audit journal and user data, packed or not
      lacks(Buffer.from(provider.lines.join("\n")), "log");
      const everything = [`/apis/${acme}/acmemachines`, "/api/v1/configmaps", "/apis/events.k8s.io/v1/events"];
      for (const path of everything)
        lacks(Buffer.from(JSON.stringify(await lab.kubernetes.request("GET", path))), path);
      const all = await lab.kubernetes.request<{ items: Secret[] }>("GET", "/api/v1/secrets");
      const holding = all.items.filter(({ data = {} }) =>
        Object.values(data).some((one) => decoded(one).includes(canary)),
      );
      expect(holding.length).toBeGreaterThan(0);
      expect((await readdir(provider.auditDirectory)).length).toBeGreaterThan(0);
    }, 400_000);
  });
});
