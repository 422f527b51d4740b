import { CreateLaunchTemplateCommand, EC2Client, RunInstancesCommand } from "@aws-sdk/client-ec2";
import { createGuard, type Guard, memoryState } from "provider-guard";
import { aws } from "provider-guard/aws";
import { bootstrapVault, userDataGuard } from "provider-guard/bootstrap";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ec2Answer, type FakeWire, fakeWire, wired } from "../adapters/aws/fake-wire.ts";
import { managementCluster } from "../support/acme.ts";
import { memoryJournal } from "../support/memory-journal.ts";
import { localWrap, p256 } from "./sealing.ts";
import { joinToken } from "./user-data-secrets.ts";

const object = (name: string) => ({ namespace: "default", name, uid: `uid-${name}` });
const subject = { cluster: object("prod"), machine: object("prod-pool") };
const token = joinToken();
const data = `#cloud-config\nruncmd:\n- kubeadm join 10.0.0.1:6443 --token ${token}\n`;

// Those that show on a machine are in test/real/bootstrap-capa-*.test.ts.
describe("CAPA's defect", () => {
  let wire: FakeWire;
  let guard: Guard;
  let plain: EC2Client;
  let ec2: EC2Client;
  beforeEach(async () => {
    wire = fakeWire(ec2Answer("Any"));
    guard = await createGuard({
      owner: { managementCluster, provider: "infrastructure-acme" },
      audit: memoryJournal(),
      ownership: false,
      telemetry: false,
      interceptors: [userDataGuard()],
    });
    plain = new EC2Client(wired(wire));
    ec2 = guard.wrap(new EC2Client(wired(wire)), aws());
  });
  afterEach(async () => {
    await guard.close();
    for (const client of [plain, ec2]) client.destroy();
  });

  /** What left of a request, with its parameters decoded. */
  const sent = () =>
    new URLSearchParams(
      wire.requests
        .splice(0)
        .map(({ body }) => String(body))
        .join("&"),
    );
  const template = (userData: string | Uint8Array) =>
    new CreateLaunchTemplateCommand({
      LaunchTemplateName: "pool",
      LaunchTemplateData: { ImageId: "ami-1", UserData: Buffer.from(userData).toString("base64") },
    });

  it("machine pools have their data in plain in launch templates", async () => {
    const decoded = () => Buffer.from(sent().get("LaunchTemplateData.UserData") ?? "", "base64");
    await plain.send(template(data));
    expect(decoded().toString()).toContain(token);

    await expect(ec2.send(template(data))).rejects.toMatchObject({ code: "ERR_BOOTSTRAP_UNSEALED" });
    expect(wire.requests).toEqual([]);

    const vault = bootstrapVault({ managementCluster, cloud: "aws", state: memoryState(), wrap: localWrap(p256) });
    const { userData } = await vault.seal({ ...subject, data, format: "cloud-config" });
    await vault.close();
    await ec2.send(template(userData));
    expect(decoded()).toEqual(Buffer.from(userData));
  });

  it("IMDSv2 is optional unless somebody asks for it", async () => {
    const run = new RunInstancesCommand({ ImageId: "ami-1", MinCount: 1, MaxCount: 1 });
    const required = { "MetadataOptions.HttpTokens": "required", "MetadataOptions.HttpPutResponseHopLimit": "1" };
    await plain.send(run);
    expect(Object.fromEntries(sent())).not.toMatchObject(required);
    await ec2.send(run);
    expect(Object.fromEntries(sent())).toMatchObject(required);
    await ec2.send(template("#cloud-config\n"));
    expect(sent().get("LaunchTemplateData.MetadataOptions.HttpTokens")).toBe("required");
  });
});
