import { DescribeInstancesCommand, EC2Client, TerminateInstancesCommand } from "@aws-sdk/client-ec2";
import { createGuard, type Interceptor } from "provider-guard";
import { aws } from "provider-guard/aws";
import { expect, it } from "vitest";
import { memoryJournal } from "../../support/memory-journal.ts";
import { ec2Answer, ec2Error, fakeWire, wired } from "./fake-wire.ts";

it("an SDK that retries does not retry what the emergency stop has refused at the wire", async () => {
  const journal = memoryJournal();
  let stop = async () => {};
  const late: Interceptor = {
    name: "late",
    ring: "attempt",
    after: "limit",
    async intercept(_attempt, next) {
      await stop();
      return next();
    },
  };
  const owner = { managementCluster: "mc", provider: "test" };
  await using guard = await createGuard({ owner, audit: journal, ownership: false, interceptors: [late] });
  const wire = fakeWire(ec2Error("Unavailable", 503), ec2Answer("TerminateInstances"));
  const client = guard.wrap(new EC2Client(wired(wire)), aws());

  stop = async () => {
    if (wire.requests.length === 1) await guard.freeze({ reason: "incident", by: "alice" }); // between two attempts
  };
  const ended = client.send(new TerminateInstancesCommand({ InstanceIds: ["i-1"] }));
  await expect(ended).rejects.toMatchObject({ code: "ERR_FREEZE_ACTIVE" });
  expect(wire.requests).toHaveLength(1);
  expect(journal.records.at(-1)).toMatchObject({
    type: "outcome",
    result: "unknown", // the first attempt may have done it
    attempts: [
      { n: 1, result: "outage" },
      { n: 2, result: "not-sent" },
    ],
  });
  await client.send(new DescribeInstancesCommand({}));
});
