import { memoryState } from "provider-guard";
import { expect, it } from "vitest";
import { type Finding, freezeCluster } from "../../src/manual-operations/index.ts";
import { acme } from "../support/acme.ts";
import { laterClock, roleArn, start } from "./support.ts";

const finding = (more: Partial<Finding> = {}): Finding => ({
  ...{ id: "aws/e-1", class: "stolen-credential", cloud: "aws", at: start, service: "ec2", operation: "RunInstances" },
  ...{ account: "123456789012", requestId: "req-x", principal: { id: roleArn, type: "AssumedRole" }, resources: [] },
  ...more,
});

it("stops once for a finding, however often it is told, also after a restart, and never against a person's end", async () => {
  const { guard } = await acme();
  const state = memoryState({ clock: laterClock() });
  const scope = { cluster: "c-uid" };
  await freezeCluster(guard, { state })(finding(scope));
  expect(guard.frozen).toMatchObject([{ scope, reason: expect.stringContaining("(finding aws/e-1)") }]);
  const since = guard.frozen[0]?.since;
  await freezeCluster(guard, { state })(finding(scope));
  expect(guard.frozen).toMatchObject([{ scope, since }]);
  await guard.thaw({ by: "alice", scope });
  const hook = freezeCluster(guard, { state });
  await hook(finding(scope));
  await hook(finding(scope));
  expect(guard.frozen).toEqual([]);
  await hook(finding({ ...scope, id: "aws/e-2" }));
  expect(guard.frozen).toMatchObject([{ scope, reason: expect.stringContaining("(finding aws/e-2)") }]);
});

it("stops no more than the cluster, or the account where no cluster is known", async () => {
  const { guard } = await acme();
  const hook = freezeCluster(guard);
  await hook(finding({ cluster: "c-uid" }));
  await hook(finding({ id: "aws/e-2" }));
  await hook(finding({ id: "aws/e-3", class: "manual-api", cluster: "other" }));
  expect(guard.frozen.map(({ scope }) => scope)).toEqual([
    { cluster: "c-uid" },
    { account: "123456789012", cloud: "aws" },
  ]);
});

it("tries again where it could not be set, and stops although nobody can remember it", async () => {
  let down = true;
  const set: string[] = [];
  const freezer = {
    async freeze({ reason }: { reason: string }) {
      if (down) throw new Error("down");
      set.push(reason);
    },
  };
  const state = { ...memoryState(), get: () => Promise.reject(new Error("no store")) };
  const hook = freezeCluster(freezer, { state });
  await expect(hook(finding())).rejects.toThrow("down");
  down = false;
  await hook(finding());
  expect(set).toHaveLength(1);
});

it("says in one short line what a hostile trail says in many", async () => {
  const { guard } = await acme();
  const huge = `\u001b[31m\n${"x".repeat(600)}`;
  await freezeCluster(guard)(finding({ id: huge, service: huge, operation: huge, requestId: huge }));
  const { reason = "" } = guard.frozen[0] ?? {};
  expect(reason).toMatch(/^\P{C}{1,900}$/u);
});
