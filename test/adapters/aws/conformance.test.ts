import {
  DeleteVolumeCommand,
  DescribeVolumesCommand,
  EC2Client,
  ModifyVolumeCommand,
  RunInstancesCommand,
} from "@aws-sdk/client-ec2";
import { aws } from "provider-guard/aws";
import {
  adapterConformance,
  type ConformanceSubject,
  type FailureReply,
  type InputExtras,
  type SubjectOperation,
  type Wire,
} from "provider-guard/testing";
import { describe, expect, test } from "vitest";
import { ec2Answer, ec2Error, fakeWire, type WireAnswer, wired } from "./fake-wire.ts";

const volume = { id: "vol-0123456789abcdef0", tags: { colour: "red" } };
const codes: Record<Exclude<FailureReply, "lost">, string> = {
  throttled: "RequestLimitExceeded",
  denied: "UnauthorizedOperation",
  unauthenticated: "RequestExpired",
  "not-found": "InvalidVolume.NotFound",
  conflict: "IncorrectState",
  outage: "InternalError",
  invalid: "InvalidParameterValue",
};

function tagsIn(form: URLSearchParams): Record<string, string> {
  const tags: Record<string, string> = {};
  for (const [name, key] of form) {
    const match = /^(TagSpecification\.\d+\.Tag\.\d+\.)Key$/.exec(name);
    if (match !== null) tags[key] = form.get(`${match[1]}Value`) ?? "";
  }
  return tags;
}

const item = (body: string) => `<item>${body}</item>`;
const bodies: Record<string, string> = {
  DescribeVolumes: `<volumeSet>${item(`<volumeId>${volume.id}</volumeId><tagSet>${item("<key>colour</key><value>red</value>")}</tagSet>`)}</volumeSet>`,
  DescribeTags: `<tagSet>${item(`<resourceId>${volume.id}</resourceId><key>colour</key><value>red</value>`)}</tagSet>`,
};

/** EC2's query protocol on the kit's wire. */
function clientOn(wire: Wire): EC2Client {
  const fake = fakeWire(async ({ body, headers }): Promise<WireAnswer> => {
    const form = new URLSearchParams(String(body));
    const { abortSignal } = fake.options.at(-1) ?? {};
    const reply = await wire.send({
      tags: tagsIn(form),
      token: form.get("ClientToken") ?? undefined,
      credential: /Credential=([^/]+)/.exec(headers.authorization ?? "")?.[1],
      signal: abortSignal,
    });
    const action = form.get("Action") ?? "";
    if (reply.kind === "ok") return ec2Answer(action, bodies[action], reply.requestId);
    if (reply.kind === "lost") return Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });
    const wait = reply.retryAfterMs === undefined ? {} : { "retry-after": String(reply.retryAfterMs / 1000) };
    return ec2Error(codes[reply.kind], reply.status, reply.requestId, wait);
  });
  return new EC2Client(wired(fake));
}

type Command = ConstructorParameters<typeof RunInstancesCommand>[0];

function operation(
  Make: new (input: never) => object,
  input: (extras: InputExtras) => object,
  more: Partial<SubjectOperation<EC2Client>> = {},
): SubjectOperation<EC2Client> {
  return {
    operation: Make.name,
    service: "EC2",
    input,
    invoke: (client, given, abortSignal) =>
      client.send(new Make(given) as RunInstancesCommand, abortSignal === undefined ? {} : { abortSignal }),
    ...more,
  };
}

const specification = (extras: InputExtras) => ({
  ...(extras.token === undefined ? {} : { ClientToken: extras.token }),
  ...(extras.tags === undefined
    ? {}
    : {
        TagSpecifications: [
          {
            ResourceType: "instance",
            Tags: Object.entries(extras.tags).map(([Key, Value]) => ({ Key, Value })),
          },
        ],
      }),
});

const named = (name: string) => ({ operation: name, resourceType: name === "RunInstances" ? "instance" : "volume" });

const subject: ConformanceSubject<EC2Client> = {
  name: "aws",
  adapter: () => aws() as never,
  makeClient: clientOn,
  operations: {
    read: operation(DescribeVolumesCommand, () => ({}), { ...named("DescribeVolumes"), seen: [volume] }),
    create: operation(
      RunInstancesCommand,
      (extras): Command => ({
        ImageId: "ami-1",
        MinCount: 1,
        MaxCount: 1,
        UserData: "a2l0LXNlY3JldA==",
        AdditionalInfo: "kit-secret-info",
        ...(specification(extras) as object),
      }),
      { ...named("RunInstances"), secrets: ["a2l0LXNlY3JldA==", "kit-secret-info"] },
    ),
    update: operation(ModifyVolumeCommand, () => ({ VolumeId: volume.id, Size: 9 }), {
      ...named("ModifyVolume"),
      targets: [volume.id],
    }),
    delete: operation(DeleteVolumeCommand, () => ({ VolumeId: volume.id }), {
      ...named("DeleteVolume"),
      targets: [volume.id],
    }),
  },
  foreign: [{}, [], new Map(), () => {}, { send() {} }, { config: {}, middlewareStack: {}, send() {} }],
  attemptsWhenThrottled: 3,
  readable: volume,
  credentials: [
    { value: { accessKeyId: "KEYA", secretAccessKey: "a" }, name: "KEYA" },
    { value: { accessKeyId: "KEYB", secretAccessKey: "b" }, name: "KEYB" },
  ],
  lacks: { inventory: "comes with the collector" },
};

describe("the aws adapter keeps the contract", () => {
  const cases = adapterConformance(subject);

  for (const { title, skip, run } of cases) test.skipIf(skip)(title, run);

  test("nothing is skipped but what the adapter does not offer", () => {
    expect(cases.flatMap(({ skip = [] }) => skip)).toEqual(["comes with the collector"]);
  });
});
