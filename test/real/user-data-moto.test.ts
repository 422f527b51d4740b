import {
  CreateLaunchTemplateCommand,
  DescribeInstanceAttributeCommand,
  DescribeInstancesCommand,
  DescribeLaunchTemplatesCommand,
  EC2Client,
  ModifyInstanceAttributeCommand,
  RunInstancesCommand,
} from "@aws-sdk/client-ec2";
import { aws } from "provider-guard/aws";
import { userDataGuard } from "provider-guard/bootstrap";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { type GuardedRun, guardedRun, subject } from "./guarded.ts";
import { describeWithMoto, type Moto, startMoto } from "./moto.ts";

const token = "q2w3e4.r5t6y7u8i9o0p1a2";
const base64 = (text: string) => Buffer.from(text).toString("base64");
const secret = base64(`#cloud-config\nruncmd:\n  - kubeadm join 10.0.0.1:6443 --token ${token}\n`);
const harmless = base64("#cloud-config\npackages: [jq]\n");

describeWithMoto("user data that a guard looks at, on its way to moto", (program) => {
  let moto: Moto;
  let run: GuardedRun;
  const config = () => ({
    endpoint: moto.url,
    region: "eu-central-1",
    credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" },
  });
  const launch = (UserData: string) =>
    new RunInstancesCommand({ ImageId: "ami-12345678", InstanceType: "t3.micro", MinCount: 1, MaxCount: 1, UserData });

  beforeAll(async () => {
    moto = await startMoto(program);
  });
  afterAll(() => moto?.stop());
  beforeEach(async () => {
    await fetch(`${moto.url}/moto-api/reset`, { method: "POST" });
  });
  afterEach(() => run?.clean());

  it("makes no machine and no template of user data with a join token, and the machine of harmless one", async () => {
    run = await guardedRun({ interceptors: [userDataGuard()] });
    const raw = new EC2Client(config());
    const ec2 = run.guard.wrap(new EC2Client(config()) as never, aws()) as EC2Client;
    const refused = { code: "ERR_BOOTSTRAP_UNSEALED" };
    await run.guard.reconcile(subject, async () => {
      await expect(ec2.send(launch(secret))).rejects.toMatchObject(refused);
      const template = { LaunchTemplateName: "a", LaunchTemplateData: { UserData: secret } };
      await expect(ec2.send(new CreateLaunchTemplateCommand(template))).rejects.toMatchObject(refused);
      expect((await raw.send(new DescribeInstancesCommand({}))).Reservations).toEqual([]);
      expect((await raw.send(new DescribeLaunchTemplatesCommand({}))).LaunchTemplates).toEqual([]);

      const { Instances } = await ec2.send(launch(harmless));
      const InstanceId = Instances?.[0]?.InstanceId as string;
      const change = { InstanceId, UserData: { Value: Buffer.from(secret, "base64") } };
      await expect(ec2.send(new ModifyInstanceAttributeCommand(change))).rejects.toMatchObject(refused);
      const { UserData } = await raw.send(new DescribeInstanceAttributeCommand({ InstanceId, Attribute: "userData" }));
      expect(UserData?.Value).toBe(harmless);
    });
    const { verification, records, text } = await run.finish();
    expect(verification).toMatchObject({ ok: true, unfinished: 0 });
    expect(records.flatMap(({ type }) => (/header|notice/.test(type) ? [] : type))).toEqual(
      "refusal refusal intent outcome refusal".split(" "),
    );
    expect(text).not.toContain(token);
    expect(text).not.toContain(secret.slice(0, 40));
    raw.destroy();
    ec2.destroy();
  });

  it("lets it pass in observe mode, and the audit log says what would have been refused", async () => {
    run = await guardedRun({ interceptors: [userDataGuard({ mode: "observe" })] });
    const ec2 = run.guard.wrap(new EC2Client(config()) as never, aws()) as EC2Client;
    const { Instances } = await run.guard.reconcile(subject, () => ec2.send(launch(secret)));
    expect(Instances).toHaveLength(1);
    const { records, text } = await run.finish();
    const note = "input.UserData: kubeadm-token (base64, runcmd[0], line 3)";
    expect(records.find(({ type }) => type === "outcome")).toMatchObject({
      decisions: expect.arrayContaining([expect.objectContaining({ verdict: "would-refuse", note })]),
    });
    expect(text).not.toContain(token);
    ec2.destroy();
  });
});
