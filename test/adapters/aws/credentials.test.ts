import { EC2Client, RunInstancesCommand } from "@aws-sdk/client-ec2";
import { S3Client } from "@aws-sdk/client-s3";
import { describe, expect, it } from "vitest";
import type { AwsClient } from "../../../adapters/aws/index.ts";
import { aws } from "../../../adapters/aws/index.ts";
import type { CredentialLease } from "../../../src/core/credential.ts";
import { GuardError } from "../../../src/core/errors.ts";
import { hook } from "./fake-port.ts";
import { ec2Answer, ec2Error, type FakeWire, fakeWire, wired } from "./fake-wire.ts";

/** A lease whose credential a test changes by hand. */
function handLease(first: string) {
  const key = (id: string) => ({
    value: { accessKeyId: id, secretAccessKey: "secret", sessionToken: "token", expiration: new Date(4e12) },
    expiresAt: 4e12,
  });
  let held: ReturnType<typeof key> | undefined = key(first);
  const lease: CredentialLease & { hold(id: string | undefined): void } = {
    hold: (id) => {
      held = id === undefined ? undefined : key(id);
    },
    peek: () => held,
    get: () => (held ? Promise.resolve(held) : Promise.reject(new GuardError("ERR_CREDENTIAL_UNAVAILABLE", "none"))),
    invalidate() {},
    close() {},
  };
  return lease;
}

const signedWith = (wire: FakeWire) =>
  wire.requests.map(({ headers }) => /Credential=(\w+)/.exec(headers.authorization ?? "")?.[1]);
const run = () => new RunInstancesCommand({ ImageId: "ami-1", MinCount: 1, MaxCount: 1 });

describe("a lease given to guard.wrap", () => {
  it("signs each request with what it holds at that moment, and goes again with detach", async () => {
    const wire = fakeWire(ec2Answer("RunInstances"));
    const lease = handLease("FIRST");
    const { client, attachment } = hook(new EC2Client(wired(wire)), aws() as never, lease);
    await client.send(run());
    lease.hold("SECOND");
    await client.send(run());
    attachment.detach();
    await client.send(run());
    expect(signedWith(wire)).toEqual(["FIRST", "SECOND", "AKIDEXAMPLE"]);
  });

  it("signs the second attempt of one call with a credential renewed in between", async () => {
    const wire = fakeWire(() => {
      lease.hold("RENEWED");
      return wire.requests.length === 1 ? ec2Error("RequestExpired") : ec2Answer("RunInstances");
    });
    const lease = handLease("EXPIRED");
    const { client, port } = hook(new EC2Client(wired(wire)), aws() as never, lease);
    port.again = true;
    await client.send(run());
    expect(signedWith(wire)).toEqual(["EXPIRED", "RENEWED"]);
  });

  it("also serves a client that was made without credentials", async () => {
    const wire = fakeWire(ec2Answer("RunInstances"));
    const { credentials: _, ...config } = wired(wire);
    const { client } = hook(new EC2Client(config), aws() as never, handLease("LEASED"));
    await client.send(run());
    expect(signedWith(wire)).toEqual(["LEASED"]);
  });

  it("passes its own error on, once and untouched, where it has nothing to hand out", async () => {
    const wire = fakeWire(ec2Answer("RunInstances"));
    const lease = handLease("FIRST");
    const { client } = hook(new EC2Client(wired(wire)), aws() as never, lease);
    lease.hold(undefined);
    const error = await client.send(run()).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "ERR_CREDENTIAL_UNAVAILABLE" });
    expect(error).not.toHaveProperty("$metadata");
    expect(wire.requests).toHaveLength(0);
  });

  it("passes it on as it is also where the lease ran dry between the gate and the signature", async () => {
    const wire = fakeWire(ec2Answer("RunInstances"));
    const lease = handLease("FIRST");
    const { client, port } = hook(new EC2Client(wired(wire)), aws() as never, lease);
    port.onAttempt = () => lease.hold(undefined);
    const error = await client.send(run()).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "ERR_CREDENTIAL_UNAVAILABLE" });
    expect(error).not.toHaveProperty("$metadata");
    expect([port.attempts.length, wire.requests.length]).toEqual([1, 0]);
  });

  it("reaches signers of clients whose configuration takes no new credentials", async () => {
    const provider = { credentialProvider: "first" };
    const s3Signer = { sigv4Signer: { credentialProvider: "first" }, signerOptions: { credentials: "first" } };
    for (const signer of [provider, s3Signer]) {
      const made = async () => signer;
      const wire = fakeWire();
      const real = new S3Client(wired(wire));
      const old = {
        send: () => undefined,
        middlewareStack: real.middlewareStack,
        config: { region: "eu-central-1", credentials: "own", signer: made },
      };
      const { attachment } = hook(old as unknown as AwsClient, aws() as never, handLease("LEASED"));
      const led = (await old.config.signer()) as unknown as Record<string, unknown>;
      const source = (led.credentialProvider ?? (led.sigv4Signer as typeof provider).credentialProvider) as never;
      expect(await (source as () => Promise<unknown>)()).toMatchObject({ accessKeyId: "LEASED" });
      attachment.detach();
      expect([old.config.signer, old.config.credentials]).toEqual([made, "own"]);
    }
  });
});
