import { Readable } from "node:stream";
import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { STS } from "@aws-sdk/client-sts";
import { DynamoDBDocument, DynamoDBDocumentClient, PutCommand } from "@aws-sdk/lib-dynamodb";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { describe, expect, it } from "vitest";
import { aws } from "../../../adapters/aws/index.ts";
import { fakeCall, hook, ownerTags } from "./fake-port.ts";
import { ec2Answer, fakeWire, wired } from "./fake-wire.ts";

const json = { headers: { "x-amzn-requestid": "req-1", "content-type": "application/x-amz-json-1.0" }, body: "{}" };

describe("S3", () => {
  it("presigns without running a gate, and nothing is sent", async () => {
    const wire = fakeWire({});
    const { client, port } = hook(new S3Client(wired(wire)), aws() as never);
    const url = await getSignedUrl(client, new GetObjectCommand({ Bucket: "bucket", Key: "k" }), { expiresIn: 60 });
    expect(url).toMatch(/^https:\/\/bucket\.s3\.eu-central-1\.amazonaws\.com\/k\?.*X-Amz-Signature=/);
    expect([port.calls.length, port.attempts.length, wire.requests.length]).toEqual([0, 0, 0]);
  });

  it("presigns on a client that caches its handlers, too", async () => {
    const { client, port } = hook(new S3Client({ ...wired(fakeWire({})), cacheMiddleware: true }), aws() as never);
    await client.send(new GetObjectCommand({ Bucket: "bucket", Key: "k" }));
    await getSignedUrl(client, new GetObjectCommand({ Bucket: "bucket", Key: "k" }));
    expect(port.calls).toHaveLength(1);
  });

  it("streams a body through, tagged, and says that it cannot be sent again", async () => {
    let received = "";
    const wire = fakeWire(async ({ body }) => {
      for await (const chunk of body as Readable) received += String(chunk);
      return { headers: { "x-amz-request-id": "s3-1" } };
    });
    const adapter = aws();
    const { client, port } = hook(new S3Client(wired(wire)), adapter as never);
    port.onCall = (call) => {
      call.input = adapter.tags?.write(call, ownerTags);
    };
    const body = Readable.from([Buffer.from("hello "), Buffer.from("world")]);
    await client.send(
      new PutObjectCommand({ Bucket: "bucket", Key: "k", Body: body, ContentLength: 11, Tagging: "a=1" }),
    );
    expect(received).toContain("hello ");
    expect(wire.requests[0]?.headers["x-amz-tagging"]).toBe(
      "a=1&provider-guard%2Fcluster-uid=uid-1&provider-guard%2Fintent=intent-1",
    );
    expect(port.attempts).toMatchObject([{ repeatable: false, requestId: "s3-1", class: "ok" }]);
  });

  it("may send a body in memory again, and hands streams of answers to the caller", async () => {
    const wire = fakeWire({ body: "content" });
    const { client, port } = hook(new S3Client(wired(wire)), aws() as never);
    await client.send(new PutObjectCommand({ Bucket: "bucket", Key: "k", Body: "text" }));
    await client.send(new PutObjectCommand({ Bucket: "bucket", Key: "k", Body: new Uint8Array([1, 2]) }));
    expect(port.attempts.map(({ repeatable }) => repeatable)).toEqual([true, true]);
    const { Body } = await client.send(new GetObjectCommand({ Bucket: "bucket", Key: "k" }));
    expect(await Body?.transformToString()).toBe("content");
  });
});

describe("DynamoDB's document client", () => {
  it("is guarded with the operation behind its commands, and marshalls what the guard passes on", async () => {
    const wire = fakeWire(json);
    const { client, port } = hook(DynamoDBDocumentClient.from(new DynamoDBClient(wired(wire))), aws() as never);
    await client.send(new PutCommand({ TableName: "t", Item: { id: "1", n: 2 } }));
    expect(port.calls).toMatchObject([
      { operation: "PutItem", kind: "update", target: { service: "DynamoDB" }, input: { Item: { id: "1", n: 2 } } },
    ]);
    expect(JSON.parse(new TextDecoder().decode(wire.requests[0]?.body as Uint8Array))).toMatchObject({
      Item: { id: { S: "1" }, n: { N: "2" } },
    });
  });

  it("runs one gate when its methods are called, also with a callback", async () => {
    const wire = fakeWire(json);
    const { client, port } = hook(DynamoDBDocument.from(new DynamoDBClient(wired(wire))), aws() as never);
    await client.get({ TableName: "t", Key: { id: "1" } });
    await new Promise<void>((resolve, reject) =>
      client.get({ TableName: "t", Key: { id: "1" } }, (error) => (error ? reject(error) : resolve())),
    );
    expect([port.calls.length, port.attempts.length, wire.requests.length]).toEqual([2, 2, 2]);
  });

  it("shares its stack with the client below, whose calls are guarded once, too", async () => {
    const wire = fakeWire(json);
    const below = new DynamoDBClient(wired(wire));
    const document = hook(DynamoDBDocumentClient.from(below), aws() as never);
    await below.send(new GetItemCommand({ TableName: "t", Key: { id: { S: "1" } } }));
    expect([document.port.calls.length, wire.requests.length]).toEqual([1, 1]);
  });

  it("and the client below can both be wrapped, each for itself", async () => {
    const wire = fakeWire(json);
    const below = new DynamoDBClient(wired(wire));
    const document = hook(DynamoDBDocumentClient.from(below), aws() as never);
    const raw = hook(below, aws() as never);
    const get = () => new GetItemCommand({ TableName: "t", Key: { id: { S: "1" } } });
    await document.client.send(new PutCommand({ TableName: "t", Item: { id: "1" } }));
    await raw.client.send(get());
    expect([document.port.calls.length, raw.port.calls.length]).toEqual([1, 1]);
    document.attachment.detach();
    await raw.client.send(get());
    expect([document.port.calls.length, raw.port.calls.length, wire.requests.length]).toEqual([1, 2, 3]);
    raw.attachment.detach();
    await raw.client.send(get());
    expect([document.port.calls.length, raw.port.calls.length, wire.requests.length]).toEqual([1, 2, 4]);
  });
});

describe("a client that was unwrapped while another goes on with its stack", () => {
  it("is guarded by the other, also where somebody kept hold of the send it had", async () => {
    const wire = fakeWire(json);
    const below = new DynamoDBClient(wired(wire));
    const document = hook(DynamoDBDocumentClient.from(below), aws() as never);
    const raw = hook(below, aws() as never);
    const kept = below.send.bind(below);
    raw.attachment.detach();
    await kept(new GetItemCommand({ TableName: "t", Key: { id: { S: "1" } } }));
    expect([document.port.calls.length, raw.port.calls.length]).toEqual([1, 0]);
  });
});

describe("the client around it all", () => {
  it("is taken by its shape", () => {
    const adapter = aws();
    expect(adapter.accepts(new STS(wired(fakeWire())))).toBe(true);
    for (const other of [{}, { send() {} }, { send() {}, config: {}, middlewareStack: {} }, []]) {
      expect(adapter.accepts(other)).toBe(false);
    }
  });

  it("asks the region's provider until it answers, and then never again", async () => {
    let asked = 0;
    let broken = true;
    const region = async () => {
      asked++;
      if (broken) throw new Error("no region yet");
      return "us-west-2";
    };
    const bare = new S3Client(wired(fakeWire({})));
    (bare.config as { region: unknown }).region = region;
    const get = () => bare.send(new GetObjectCommand({ Bucket: "bucket", Key: "k" }));
    const { port } = hook(bare, aws() as never);
    await expect(get()).rejects.toThrow("no region yet");
    broken = false;
    asked = 0;
    await get();
    const first = asked; // the SDK asks for itself, too
    await get();
    expect(asked - first).toBe(first - 1);
    expect(port.calls.map(({ target }) => target.region)).toEqual(["us-west-2", "us-west-2"]);
  });

  it("may be one whose stack another copy of the library has hooked: it is refused", () => {
    const bare = new STS(wired(fakeWire(ec2Answer("X"))));
    bare.middlewareStack.add((next) => next, { step: "initialize", name: "providerGuardOperation" });
    expect(() => hook(bare, aws() as never)).toThrowError(
      expect.objectContaining({ code: "ERR_GUARD_ALREADY_WRAPPED" }),
    );
  });

  it("checks its options", () => {
    expect(() => aws({ imds: true as never })).toThrowError(expect.objectContaining({ code: "ERR_CONFIG_INVALID" }));
    expect(() => aws({ acount: "1" } as never)).toThrowError(/aws/);
    expect(fakeCall(aws() as never, { service: "STS", operation: "AssumeRole", input: {} }).kind).toBe("read");
  });
});
