import { DescribeVolumesCommand, EC2Client } from "@aws-sdk/client-ec2";
import { createGuard } from "provider-guard";
import { aws } from "provider-guard/aws";
import { expect, it } from "vitest";
import { ec2Answer, fakeWire, wired } from "./fake-wire.ts";

it("guard.explain speaks of the bucket that the client's calls meet: its service, account and region", async () => {
  const guard = await createGuard({
    owner: { managementCluster: "mc", provider: "test" },
    audit: false,
    rateLimit: { rules: [{ name: "one", service: "EC2", ratePerSecond: 0.001, burst: 1 }] },
  });
  const wire = fakeWire(async () => ec2Answer("DescribeVolumes", undefined, "req-1"));
  const client = guard.wrap(new EC2Client(wired(wire)), aws({ account: "123456789012" }));
  const verdict = () =>
    guard.explain({ client, operation: "DescribeVolumes", input: {} }).stages.find(({ phase }) => phase === "limit")
      ?.explanation?.verdict;
  expect(verdict()).toBe("pass");
  await client.send(new DescribeVolumesCommand({}));
  expect(verdict()).toBe("wait");
});

it("guard.explain names the rule and each bucket that a call would meet, and what it takes of them", async () => {
  await using guard = await createGuard({ owner: { managementCluster: "mc", provider: "test" }, audit: false });
  const wire = fakeWire(async () => ec2Answer("RunInstances", undefined, "req-1"));
  const client = guard.wrap(new EC2Client(wired(wire)), aws({ account: "123456789012" }));
  const limit = (operation: string, input: object) =>
    guard.explain({ client, operation, input }).stages.find(({ phase }) => phase === "limit")?.explanation;
  const { verdict, reason } = limit("RunInstances", { MinCount: 1, MaxCount: 40 }) ?? {};
  expect(verdict).toBe("pass");
  expect(reason).toContain('rule "ec2-run-instances"');
  expect(reason).toMatch(/bucket ec2-run-instances\|[^ ]*123456789012[^ ]* \(2\/s, burst 5/);
  expect(reason).toMatch(/takes 40 of bucket ec2-run-instances-machines\|[^ ]* \(2\/s, burst 1000/);
  expect(limit("RunInstances", { MinCount: 1, MaxCount: 1001 })?.verdict).toBe("refuse");
  expect(limit("DescribeVpcs", {})?.reason).toMatch(
    /rule "ec2-read": bucket [^ ]*DescribeVpcs[^ ]* \(20\/s, burst 100/,
  );
});
