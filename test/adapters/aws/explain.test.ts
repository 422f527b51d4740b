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
