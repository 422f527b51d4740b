import { hash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CreateBucketCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { createGuard, fileJournal } from "provider-guard";
import { shipping } from "provider-guard/audit";
import { s3Sink } from "provider-guard/aws";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeWithMoto, type Moto, startMoto } from "./moto.ts";

const hashOf = (text: string) => hash("sha256", text, "base64");

describeWithMoto("shipping to S3 on moto", (python) => {
  let moto: Moto;
  let s3: S3Client;
  let directory: string;

  beforeAll(async () => {
    moto = await startMoto(python);
    s3 = new S3Client({
      endpoint: moto.url,
      region: "us-east-1",
      forcePathStyle: true,
      credentials: { accessKeyId: "test", secretAccessKey: "test" },
    });
    await s3.send(new CreateBucketCommand({ Bucket: "evidence" }));
    await s3.send(new CreateBucketCommand({ Bucket: "locked", ObjectLockEnabledForBucket: true }));
    directory = await mkdtemp(join(tmpdir(), "s3-sink-"));
  });
  afterAll(async () => {
    s3?.destroy();
    await moto?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  async function journalOf(name: string, bucket: string, more: object = {}): Promise<string> {
    const folder = join(directory, name);
    const sinks = [s3Sink({ client: s3, bucket, prefix: `${name}/`, ...more })];
    const guard = await createGuard({
      owner: { managementCluster: "mc-uid", provider: "infrastructure-acme" },
      audit: fileJournal({
        directory: folder,
        segmentBytes: 1024,
        followers: [shipping({ sinks, maxPartBytes: 512 })],
      }),
    });
    for (let i = 0; i < 10; i++) {
      await guard.freeze({ reason: `drill ${i}`, by: "ada" });
      await guard.thaw({ reason: "over", by: "ada" });
    }
    await guard.close(); // ships what is left
    return folder;
  }

  async function objectsIn(bucket: string, prefix: string): Promise<string[]> {
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }));
    return Contents.map(({ Key }) => Key as string).sort();
  }

  it("the objects of each segment, in the order of their names, are the segment", async () => {
    const folder = await journalOf("whole", "evidence");
    const shipped = new Map<string, string>();
    for (const key of await objectsIn("evidence", "whole/")) {
      const { Body, ContentType } = await s3.send(new GetObjectCommand({ Bucket: "evidence", Key: key }));
      expect(ContentType).toBe("application/x-ndjson");
      const file = key.split("/").at(-2) as string;
      shipped.set(file, (shipped.get(file) ?? "") + (await Body?.transformToString()));
    }
    const names = (await readdir(folder)).filter((name) => name.endsWith(".jsonl")).sort();
    expect(names.length).toBeGreaterThan(1);
    expect([...shipped.keys()].sort()).toEqual(names);
    for (const name of names) expect(shipped.get(name)).toBe(await readFile(join(folder, name), "utf8"));
  });

  it("keeps objects locked for as long as it is told", async () => {
    await journalOf("kept", "locked", { objectLock: { mode: "GOVERNANCE", retainDays: 30 } });
    const [Key] = await objectsIn("locked", "kept/");
    const head = await s3.send(new HeadObjectCommand({ Bucket: "locked", Key }));
    expect(head.ObjectLockMode).toBe("GOVERNANCE");
    expect(head.ObjectLockRetainUntilDate?.getTime()).toBeGreaterThan(Date.now() + 29 * 86_400_000);
  });

  it("acknowledges an object that is there with the same bytes, and refuses one with others", async () => {
    const context = { signal: new AbortController().signal, clock: { now: () => 0 } } as never;
    const sink = s3Sink({ client: s3, bucket: "evidence" });
    const one = { name: "c/f/0-2", chain: "c", file: "f", offset: 0, bytes: Buffer.from("1\n") };
    await s3.send(new PutObjectCommand({ Bucket: "evidence", Key: "c/f/0-2", Body: "2\n" }));
    await expect(sink.put({ ...one, sha256: hashOf("1\n") }, context)).rejects.toMatchObject({
      code: "ERR_AUDIT_NOT_SHIPPED",
    });
    const same = { ...one, name: "c/f/2-4", sha256: hashOf("1\n") };
    await sink.put(same, context);
    await sink.put(same, context);
  });
});
