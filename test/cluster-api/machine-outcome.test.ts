import { type MachineObject, machineOutcome } from "provider-guard/cluster-api";
import { expect, it } from "vitest";

type Status = NonNullable<MachineObject["status"]>;

const unhealthy = [
  { type: "HealthCheckSucceeded", status: "False", reason: "NodeStartupTimeout" },
  { type: "OwnerRemediated", status: "False", reason: "WaitingForRemediation" },
];

it.each<[string, Status | undefined, object | undefined]>([
  ["nothing yet", undefined, undefined],
  ["a phase on the way", { phase: "Provisioned" }, undefined],
  ["an empty nodeRef", { nodeRef: {} }, undefined],
  ["a nodeRef", { nodeRef: { name: "n" }, phase: "Running" }, { outcome: "node", nodeName: "n" }],
  ["the phase Failed of v1beta1", { phase: "Failed" }, { outcome: "failed", reason: "Failed" }],
  ["a failureReason of v1beta1", { failureReason: "CreateError" }, { outcome: "failed", reason: "CreateError" }],
  ["a failureMessage alone", { failureMessage: "canary" }, { outcome: "failed", reason: "Failed" }],
  [
    "a failureReason in v1beta2",
    { deprecated: { v1beta1: { failureReason: "InvalidConfiguration" } } },
    { outcome: "failed", reason: "InvalidConfiguration" },
  ],
  [
    "a health check that has its owner replace it",
    { conditions: unhealthy },
    { outcome: "failed", reason: "NodeStartupTimeout" },
  ],
  [
    "the same in v1beta1 objects",
    { v1beta2: { conditions: unhealthy } },
    { outcome: "failed", reason: "NodeStartupTimeout" },
  ],
  ["a health check alone, which may yet succeed", { conditions: unhealthy.slice(0, 1) }, undefined],
  [
    "a Node that became unhealthy later",
    { nodeRef: { name: "n" }, conditions: unhealthy },
    { outcome: "node", nodeName: "n" },
  ],
  ["conditions that are none", { conditions: null as never }, undefined],
])("reads %s", (_, status, expected) => {
  const outcome = machineOutcome({ metadata: { name: "m" }, ...(status === undefined ? {} : { status }) });
  expect(outcome).toEqual(expected === undefined ? undefined : { ...expected, moved: false });
});

it("puts a deletion before everything, and knows a move", () => {
  const deletionTimestamp = "2026-01-01T00:00:00Z";
  const annotations = { "clusterctl.cluster.x-k8s.io/delete-for-move": "" };
  const status = { nodeRef: { name: "n" }, failureReason: "CreateError" };
  expect(machineOutcome({ metadata: { deletionTimestamp }, status })).toEqual({
    ...{ outcome: "deleted", nodeName: "n", moved: false },
  });
  expect(machineOutcome({ metadata: { annotations } })).toEqual({ outcome: "deleted", moved: true });
});
