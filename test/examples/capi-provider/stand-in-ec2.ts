import { EC2Client } from "@aws-sdk/client-ec2";
import { ec2Answer, ec2Error, fakeWire, type WireAnswer, wired } from "../../adapters/aws/fake-wire.ts";

export type InstanceState = "pending" | "running" | "shutting-down" | "terminated";

interface Tagged {
  readonly id: string;
  readonly tags: ReadonlyMap<string, string>;
}

export interface StandInInstance extends Tagged {
  state: InstanceState;
}

/** EC2 as far as the provider speaks with it: idempotent by client token, and slow to list when told so. */
export interface StandInEc2 {
  /** Speaks to it; not guarded. */
  readonly client: EC2Client;
  readonly instances: StandInInstance[];
  readonly groups: Tagged[];
  /** Members of the requests for a launch. */
  readonly launches: URLSearchParams[];
  /** Whether what there is does not appear in lists by tag yet. */
  unlisted: boolean;
  /** What is answered to an operation instead of what it would do, by EC2's error code. */
  readonly refuse: Map<string, string>;
}

const numbered = (form: URLSearchParams, prefix: RegExp) =>
  [...form].filter(([name]) => prefix.test(name)).map(([name, value]) => [name, value] as const);

function tagsOf(form: URLSearchParams, resourceType: string): Map<string, string> {
  const [specification = ""] =
    numbered(form, /^TagSpecification\.\d+\.ResourceType$/).find(([, type]) => type === resourceType) ?? [];
  const place = specification.replace(/ResourceType$/, "Tag");
  const keys = [...form].filter(([name]) => name.startsWith(place) && name.endsWith(".Key"));
  return new Map(keys.map(([name, key]) => [key, form.get(name.replace(/Key$/, "Value")) ?? ""]));
}

function isAsked(form: URLSearchParams, { id, tags }: Tagged): boolean {
  const ids = numbered(form, /^(InstanceId|GroupId)\.\d+$/).map(([, wanted]) => wanted);
  if (ids.length > 0) return ids.includes(id);
  const byTag = numbered(form, /^Filter\.\d+\.Name$/).filter(([, name]) => name.startsWith("tag:"));
  return byTag.every(([member, name]) => tags.get(name.slice(4)) === form.get(member.replace(/Name$/, "Value.1")));
}

const tagSet = ({ tags }: Tagged) =>
  `<tagSet>${[...tags].map(([key, value]) => `<item><key>${key}</key><value>${value}</value></item>`).join("")}</tagSet>`;

const instanceSet = (instances: readonly StandInInstance[]) =>
  `<instancesSet>${instances
    .map(
      (one) =>
        `<item><instanceId>${one.id}</instanceId><instanceState><name>${one.state}</name></instanceState><placement><availabilityZone>zone-a</availabilityZone></placement><privateIpAddress>10.0.0.4</privateIpAddress>${tagSet(one)}</item>`,
    )
    .join("")}</instancesSet>`;

/** @param done - Gets what is changed, in its order. */
export function standInEc2(done: string[]): StandInEc2 {
  const byToken = new Map<string, StandInInstance>();
  const find = (id: string | null) => ec2.instances.find((one) => one.id === id);
  const answers: Readonly<Record<string, (form: URLSearchParams) => WireAnswer>> = {
    DescribeInstances(form) {
      const byId = form.has("InstanceId.1");
      const found = ec2.unlisted && !byId ? [] : ec2.instances.filter((one) => isAsked(form, one));
      if (byId && found.length === 0) return ec2Error("InvalidInstanceID.NotFound");
      return ec2Answer("DescribeInstances", `<reservationSet><item>${instanceSet(found)}</item></reservationSet>`);
    },
    RunInstances(form) {
      ec2.launches.push(form);
      const token = form.get("ClientToken") ?? `none-${ec2.launches.length}`;
      const known = byToken.get(token);
      const made = known ?? { id: `i-${byToken.size + 1}`, tags: tagsOf(form, "instance"), state: "pending" };
      if (known === undefined) ec2.instances.push(made);
      byToken.set(token, made);
      return ec2Answer("RunInstances", instanceSet([made]));
    },
    TerminateInstances(form) {
      const instance = find(form.get("InstanceId.1"));
      if (instance === undefined) return ec2Error("InvalidInstanceID.NotFound");
      instance.state = "shutting-down";
      return ec2Answer("TerminateInstances", instanceSet([instance]));
    },
    DescribeSecurityGroups(form) {
      const found = ec2.groups.filter((one) => isAsked(form, one));
      const items = found.map((one) => `<item><groupId>${one.id}</groupId>${tagSet(one)}</item>`);
      return ec2Answer("DescribeSecurityGroups", `<securityGroupInfo>${items.join("")}</securityGroupInfo>`);
    },
    CreateSecurityGroup(form) {
      const id = `sg-${ec2.groups.length + 1}`;
      ec2.groups.push({ id, tags: tagsOf(form, "security-group") });
      return ec2Answer("CreateSecurityGroup", `<return>true</return><groupId>${id}</groupId>`);
    },
    DeleteSecurityGroup(form) {
      ec2.groups.splice(
        ec2.groups.findIndex(({ id }) => id === form.get("GroupId")),
        1,
      );
      return ec2Answer("DeleteSecurityGroup", "<return>true</return>");
    },
    AuthorizeSecurityGroupIngress: () => ec2Answer("AuthorizeSecurityGroupIngress", "<return>true</return>"),
  };
  const wire = fakeWire(({ body }) => {
    const form = new URLSearchParams(String(body));
    const operation = form.get("Action") ?? "";
    if (!operation.startsWith("Describe")) done.push(operation);
    const code = ec2.refuse.get(operation);
    return code === undefined ? (answers[operation]?.(form) ?? ec2Error("InvalidAction")) : ec2Error(code);
  });
  const ec2: StandInEc2 = {
    client: new EC2Client(wired(wire)),
    instances: [],
    groups: [],
    launches: [],
    unlisted: false,
    refuse: new Map(),
  };
  return ec2;
}
