import {
  DescribeInstancesCommand,
  EC2Client,
  ModifyInstanceAttributeCommand,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import { CreateSecretCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { createGuard, fileJournal } from "provider-guard";
import { aws } from "provider-guard/aws";
import { seededRandom, simulatedClock } from "provider-guard/testing";
import { expect, it } from "vitest";
import { ec2Answer, ec2Error, fakeWire, wired } from "../../adapters/aws/fake-wire.ts";
import { managementCluster, subject } from "../../support/acme.ts";
import { temporaryDirectory } from "../support.ts";
import { fittingRecords } from "./fitting.ts";

const id = "i-0123456789abcdef0";
const item = (body: string) => `<item>${body}</item>`;
const answers: Record<string, string> = {
  RunInstances: `<instancesSet>${item(`<instanceId>${id}</instanceId>`)}</instancesSet>`,
  DescribeInstances: `<reservationSet>${item(`<instancesSet>${item(`<instanceId>${id}</instanceId>`)}</instancesSet>`)}</reservationSet>`,
};
const lost = () => Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });

it("every line of a run of the AWS SDK fits: attempts with request ids, throttled and lost ones, secrets, bytes", async () => {
  const directory = temporaryDirectory();
  const clock = simulatedClock({ startAt: Date.UTC(2026, 0, 5) });
  const guard = await createGuard({
    owner: { managementCluster, provider: "infrastructure-aws" },
    audit: fileJournal({ directory, segmentBytes: 8192 }),
    clock,
    random: seededRandom(2),
  });
  let request = 0;
  const troubles = [
    () => ec2Error("RequestLimitExceeded", 503, "req-throttled"),
    undefined,
    () => lost(),
    undefined,
    () => ec2Error("UnauthorizedOperation", 403, "req-denied"),
    undefined,
    undefined,
  ];
  const wire = fakeWire(({ body, headers }) => {
    const trouble = troubles[request++ % troubles.length];
    if (trouble !== undefined) return trouble();
    const action = new URLSearchParams(typeof body === "string" ? body : "").get("Action") ?? "";
    if (action !== "") return ec2Answer(action, answers[action], `req-${request}`);
    const secret = JSON.stringify({ ARN: "arn:aws:secretsmanager:eu-central-1:1:secret:s-AbCdEf", Name: "s" });
    return { headers: { "x-amzn-requestid": `req-${headers["x-amz-target"]}` }, body: secret };
  });
  const ec2 = guard.wrap(new EC2Client(wired(wire)), aws());
  const secrets = guard.wrap(new SecretsManagerClient(wired(wire)), aws());
  const counts = { MinCount: 1, MaxCount: 1 };
  for (let round = 0; round < 12; round++) {
    const cluster = subject(`c${round % 3}`, `m${round}`);
    const calls: (() => Promise<unknown>)[] = [
      () => ec2.send(new RunInstancesCommand({ ImageId: "ami-1", UserData: "hunter2", ...counts })),
      () =>
        ec2.send(new DescribeInstancesCommand({ InstanceIds: [id], Filters: [{ Name: "x", Values: ["ü\u2028"] }] })),
      () =>
        ec2.send(new ModifyInstanceAttributeCommand({ InstanceId: id, UserData: { Value: Buffer.from("hunter2") } })),
      () =>
        secrets.send(new CreateSecretCommand({ Name: "s", SecretBinary: new Uint8Array(40), SecretString: "hunter2" })),
      () => ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] })),
      () =>
        ec2.send(
          new RunInstancesCommand({ ...counts, later: { at: new Date(0), big: 2n ** 70n, nan: Number.NaN } } as never),
        ),
    ];
    for (const call of calls) await clock.runUntil(guard.reconcile(cluster, call).catch(() => {}));
    await clock.runUntil(ec2.send(new RunInstancesCommand({ ImageId: "ami-1", ...counts })).catch(() => {}));
    await clock.advance(60_000);
  }
  await clock.runUntil(guard.close());

  const records = await fittingRecords(directory);
  expect(JSON.stringify(records)).not.toContain("hunter2");
  const types = new Set(records.map(({ type }) => type));
  for (const type of ["intent", "outcome", "read", "refusal", "end", "open"] as const) expect(types).toContain(type);
  const attempts = records.flatMap((record) => ("attempts" in record ? record.attempts : []));
  expect(new Set(attempts.map(({ result }) => result))).toEqual(
    new Set(["ok", "throttled", "lost", "denied", "outage"]),
  );
  expect(attempts.some(({ n }) => n > 1)).toBe(true);
  expect(attempts.filter(({ requestId }) => requestId === undefined).every(({ result }) => result === "lost")).toBe(
    true,
  );
  expect(records.flatMap((record) => ("resources" in record ? (record.resources ?? []) : []))).toContain(id);
});
