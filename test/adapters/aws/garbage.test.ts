import { awsInventory } from "provider-guard/aws";
import type { GarbageItem } from "provider-guard/garbage";
import { describe, expect, it } from "vitest";

type Sent = { readonly name: string; readonly input: Record<string, unknown> };

/** A client that answers as a test says. */
function scripted(answer: (sent: Sent, index: number) => unknown) {
  const sent: Sent[] = [];
  const client = {
    async send(command: { readonly input: Record<string, unknown> }) {
      sent.push({ name: command.constructor.name, input: command.input });
      return answer(sent.at(-1) as Sent, sent.length - 1);
    },
  };
  return { client: client as never, sent };
}

const { signal } = new AbortController();
const named = (name: string) => Object.assign(new Error(name), { name, $metadata: { httpStatusCode: 400 } });
const place = { account: "123456789012", region: "eu-central-1" };

async function all(inventory: ReturnType<typeof awsInventory>, type: string): Promise<GarbageItem[]> {
  const items: GarbageItem[] = [];
  for await (const page of inventory.list(type, { signal })) items.push(...page.items);
  return items;
}

describe("awsInventory", () => {
  it("rejects where a page fails, and goes on from a page that it is given", async () => {
    const { client, sent } = scripted(({ input }) => {
      if (input.NextToken === "2") throw named("InternalError");
      return { Volumes: [{ VolumeId: "vol-1", State: "available" }], NextToken: "2" };
    });
    const inventory = awsInventory({ ...place, clients: { ec2: client } });
    await expect(all(inventory, "volume")).rejects.toThrow("InternalError");
    await expect(inventory.list("volume", { signal, from: "9" })[Symbol.asyncIterator]().next()).resolves.toMatchObject(
      {
        value: { next: "2" },
      },
    );
    expect(sent.map(({ input }) => input.NextToken)).toEqual([undefined, "2", "9"]);
    expect(sent[0]?.input.Filters).toEqual([{ Name: "tag-key", Values: ["provider-guard/management-cluster"] }]);
  });

  it("takes no other error for a resource that is gone", async () => {
    let error = named("InvalidInstanceID.NotFound");
    const { client } = scripted(() => {
      throw error;
    });
    const inventory = awsInventory({ ...place, clients: { ec2: client } });
    const one = { type: "instance", id: "i-1", tags: {} };
    expect(await inventory.read(one, { signal })).toBeUndefined();
    expect(await inventory.delete(one, { signal })).toBe("gone");
    for (const name of ["UnauthorizedOperation", "RequestLimitExceeded", "InvalidInstanceID.Malformed", "Blocked"]) {
      error = named(name);
      await expect(inventory.read(one, { signal })).rejects.toThrow(name);
      await expect(inventory.delete(one, { signal })).rejects.toThrow(name);
    }
  });

  it("does not take an empty answer, or another resource, for one that is gone", async () => {
    for (const Volumes of [[], [{ VolumeId: "vol-2" }]]) {
      const { client } = scripted(() => ({ Volumes }));
      const inventory = awsInventory({ ...place, clients: { ec2: client } });
      await expect(inventory.read({ type: "volume", id: "vol-1" }, { signal })).rejects.toThrow("without the resource");
    }
  });

  it("leaves out what is going already", async () => {
    const states = ["pending", "running", "stopped", "shutting-down", "terminated"];
    const Instances = states.map((Name) => ({ InstanceId: `i-${Name}`, State: { Name } }));
    const { client } = scripted(() => ({ Reservations: [{ Instances }] }));
    const items = await all(awsInventory({ ...place, clients: { ec2: client } }), "instance");
    expect(items.map(({ id }) => id)).toEqual(["i-pending", "i-running", "i-stopped"]);
  });

  it.each([
    ["network-interface", { NetworkInterfaces: [{ NetworkInterfaceId: "x", Attachment: { AttachmentId: "a" } }] }],
    ["network-interface", { NetworkInterfaces: [{ NetworkInterfaceId: "x", RequesterManaged: true }] }],
    ["elastic-ip", { Addresses: [{ AllocationId: "x", AssociationId: "a" }] }],
    ["security-group", { SecurityGroups: [{ GroupId: "x", GroupName: "default" }] }],
    ["route-table", { RouteTables: [{ RouteTableId: "x", Associations: [{ Main: true }] }] }],
    ["network-acl", { NetworkAcls: [{ NetworkAclId: "x", IsDefault: true }] }],
    ["subnet", { Subnets: [{ SubnetId: "x", DefaultForAz: true }] }],
    ["vpc", { Vpcs: [{ VpcId: "x", IsDefault: true }] }],
  ])("protects a %s that the cloud itself needs: %j", async (type, answer) => {
    const { client } = scripted(() => answer);
    const [item] = await all(awsInventory({ ...place, clients: { ec2: client } }), type);
    expect(item?.protectedBy).toBeTruthy();
  });

  it("takes a failed tag read of a load balancer or parameter for unknown, not for no tags", async () => {
    const { client } = scripted(({ name }) => {
      if (name.startsWith("DescribeTags") || name.startsWith("ListTags")) throw named("ThrottlingException");
      if (name.startsWith("DescribeParameters")) return { Parameters: [{ Name: "/one" }] };
      return { LoadBalancers: [{ LoadBalancerArn: "arn:1", LoadBalancerName: "one" }] };
    });
    const inventory = awsInventory({ ...place, clients: { elasticLoadBalancingV2: client, ssm: client } });
    expect(await all(inventory, "load-balancer")).toMatchObject([{ id: "arn:1", tags: "unknown" }]);
    expect(await all(inventory, "parameter")).toMatchObject([{ id: "/one", tags: "unknown" }]);
  });

  it("reads the tags of twenty load balancers at a time, and believes none that is not in the answer", async () => {
    const LoadBalancers = Array.from({ length: 45 }, (_, at) => ({ LoadBalancerArn: `arn:${at}` }));
    const { client, sent } = scripted(({ name, input }) => {
      if (!name.startsWith("DescribeTags")) return { LoadBalancers };
      const known = (input.ResourceArns as string[]).filter((arn) => arn !== "arn:7");
      return { TagDescriptions: known.map((ResourceArn) => ({ ResourceArn, Tags: [] })) };
    });
    const items = await all(awsInventory({ ...place, clients: { elasticLoadBalancingV2: client } }), "load-balancer");
    expect(sent.map(({ input }) => (input.ResourceArns as string[] | undefined)?.length)).toEqual([
      undefined,
      20,
      20,
      5,
    ]);
    expect(items.filter(({ tags }) => tags === "unknown").map(({ id }) => id)).toEqual(["arn:7"]);
  });

  it("says what DeleteVpcEndpoints has not done, although it answers 200", async () => {
    const { client } = scripted(() => ({
      Unsuccessful: [{ Error: { Code: "InvalidParameter" }, ResourceId: "vpce-1" }],
    }));
    const inventory = awsInventory({ ...place, clients: { ec2: client } });
    await expect(inventory.delete({ type: "vpc-endpoint", id: "vpce-1", tags: {} }, { signal })).rejects.toMatchObject({
      name: "InvalidParameter",
    });
  });

  it("refuses options that name nothing", () => {
    const { client } = scripted(() => ({}));
    expect(() => awsInventory({ ...place, clients: {} })).toThrow("awsInventory.clients");
    expect(() => awsInventory({ ...place, account: "me", clients: { ec2: client } })).toThrow("awsInventory.account");
    expect(() => awsInventory({ ...place, clients: { ec2: client }, types: ["server"] })).toThrow(
      "no client shows server",
    );
  });
});
