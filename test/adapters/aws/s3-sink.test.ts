import { s3Sink } from "provider-guard/aws";
import { simulatedClock } from "provider-guard/testing";
import { describe, expect, it } from "vitest";
import { shippedObject as object } from "../../support/shipped-object.ts";

const { bytes } = object;
const context = { signal: new AbortController().signal, clock: simulatedClock({ startAt: Date.UTC(2026, 0, 1) }) };

/** A client by shape: answers what it is told, the first time the first. */
function fakeClient(...answers: unknown[]) {
  // biome-ignore lint/suspicious/noExplicitAny: commands as they come
  const sent: { name: string; input: any; options: unknown }[] = [];
  const client = {
    config: {},
    middlewareStack: { add() {}, addRelativeTo() {} },
    async send(command: { input: unknown }, options: unknown) {
      sent.push({ name: command.constructor.name, input: command.input, options });
      const answer = answers.shift() ?? {};
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  return { client, sent };
}

const httpError = (status: number) => Object.assign(new Error("no"), { $metadata: { httpStatusCode: status } });

describe("shipping to S3", () => {
  it("puts an object under its name, with its checksum, and never over another", async () => {
    const { client, sent } = fakeClient();
    await s3Sink({ client, bucket: "evidence", prefix: "prod/" }).put(object, context);
    expect(sent).toEqual([
      {
        name: "PutObjectCommand",
        options: { abortSignal: context.signal },
        input: {
          Bucket: "evidence",
          Key: `prod/${object.name}`,
          Body: bytes,
          ContentType: "application/x-ndjson",
          ChecksumAlgorithm: "SHA256",
          ChecksumSHA256: object.sha256,
          IfNoneMatch: "*",
        },
      },
    ]);
  });

  it("passes on what is said of lock, class, key and owner", async () => {
    const { client, sent } = fakeClient();
    const sink = s3Sink({
      client,
      bucket: "evidence",
      ifNoneMatch: false,
      objectLock: { mode: "COMPLIANCE", retainDays: 365 },
      storageClass: "GLACIER_IR",
      kmsKeyId: "alias/evidence",
      bucketOwner: "123456789012",
    });
    await sink.put(object, context);
    expect(sent[0]?.input).toMatchObject({
      ObjectLockMode: "COMPLIANCE",
      ObjectLockRetainUntilDate: new Date(Date.UTC(2027, 0, 1)),
      StorageClass: "GLACIER_IR",
      ServerSideEncryption: "aws:kms",
      SSEKMSKeyId: "alias/evidence",
      ExpectedBucketOwner: "123456789012",
    });
    expect(sent[0]?.input).not.toHaveProperty("IfNoneMatch");
  });

  const found = (text: string) => ({
    ContentLength: text.length,
    Body: { transformToByteArray: async () => Buffer.from(text) },
  });

  it("takes an object that is there already for arrived if it has the same bytes", async () => {
    const { client, sent } = fakeClient(httpError(412), found(bytes.toString()));
    await s3Sink({ client, bucket: "evidence" }).put(object, context);
    expect(sent.map(({ name }) => name)).toEqual(["PutObjectCommand", "GetObjectCommand"]);
    expect(sent[1]?.input).toEqual({ Bucket: "evidence", Key: object.name });
  });

  it.each(['{"seq":1}\n', '{"seq":0}\n{}'])("refuses one with others: %j", async (text) => {
    const { client } = fakeClient(httpError(412), found(text));
    const put = s3Sink({ client, bucket: "evidence" }).put(object, context);
    await expect(put).rejects.toMatchObject({
      code: "ERR_AUDIT_NOT_SHIPPED",
      message: expect.stringContaining("another"),
    });
  });

  it.each([403, 404, 409, 503])("fails with what the SDK failed with: %d", async (status) => {
    const error = httpError(status);
    const { client } = fakeClient(error);
    await expect(s3Sink({ client, bucket: "evidence" }).put(object, context)).rejects.toBe(error);
  });

  it.each([
    [{ client: {} }, "s3Sink.client"],
    [{ bucket: "" }, "s3Sink.bucket"],
    [{ prefix: "prod" }, "s3Sink.prefix"],
    [{ objectLock: { mode: "COMPLIANCE", retainDays: 0 } }, "s3Sink.objectLock.retainDays"],
    [{ bucketOwner: "me" }, "s3Sink.bucketOwner"],
  ])("refuses %j, naming the option", (wrong, path) => {
    const { client } = fakeClient();
    expect(() => s3Sink({ client, bucket: "evidence", ...wrong } as never)).toThrow(path);
  });
});
