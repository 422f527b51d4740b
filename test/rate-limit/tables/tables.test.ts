import fc from "fast-check";
import { type CallKind, createGuard, type LimitRule } from "provider-guard";
import { aws } from "provider-guard/aws";
import * as tables from "provider-guard/limits";
import {
  awsLimits,
  azureLimits,
  gcpLimits,
  hetznerLimits,
  kubernetesLimits,
  openstackLimits,
} from "provider-guard/limits";
import { describe, expect, it } from "vitest";
import { matches } from "../../../src/core/call-match.ts";
import { bucketsOf } from "../../../src/core/limit-rule.ts";
import { weightOf } from "../../../src/core/weight.ts";
import { fixedWindow } from "../../../src/rate-limit/tables/fixed-window.ts";

interface Question {
  readonly operation?: string;
  readonly kind?: CallKind;
  readonly service?: string;
  readonly input?: unknown;
}

/** The buckets that a call meets: name, burst, rate, and how many tokens it takes. */
function meets(table: readonly LimitRule[], question: Question) {
  const { operation = "Unheard", kind = "update", service = "unheard", input } = question;
  const cloud = table[0]?.cloud ?? "";
  const target = { cloud, service, account: "a", region: "r" };
  const rule = table.find((candidate) => matches(candidate, { operation, kind, resourceType: undefined, target }));
  if (rule === undefined) throw new Error(`no rule for ${operation}`);
  return bucketsOf(rule).map(({ name, burst, ratePerSecond, weight }) => [
    name,
    burst,
    ratePerSecond,
    weightOf(weight, input),
  ]);
}

describe.each(Object.entries(tables))("%s", (_name, table) => {
  it("is taken as it is for rules", async () => {
    const owner = { managementCluster: "mc", provider: "test" };
    await using guard = await createGuard({ owner, audit: false, rateLimit: { rules: table } });
    expect(guard).toBeDefined();
  });

  it("names each rule once, and says of each where its figures are from and when they were read", () => {
    expect(new Set(table.map(({ name }) => name)).size).toBe(table.length);
    for (const { name, source = "" } of table) {
      expect([name, source]).toEqual([name, expect.stringMatching(/, read 2026-\d\d|^none published/)]);
    }
  });

  it("speaks of one cloud, and of every call to it", () => {
    expect(new Set(table.map(({ cloud }) => cloud)).size).toBe(1);
    for (const kind of ["read", "create", "update", "delete"] as const) expect(meets(table, { kind })).not.toEqual([]);
    const { name, source, cloud, burst, ratePerSecond, weight, per, buckets, ...match } = table.at(-1) as LimitRule;
    expect(match).toEqual({}); // the last rule asks for nothing but the cloud
  });
});

describe("AWS", () => {
  const ec2 = (operation: string, kind: CallKind, input?: unknown) =>
    meets(awsLimits, { service: "EC2", operation, kind, input });

  it("is what the adapter brings along", () => {
    expect(aws().limits).toBe(awsLimits);
  });

  it("takes a request token and one for each machine, where EC2 does", () => {
    expect(ec2("RunInstances", "create", { MinCount: 1, MaxCount: 40 })).toEqual([
      ["ec2-run-instances", 5, 2, 1],
      ["ec2-run-instances-machines", 1000, 2, 40],
    ]);
    const input = { InstanceIds: ["i-1", "i-2", "i-3"] };
    expect(ec2("StartInstances", "update", input)).toEqual([
      ["ec2-start-instances", 5, 2, 1],
      ["ec2-start-instances-machines", 1000, 2, 3],
    ]);
    expect(ec2("StopInstances", "update", input)).toEqual([
      ["ec2-stop-instances", 50, 5, 1],
      ["ec2-stop-instances-machines", 1000, 20, 3],
    ]);
    expect(ec2("TerminateInstances", "delete", input)).toEqual([
      ["ec2-terminate-instances", 100, 5, 1],
      ["ec2-terminate-instances-machines", 1000, 20, 3],
    ]);
  });

  it.each<[string, CallKind, number, number]>([
    ["DescribeVpcs", "read", 100, 20],
    ["GetConsoleOutput", "read", 100, 20],
    ["DescribeSpotFleetRequests", "read", 50, 3],
    ["DescribeMovingAddresses", "read", 1, 1],
    ["CreateVpc", "create", 50, 5],
    ["AuthorizeSecurityGroupIngress", "update", 50, 5],
    ["DeleteVpc", "delete", 50, 5],
    ["FrobnicateInstances", "update", 50, 5],
    ["CreateTags", "update", 100, 10],
    ["DeleteTags", "update", 100, 10],
    ["CreateVolume", "create", 100, 5],
    ["CreateNatGateway", "create", 10, 1],
    ["CreateVpcEndpoint", "create", 4, 0.3],
    ["CopyImage", "create", 100, 1],
  ])("gives EC2's %s (%s) %d tokens and %d a second", (operation, kind, burst, ratePerSecond) => {
    expect(ec2(operation, kind)).toEqual([[expect.stringMatching(/^ec2-/), burst, ratePerSecond, 1]]);
  });

  it("keeps a bucket for each of EC2's actions, account and region", () => {
    for (const rule of awsLimits.filter(({ service }) => service === "EC2")) {
      for (const { per } of bucketsOf(rule)) expect(per).toEqual(["account", "region", "operation"]);
    }
  });

  it("names each of EC2's actions in one rule", () => {
    const named = awsLimits.filter(({ service }) => service === "EC2").flatMap(({ operations = [] }) => operations);
    expect(named.length).toBeGreaterThan(110);
    expect(named.filter((name, index) => named.indexOf(name) !== index)).toEqual([]);
  });

  it.each<[number, unknown]>([
    [2, undefined],
    [2, null],
    [2, {}],
    [2, { Filters: [] }],
    [2, { InstanceIds: ["i-1"] }],
    [1, { Filters: [{ Name: "vpc-id", Values: ["vpc-1"] }] }],
    [1, { MaxResults: 100 }],
    [1, { NextToken: "t" }],
  ])("takes %d tokens, so that unfiltered listings stay under 50 and 10 a second: %j", (tokens, input) => {
    expect(ec2("DescribeInstances", "read", input)).toEqual([["ec2-listing", 100, 20, tokens]]);
  });

  it("takes from a load balancer's category and from the account's bucket", () => {
    const account = ["elb-account", 40, 10, 1];
    const elb = (operation: string, kind: CallKind, service = "ElasticLoadBalancingV2") =>
      meets(awsLimits, { service, operation, kind });
    expect(elb("CreateLoadBalancer", "create")).toEqual([["elb-resource-intensive", 10, 0.2, 1], account]);
    expect(elb("RegisterTargets", "update")).toEqual([["elb-registration", 20, 4, 1], account]);
    expect(elb("DescribeTargetHealth", "read")).toEqual([["elb-read", 40, 10, 1], account]);
    expect(elb("DescribeTrustStoreRevocations", "read")).toEqual([["elb-read", 40, 10, 1], account]);
    expect(elb("ModifyTrustStore", "update")).toEqual([["elb-trust-store-mutating", 10, 0.2, 1], account]);
    expect(elb("DeleteLoadBalancer", "delete", "ElasticLoadBalancing")).toEqual([["elb-mutating", 20, 3, 1], account]);
  });

  it("holds back no item of the data planes, and other services by class and service", () => {
    expect(meets(awsLimits, { service: "S3", kind: "create" })).toEqual([["s3-data", 2000, 1000, 1]]);
    expect(meets(awsLimits, { service: "IAM", kind: "read" })).toEqual([["aws-read", 50, 10, 1]]);
    expect(meets(awsLimits, { service: "IAM", kind: "delete" })).toEqual([["aws-mutating", 50, 5, 1]]);
  });
});

describe("Azure", () => {
  it("takes from the principal's bucket of the region and from the subscription's, 15 times as large", () => {
    const reads = [
      ["azure-reads", 250, 25, 1],
      ["azure-subscription-reads", 3750, 375, 1],
    ];
    const writes = [
      ["azure-writes", 200, 10, 1],
      ["azure-subscription-writes", 3000, 150, 1],
    ];
    const deletes = [
      ["azure-deletes", 200, 10, 1],
      ["azure-subscription-deletes", 3000, 150, 1],
    ];
    const network = { service: "Microsoft.Network" };
    expect(meets(azureLimits, { kind: "read" })).toEqual(reads);
    expect(meets(azureLimits, { kind: "create" })).toEqual(writes);
    expect(meets(azureLimits, { kind: "delete" })).toEqual(deletes);
    expect(meets(azureLimits, { kind: "read", ...network })).toEqual([
      ...reads,
      ["azure-network-reads", 1666, 27.78, 1],
    ]);
    const networkWrites = ["azure-network-writes", 166, 2.78, 1];
    expect(meets(azureLimits, { kind: "update", ...network })).toEqual([...writes, networkWrites]);
    expect(meets(azureLimits, { kind: "delete", ...network })).toEqual([...deletes, networkWrites]);
  });
});

describe("other clouds", () => {
  it.each<[readonly LimitRule[], Question, unknown[]]>([
    [gcpLimits, { operation: "projects.setCommonInstanceMetadata" }, ["gcp-common-metadata", 6, 0.5, 1]],
    [gcpLimits, { operation: "instances.aggregatedList", kind: "read" }, ["gcp-heavy-reads", 100, 8.3333, 1]],
    [gcpLimits, { operation: "zoneOperations.wait", kind: "read" }, ["gcp-heavy-reads", 100, 8.3333, 1]],
    [gcpLimits, { operation: "globalOperations.get", kind: "read" }, ["gcp-operation-reads", 250, 20.8333, 1]],
    [gcpLimits, { operation: "instances.list", kind: "read" }, ["gcp-lists", 250, 20.8333, 1]],
    [gcpLimits, { operation: "instances.get", kind: "read" }, ["gcp-reads", 250, 20.8333, 1]],
    [gcpLimits, { operation: "instances.insert", kind: "create" }, ["gcp-mutations", 250, 20.8333, 1]],
    [hetznerLimits, {}, ["hetzner", 3600, 1, 1]],
    [kubernetesLimits, { service: "core" }, ["kubernetes", 30, 20, 1]],
    [kubernetesLimits, { service: "coordination.k8s.io", kind: "update" }, ["kubernetes-leases", 10, 5, 1]],
    [openstackLimits, { kind: "read" }, ["openstack-reads", 50, 10, 1]],
    [openstackLimits, { kind: "create" }, ["openstack-mutating", 20, 2, 1]],
  ])("%#", (table, question, bucket) => {
    expect(meets(table, question)).toEqual([bucket]);
  });
});

describe("a bucket for a cloud that counts in windows", () => {
  it("never fills a window beyond its quota, whenever the window begins, and uses most of it", () => {
    const quotas = fc.integer({ min: 6, max: 1_000_000 });
    const lengths = fc.integer({ min: 1, max: 3600 });
    fc.assert(
      fc.property(quotas, lengths, (quota, seconds) => {
        const { burst, ratePerSecond } = fixedWindow(quota, seconds);
        expect(burst).toBeGreaterThanOrEqual(1);
        expect(ratePerSecond).toBeGreaterThan(0);
        expect(burst + ratePerSecond * seconds).toBeLessThanOrEqual(quota + 1e-6);
        expect(quota - (burst + ratePerSecond * seconds)).toBeLessThanOrEqual(seconds / 10_000 + 1e-6);
      }),
    );
  });
});
