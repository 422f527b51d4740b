import { isBeingMoved, isExternallyManaged, isPaused, type KubernetesObject } from "provider-guard/cluster-api";
import { describe, expect, it } from "vitest";

const annotated = (name: string, value = ""): KubernetesObject => ({ metadata: { annotations: { [name]: value } } });
const plain: KubernetesObject = { metadata: { name: "m-1" } };

describe("isPaused", () => {
  it.each([
    ["neither says so", {}, plain, false],
    ["the Cluster says spec.paused", { spec: { paused: true } }, plain, true],
    ["the Cluster says it is not", { spec: { paused: false } }, plain, false],
    ["the Cluster is annotated", annotated("cluster.x-k8s.io/paused"), plain, true],
    ["the object is annotated", {}, annotated("cluster.x-k8s.io/paused", "true"), true],
    [
      "the annotation says false, which Cluster API does not read either",
      {},
      annotated("cluster.x-k8s.io/paused", "false"),
      true,
    ],
    ["the object has no Cluster yet", undefined, plain, false],
    ["only the object is there, and annotated", undefined, annotated("cluster.x-k8s.io/paused"), true],
  ])("when %s", (_, cluster, object, expected) => {
    expect(isPaused(cluster, object)).toBe(expected);
  });
});

it("knows what something else manages", () => {
  expect(isExternallyManaged(annotated("cluster.x-k8s.io/managed-by", "terraform"))).toBe(true);
  expect(isExternallyManaged(plain)).toBe(false);
  expect(isExternallyManaged({})).toBe(false);
});

it("knows a deletion that is part of a move", () => {
  expect(isBeingMoved(annotated("clusterctl.cluster.x-k8s.io/delete-for-move"))).toBe(true);
  expect(isBeingMoved(plain)).toBe(false);
});
