import {
  CreateLaunchTemplateCommand,
  CreateLaunchTemplateVersionCommand,
  DescribeInstancesCommand,
  EC2Client,
  ModifyInstanceAttributeCommand,
  RequestSpotFleetCommand,
  RequestSpotInstancesCommand,
  RunInstancesCommand,
} from "@aws-sdk/client-ec2";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { createGuard, type Guard, type GuardOptions } from "provider-guard";
import { aws } from "provider-guard/aws";
import { type UserDataFinding, type UserDataGuardOptions, userDataGuard } from "provider-guard/bootstrap";
import { fetchAdapter, type Route } from "provider-guard/fetch";
import { object } from "provider-guard/object";
import { afterEach, describe, expect, it } from "vitest";
import { declarePlain } from "../../src/bootstrap/user-data/declared-plain.ts";
import { ec2Answer, fakeWire, wired } from "../adapters/aws/fake-wire.ts";
import { managementCluster, subject } from "../support/acme.ts";
import { type MemoryJournal, memoryJournal } from "../support/memory-journal.ts";
import { documents, joinToken, lines } from "./user-data-secrets.ts";
import { fakeMetadata, makeWorld, request } from "./vault-world.ts";

const guards: Guard[] = [];
afterEach(async () => {
  for (const guard of guards.splice(0)) await guard.close();
});

const base64 = (text: string) => Buffer.from(text).toString("base64");
const token = joinToken();
const secret = `#!/bin/sh\nkubeadm join 10.0.0.1:6443 --token ${token}\n`;
const harmless = "#cloud-config\npackages: [jq]\n";

async function guarded(options: UserDataGuardOptions = {}, more: Partial<GuardOptions> = {}) {
  const audit: MemoryJournal = memoryJournal();
  const guard = await createGuard({
    owner: { managementCluster, provider: "infrastructure-acme" },
    audit,
    ownership: false,
    telemetry: false,
    interceptors: [userDataGuard(options)],
    ...more,
  });
  guards.push(guard);
  return { guard, audit };
}

async function ec2(options: UserDataGuardOptions = {}, more: Partial<GuardOptions> = {}) {
  const wire = fakeWire(ec2Answer("Any"));
  const { guard, audit } = await guarded(options, more);
  return { wire, guard, audit, client: guard.wrap(new EC2Client(wired(wire)), aws()) };
}

const run = { ImageId: "ami-1", InstanceType: "m7g.large", MinCount: 1, MaxCount: 1 } as const;
const spot = { ImageId: "ami-1", InstanceType: "m7g.large" } as const;

/** Commands as AWS takes them, by where their user data stands. */
const commands = (data: string) =>
  ({
    "input.UserData": new RunInstancesCommand({ ...run, UserData: base64(data) }),
    "input.LaunchTemplateData.UserData": new CreateLaunchTemplateCommand({
      LaunchTemplateName: "a",
      LaunchTemplateData: { ...spot, UserData: base64(data) },
    }),
    "input.LaunchTemplateData.UserData ": new CreateLaunchTemplateVersionCommand({
      LaunchTemplateId: "lt-1",
      LaunchTemplateData: { UserData: base64(data) },
    }),
    "input.LaunchSpecification.UserData": new RequestSpotInstancesCommand({
      LaunchSpecification: { ...spot, UserData: base64(data) },
    }),
    "input.SpotFleetRequestConfig.LaunchSpecifications[1].UserData": new RequestSpotFleetCommand({
      SpotFleetRequestConfig: {
        IamFleetRole: "arn:aws:iam::1:role/a",
        TargetCapacity: 1,
        LaunchSpecifications: [spot, { ...spot, UserData: base64(data) }],
      },
    }),
    "input.UserData.Value": new ModifyInstanceAttributeCommand({
      InstanceId: "i-1",
      UserData: { Value: Buffer.from(data) },
    }),
  }) as const;

describe("a call of AWS with a secret in its user data is refused before anything leaves", () => {
  it.each(Object.keys(commands("")))("%s", async (path) => {
    const { client, wire, audit } = await ec2();
    const command = commands(secret)[path as "input.UserData"];
    const refused = expect(client.send(command)).rejects;
    await refused.toMatchObject({ name: "GuardError", code: "ERR_BOOTSTRAP_UNSEALED", retryable: false });
    await refused.toThrow(`${path.trim()}: kubeadm-token (`);
    expect(wire.requests).toHaveLength(0);
    expect(audit.records.map(({ type }) => type)).toEqual(["refusal"]);
    expect(audit.records[0]).toMatchObject({ code: "ERR_BOOTSTRAP_UNSEALED" });
    await client.send(commands(harmless)[path as "input.UserData"]);
    expect(wire.requests).toHaveLength(1);
  });

  it("CreateLaunchConfiguration, by a client whose package is not here", async () => {
    const { guard } = await guarded();
    const sent: unknown[] = [];
    const client = { createLaunchConfiguration: async (input: unknown) => void sent.push(input) };
    const wrapped = guard.wrap(
      client,
      object({ cloud: "aws", service: "AutoScaling", operations: { createLaunchConfiguration: { kind: "create" } } }),
    );
    const input = { LaunchConfigurationName: "a", UserData: base64(secret) };
    await expect(wrapped.createLaunchConfiguration(input)).rejects.toThrow("UserData: kubeadm-token");
    expect(sent).toEqual([]);
  });
});

const vm = (properties: object) => ({ location: "westeurope", properties });

/** Requests as the other clouds take them: route, body, and where the user data stands. */
const requests: Readonly<
  Record<
    string,
    { readonly route: Omit<Route, "operation">; readonly body: (data: string) => unknown; readonly path: string }
  >
> = {
  "Azure: custom data of a virtual machine": {
    route: { method: "PUT", path: "/virtualMachines/{name}", kind: "create" },
    body: (data) => vm({ osProfile: { computerName: "a", customData: base64(data) } }),
    path: "input.body.properties.osProfile.customData",
  },
  "Azure: user data of a virtual machine": {
    route: { method: "PATCH", path: "/virtualMachines/{name}", kind: "update" },
    body: (data) => vm({ userData: base64(data) }),
    path: "input.body.properties.userData",
  },
  "Azure: a scale set": {
    route: { method: "PUT", path: "/virtualMachineScaleSets/{name}", kind: "create" },
    body: (data) => vm({ virtualMachineProfile: { osProfile: { customData: base64(data) } } }),
    path: "input.body.properties.virtualMachineProfile.osProfile.customData",
  },
  "Azure: user data of a scale set": {
    route: { method: "PUT", path: "/virtualMachineScaleSets/{name}", kind: "create" },
    body: (data) => vm({ virtualMachineProfile: { userData: base64(data) } }),
    path: "input.body.properties.virtualMachineProfile.userData",
  },
  "Google: an instance": {
    route: { method: "POST", path: "/instances", kind: "create" },
    body: (data) => ({
      name: "a",
      metadata: {
        items: [
          { key: "enable-oslogin", value: "true" },
          { key: "user-data", value: data },
        ],
      },
    }),
    path: "input.body.metadata.items[1].value",
  },
  "Google: a template": {
    route: { method: "POST", path: "/instanceTemplates", kind: "create" },
    body: (data) => ({ properties: { metadata: { items: [{ key: "startup-script", value: data }] } } }),
    path: "input.body.properties.metadata.items[0].value",
  },
  "Google: metadata that is set": {
    route: { method: "POST", path: "/instances/{name}/setMetadata", kind: "update" },
    body: (data) => ({ fingerprint: "a", items: [{ key: "kube-env", value: data }] }),
    path: "input.body.items[0].value",
  },
  "Google: metadata of any other key": {
    route: { method: "POST", path: "/instances", kind: "create" },
    body: (data) => ({ metadata: { items: [{ key: "acme-notes", value: data }] } }),
    path: "input.body.metadata.items[0].value",
  },
  "Nova: user data": {
    route: { method: "POST", path: "/servers", kind: "create" },
    body: (data) => ({ server: { name: "a", flavorRef: "1", user_data: base64(data) } }),
    path: "input.body.server.user_data",
  },
  "Nova: a file": {
    route: { method: "POST", path: "/servers", kind: "create" },
    body: (data) => ({ server: { personality: [{ path: "/etc/a", contents: base64(data) }] } }),
    path: "input.body.server.personality[0].contents",
  },
  "Nova: metadata": {
    route: { method: "POST", path: "/servers", kind: "create" },
    body: (data) => ({ server: { metadata: { note: data.split("\n")[1] } } }),
    path: "input.body.server.metadata.*",
  },
  Hetzner: {
    route: { method: "POST", path: "/servers", kind: "create" },
    body: (data) => ({ name: "a", server_type: "cax11", image: "debian-13", user_data: data }),
    path: "input.body.user_data",
  },
  vSphere: {
    route: { method: "POST", path: "/vms", kind: "create" },
    body: (data) => ({
      spec: {
        extraConfig: [
          { key: "guestinfo.userdata.encoding", value: "base64" },
          { key: "guestinfo.userdata", value: base64(data) },
        ],
      },
    }),
    path: "input.body.spec.extraConfig[1].value",
  },
  "vSphere: vendor data": {
    route: { method: "POST", path: "/vms", kind: "create" },
    body: (data) => ({ extraConfig: { "guestinfo.vendordata": base64(data) } }),
    path: "input.body.extraConfig.guestinfo.vendordata",
  },
  "DigitalOcean, OCI and others": {
    route: { method: "POST", path: "/v2/droplets", kind: "create" },
    body: (data) => ({ name: "a", metadata: { user_data: base64(data) } }),
    path: "input.body.metadata.user_data",
  },
};

describe("a request of another cloud with a secret in its user data is refused", () => {
  it.each(Object.keys(requests))("%s", async (name) => {
    const { route, body, path } = requests[name] as (typeof requests)[string];
    const { guard, audit } = await guarded();
    const sent: unknown[] = [];
    const send = async (_: unknown, init?: RequestInit) => {
      sent.push(init?.body);
      return new Response("{}");
    };
    const fetch = guard.wrap(send, fetchAdapter({ cloud: "acme", routes: [{ ...route, operation: "Create" }] }));
    const url = `https://cloud.example.org${route.path.replace("{name}", "a")}`;
    const ask = (data: string) => fetch(url, { method: route.method, body: JSON.stringify(body(data)) });
    await expect(ask(secret)).rejects.toThrow(`${path}: kubeadm-token`);
    expect(sent).toEqual([]);
    expect(JSON.stringify(audit.records)).not.toContain(token);
    await ask(harmless);
    expect(sent).toEqual([JSON.stringify(body(harmless))]);
  });
});

describe("the guard", () => {
  it("names no more than three findings, path and place, and nothing of the secret", async () => {
    const { client, audit } = await ec2();
    const many = `#cloud-config\nwrite_files:\n${[0, 1, 2, 3, 4].map((i) => `  - path: /a${i}\n    content: ${joinToken()}\n`).join("")}`;
    const error = await client.send(commands(many)["input.UserData"]).catch((caught: unknown) => caught as Error);
    expect((error as Error).message).toBe(
      "input.UserData: kubeadm-token (base64, write_files[0].content, line 4); input.UserData: kubeadm-token (base64, write_files[1].content, line 6); input.UserData: kubeadm-token (base64, write_files[2].content, line 8); and 2 more: user data that holds secrets; seal it with bootstrapVault. Nothing was sent",
    );
    expect(JSON.stringify(audit.records)).not.toMatch(/[a-z0-9]{6}\.[a-z0-9]{16}/);
  });

  it("lets pass in observe mode, and records what it would have refused", async () => {
    const { client, wire, audit } = await ec2({ mode: "observe" });
    await client.send(commands(secret)["input.UserData"]);
    expect(wire.requests).toHaveLength(1);
    expect(audit.records.map(({ type }) => type)).toEqual(["intent", "outcome"]);
    expect(audit.records[1]).toMatchObject({
      decisions: [
        {
          phase: "permit",
          by: "user-data-guard",
          verdict: "would-refuse",
          code: "ERR_BOOTSTRAP_UNSEALED",
          note: "input.UserData: kubeadm-token (base64, line 2)",
        },
      ],
    });
    expect(JSON.stringify(audit.records)).not.toContain(token);
  });

  it("stands before ownership: a create that belongs to nobody is refused for its user data first", async () => {
    const { client, guard } = await ec2({}, { ownership: {} });
    await expect(client.send(commands(secret)["input.UserData"])).rejects.toMatchObject({
      code: "ERR_BOOTSTRAP_UNSEALED",
    });
    await expect(client.send(commands(harmless)["input.UserData"])).rejects.toMatchObject({
      code: "ERR_OWNER_MISSING",
    });
    const names = guard.explain().stages.map(({ interceptor }) => interceptor);
    expect(names.indexOf("user-data-guard")).toBeLessThan(names.indexOf("own"));
    expect(names.indexOf("user-data-guard")).toBeGreaterThan(names.indexOf("freeze"));
  });

  it("explains what it would do, and does nothing", async () => {
    const { client, guard, wire, audit } = await ec2();
    const watched = await ec2({ mode: "observe" });
    const explained = (on: typeof watched, data: string) =>
      on.guard
        .explain({
          client: on.client,
          service: "EC2",
          operation: "RunInstances",
          input: { UserData: base64(data) },
          owner: subject("a"),
        })
        .stages.find(({ interceptor }) => interceptor === "user-data-guard")?.explanation;
    const where = "input.UserData: kubeadm-token (base64, line 2)";
    expect(explained({ client, guard, wire, audit }, secret)).toEqual({
      verdict: "refuse",
      reason: `ERR_BOOTSTRAP_UNSEALED: ${where}: user data that holds secrets; seal it with bootstrapVault. Nothing was sent`,
    });
    expect(explained(watched, secret)).toEqual({
      verdict: "pass",
      reason: `observe: would be refused, ERR_BOOTSTRAP_UNSEALED: ${where}`,
    });
    expect(explained(watched, harmless)).toEqual({ verdict: "pass", reason: "no user data with secrets in it" });
    expect(wire.requests).toHaveLength(0);
    expect(audit.records).toEqual([]);
  });

  it("lets pass what is allowed by kind or by a function, and nothing else", async () => {
    const both = `${secret}export DB_PASSWORD=Tr0ub4dor3\n`;
    const byKind = await ec2({ allow: ["kubeadm-token"] });
    await byKind.client.send(commands(secret)["input.UserData"]);
    await expect(byKind.client.send(commands(both)["input.UserData"])).rejects.toThrow(
      /^input\.UserData: password \(base64, line 3\): /,
    );
    const asked: [UserDataFinding, string][] = [];
    const allow: UserDataGuardOptions["allow"] = (finding, call) => asked.push([finding, call.operation]) > 0;
    const byFunction = await ec2({ allow });
    await byFunction.client.send(commands(both)["input.UserData"]);
    expect(asked).toEqual([
      [{ path: "input.UserData", kind: "kubeadm-token", where: "base64, line 2" }, "RunInstances"],
      [{ path: "input.UserData", kind: "password", where: "base64, line 3" }, "RunInstances"],
    ]);
  });

  it("looks into further fields, whatever the operation", async () => {
    const { client } = await ec2({ fields: ["boot-blob"] });
    const command = new DescribeInstancesCommand({ BootBlob: secret } as never);
    await client.send(command); // reads are not looked at
    await expect(
      client.send(new RunInstancesCommand({ ...run, Nested: { bootBlob: secret } } as never)),
    ).rejects.toThrow("input.Nested.bootBlob: kubeadm-token");
  });

  it("leaves strings that look random alone when told so", async () => {
    const random = `#!/bin/sh\necho ${"k9Xv2Lq8Zt5Rw1Pn7Ym3Bc6Df0Hj4SgUaVeQx8T"}\n`;
    await expect((await ec2()).client.send(commands(random)["input.UserData"])).rejects.toThrow("high-entropy");
    await (await ec2({ entropy: false })).client.send(commands(random)["input.UserData"]);
  });

  it("reads a body that an HTTP client was given as text", async () => {
    const { guard } = await guarded();
    const client = { request: async (_: object) => "made" };
    const wrapped = guard.wrap(client, object({ cloud: "acme", operations: { request: { kind: "create" } } }));
    const body = JSON.stringify({ server: { user_data: base64(secret) } });
    await expect(wrapped.request({ method: "POST", body })).rejects.toThrow(".body.server.user_data: kubeadm-token");
  });

  it("ends with circles and with what is very large, and says that it did not see all", async () => {
    const { guard, audit } = await guarded();
    const client = { create: async (_: object) => "made" };
    const wrapped = guard.wrap(client, object({ cloud: "acme", operations: { create: { kind: "create" } } }));
    const circle: Record<string, unknown> = { name: "a" };
    circle.self = { again: [circle, circle] };
    await wrapped.create(circle);
    expect(audit.records.at(-1)).not.toHaveProperty("decisions.0");
    await wrapped.create({ list: Array.from({ length: 30_000 }, () => ({})), last: { user_data: secret } });
    expect(audit.records.at(-1)).toMatchObject({
      decisions: [{ verdict: "warn", note: "the input is too large to be searched whole for user data" }],
    });
    await expect(wrapped.create({ user_data: secret, ...circle })).rejects.toThrow("kubeadm-token");
  });

  it.each(["enforce", "observe"] as const)("writes nothing of a secret anywhere, in mode %s", async (mode) => {
    const exporter = new InMemorySpanExporter();
    const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    const { client, guard, audit } = await ec2({ mode }, { telemetry: { tracerProvider } });
    const shapes = { ...lines, ...documents };
    for (const [name, { kind, make }] of Object.entries(shapes)) {
      const data = make();
      const told = await client
        .send(commands(data)["input.UserData"])
        .catch((error: Error) => [error.message, error.stack]);
      const view = guard.explain({ client, service: "EC2", operation: "RunInstances", input: { UserData: data } });
      const spans = exporter.getFinishedSpans().map(({ attributes, events, status }) => [attributes, events, status]);
      const written = JSON.stringify([mode === "enforce" ? told : "", spans, audit.records, String(view)]);
      expect(written, name).toContain(kind);
      for (const [word] of data.matchAll(/[\w.+/$-]{16,}/g))
        if (/\d/.test(word) && !word.includes("ed25519")) expect(written, name).not.toContain(word);
      for (const weak of ["hunter2", base64(data)]) expect(written, name).not.toContain(weak);
      audit.records.length = 0;
      exporter.reset();
    }
  });

  it("refuses options that make no sense", () => {
    expect(() => userDataGuard({ mode: "warn" } as never)).toThrow("userDataGuard.mode");
    expect(() => userDataGuard({ allow: ["everything"] } as never)).toThrow("userDataGuard.allow");
    expect(() => userDataGuard({ fields: ["--"] })).toThrow("userDataGuard.fields[0]");
    expect(() => userDataGuard({ other: 1 } as never)).toThrow("userDataGuard");
  });
});

describe("plain data of the vault", () => {
  it("is declared by the vault, each time that it hands it out", async () => {
    const { vault } = makeWorld({ cloud: "azure", allowPlain: true, metadata: fakeMetadata().metadata });
    const { mode, userData } = await vault.seal(request({ mode: "plain", data: `${secret}# ${joinToken()}\n` }));
    expect(mode).toBe("plain");
    const command = commands(Buffer.from(userData).toString())["input.UserData"];
    await (await ec2({ plain: "allow" })).client.send(command);
    await expect((await ec2()).client.send(command)).rejects.toThrow("kubeadm-token");
  });

  const data = `${secret}# made by the vault\n`;

  it("is refused like any other, unless it is allowed", async () => {
    declarePlain(Buffer.from(data));
    const { client } = await ec2();
    await expect(client.send(commands(data)["input.UserData"])).rejects.toThrow("kubeadm-token");
  });

  it("passes with a warning where it is allowed, and only it", async () => {
    declarePlain(Buffer.from(data));
    const { client, audit, wire } = await ec2({ plain: "allow" });
    await client.send(commands(data)["input.UserData"]);
    expect(wire.requests).toHaveLength(1);
    expect(audit.records.at(-1)).toMatchObject({
      decisions: [
        { phase: "permit", by: "user-data-guard", verdict: "warn", note: "user data in plain, as the vault made it" },
      ],
    });
    await expect(client.send(commands(`${data} `)["input.UserData"])).rejects.toThrow("kubeadm-token");
    await expect(
      client.send(commands(`#!/bin/sh\necho ${base64(data)} | base64 -d\n`)["input.UserData"]),
    ).rejects.toThrow("kubeadm-token");
  });
});
