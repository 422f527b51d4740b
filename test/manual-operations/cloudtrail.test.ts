import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { CloudTrail } from "@aws-sdk/client-cloudtrail";
import { describe, expect, it } from "vitest";
import {
  type CloudTrailClient,
  cloudTrailFiles,
  cloudTrailLookup,
  reconcileTrail,
  type Trail,
  type TrailEvent,
} from "../../src/manual-operations/index.ts";
import { cleanup, temporaryDirectory } from "../audit/support.ts";
import { oneOfEach, record } from "./cloudtrail-samples.ts";
import { callId, callRecords, journalOf, laterClock, minute, roleArn, start } from "./support.ts";

const span = { from: start, to: start + 60 * minute };

async function readAll(trail: Trail) {
  const reading = trail.read(span);
  const events: TrailEvent[] = [];
  for await (const event of reading) events.push(event);
  return { reading, events };
}

const fileOf = (records: readonly unknown[]) => gzipSync(JSON.stringify({ Records: records }));

/** Compares the samples with a journal that has their own calls. */
async function classesOf(made: (records: readonly Record<string, unknown>[]) => Promise<Trail> | Trail) {
  const call = callId();
  const samples = oneOfEach(call);
  const journal = await journalOf([
    ...callRecords({ requests: ["req-1", "req-2"] }),
    ...callRecords({ call, requests: [undefined] }),
    ...callRecords({ requests: [undefined], intent: { operation: "CreateVolume" } }),
  ]);
  const found = new Map<string, string>();
  const report = await reconcileTrail({
    ...{ journal, trail: await made(samples.map(([, sample]) => sample)), principals: [roleArn] },
    ...{ ...span, clock: laterClock() },
    belongsTo: ({ resources }) => (resources.includes("theirs") ? { managedBy: "other-tool" } : {}),
    onJudged: ({ event, class: kind }) => void found.set(event.id, kind),
  });
  return {
    report,
    found: samples.map(([, { eventID }]) => found.get(String(eventID))),
    expected: samples.map(([kind]) => kind),
  };
}

describe("CloudTrail records", () => {
  it("are one of each class, from delivered files", async () => {
    const { report, found, expected } = await classesOf((records) =>
      cloudTrailFiles({
        source: () => [fileOf(records.slice(0, 5)), fileOf(records.slice(5))],
        deliveredTo: () => span.to + 60 * minute,
      }),
    );
    expect(found).toEqual(expected);
    expect(report).toMatchObject({ status: "findings", unknown: [] });
    expect(report.findings.find((finding) => finding.class === "stolen-credential")).toMatchObject({
      operation: "TerminateInstances",
      sourceIp: "203.0.113.66",
      principal: { id: roleArn, name: "acme-controller", session: "acme" },
    });
  });

  it("are normalised: service, account, region, principal, resources", async () => {
    const { events } = await readAll(cloudTrailFiles({ source: () => [fileOf([record()])] }));
    expect(events).toMatchObject([
      {
        ...{ cloud: "aws", service: "ec2", operation: "RunInstances", readOnly: false, region: "eu-west-1" },
        ...{ at: start + 1000, account: "123456789012", sourceIp: "192.0.2.10", console: false },
        principal: { id: roleArn, type: "AssumedRole" },
        resources: ["ami-1", "i-0123456789abcdef0"],
      },
    ]);
  });
});

describe("delivered files", () => {
  it("are read from paths, gzip or not; digests are passed over", async () => {
    const directory = temporaryDirectory();
    const [packed, plain] = [join(directory, "1.json.gz"), join(directory, "2.json")];
    writeFileSync(packed, fileOf([record()]));
    writeFileSync(plain, JSON.stringify({ Records: [record()] }));
    const digest = Buffer.from(JSON.stringify({ digestS3Object: "x", logFiles: [] }));
    const { events, reading } = await readAll(cloudTrailFiles({ source: () => [packed, plain, digest] }));
    expect(events).toHaveLength(2);
    expect(reading).toMatchObject({ gaps: [], malformed: 0, deliveredTo: start + 1000 });
  });

  it.each([
    ["garbage", Buffer.from("not a trail")],
    ["torn gzip", fileOf([record()]).subarray(0, 40)],
    ["a bomb", gzipSync(`{"Records":[]${" ".repeat(8 * 1024 * 1024)}}`)],
    ["no records", Buffer.from('{"Records":7}')],
    ["no file", "/nonexistent/trail.json.gz"],
  ])("that cannot be read are a gap, and the others are read: %s", async (_, file) => {
    const source = () => [file, fileOf([record()])];
    const { events, reading } = await readAll(cloudTrailFiles({ source, maxFileBytes: 1024 * 1024 }));
    expect(events).toHaveLength(1);
    expect(reading.gaps).toMatchObject([{ ...span, reason: "a delivered file could not be read" }]);
  });

  it("count records that are none", async () => {
    const records = [null, 7, "x", [], {}, record({ eventTime: "yesterday" }), record({ eventName: "" }), record()];
    for (const eventTime of ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", 1e300])
      records.push(record({ eventTime }));
    const { events, reading } = await readAll(cloudTrailFiles({ source: () => [fileOf(records)] }));
    expect(events).toHaveLength(1);
    expect(reading).toMatchObject({ malformed: 10, deliveredTo: start + 1000 });
  });

  it("of a version to come are read by the fields that they share; fields of other types are left out", async () => {
    const odd = { userIdentity: 7, requestParameters: "x", responseElements: [null], requestID: {}, userAgent: [] };
    const records = [record({ eventVersion: "99.0" }), record(odd), record({ userIdentity: { sessionContext: [] } })];
    const { events, reading } = await readAll(cloudTrailFiles({ source: () => [fileOf(records)] }));
    expect(reading.malformed).toBe(0);
    expect(events.map(({ principal }) => principal?.id)).toEqual([roleArn, undefined, undefined]);
    expect(events[1]).toMatchObject({ requestIds: [], resources: [], userAgent: undefined });
  });

  it("bound what a record may make us keep", async () => {
    const huge = "x".repeat(100_000);
    const items = Array.from({ length: 5000 }, (_, n) => ({ instanceId: `i-${n}` }));
    const hostile = record({ userAgent: huge, requestParameters: { items, [huge]: { deepId: huge } } });
    const { events } = await readAll(cloudTrailFiles({ source: () => [fileOf([hostile])] }));
    expect(JSON.stringify(events).length).toBeLessThan(40_000);
  });
});

/** A server that speaks LookupEvents as the SDK expects it, fifty events a page, newest first. */
async function lookupServer(records: readonly Record<string, unknown>[], throttle = 0) {
  const asked: Record<string, unknown>[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const input = JSON.parse(body);
    const answer = (status: number, content: unknown) => {
      response.writeHead(status, { "content-type": "application/x-amz-json-1.1", "x-amzn-requestid": "r" });
      response.end(JSON.stringify(content));
    };
    if (!/(^|\.)CloudTrail_20131101\.LookupEvents$/.test(String(request.headers["x-amz-target"]))) {
      return answer(400, { __type: "UnknownOperationException" });
    }
    asked.push(input);
    if (asked.length <= throttle) return answer(400, { __type: "ThrottlingException", message: "Rate exceeded" });
    const at = Number(input.NextToken ?? 0);
    const page = [...records].reverse().slice(at, at + 50);
    const Events = page.map((item) => ({
      EventId: item.eventID,
      EventName: item.eventName,
      EventTime: Date.parse(String(item.eventTime)) / 1000,
      ReadOnly: String(item.readOnly),
      CloudTrailEvent: JSON.stringify(item),
    }));
    answer(200, { Events, ...(at + 50 < records.length ? { NextToken: String(at + 50) } : {}) });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanup(() => new Promise((resolve) => server.close(resolve)));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "fake" };
  const client = new CloudTrail({ endpoint, region: "eu-west-1", credentials, maxAttempts: 1 });
  cleanup(() => client.destroy());
  return { client, asked };
}

describe("LookupEvents, through the SDK's own client", () => {
  it("gives the same classes as delivered files", async () => {
    const { found, expected, report } = await classesOf(async (records) => {
      const { client } = await lookupServer(records);
      return cloudTrailLookup({ client, region: "eu-west-1", clock: laterClock() });
    });
    expect(found).toEqual(expected);
    expect(report.unknown).toEqual([]);
  });

  it("asks fifty a page, twice a second, and waits when it is told to", async () => {
    const { client, asked } = await lookupServer(
      Array.from({ length: 120 }, () => record()),
      1,
    );
    const clock = laterClock();
    const before = clock.monotonic();
    const { events, reading } = await clock.runUntil(readAll(cloudTrailLookup({ client, clock })));
    expect(events).toHaveLength(120);
    expect(asked.map(({ MaxResults, NextToken }) => [MaxResults, NextToken])).toEqual([
      [50, undefined],
      [50, undefined],
      [50, "50"],
      [50, "100"],
    ]);
    expect(clock.monotonic() - before).toBe(1000 + 500 + 500);
    expect(reading.deliveredTo).toBe(span.to);
  });
});

describe("LookupEvents, when it misbehaves", () => {
  const lookup = (lookupEvents: CloudTrailClient["lookupEvents"]) =>
    readAll(cloudTrailLookup({ client: { lookupEvents }, clock: laterClock(), paceMs: 0 }));

  it("does not follow the same token for ever", async () => {
    await expect(lookup(async () => ({ Events: [], NextToken: "again" }))).rejects.toThrow("the same page again");
  });

  it("fails where the service does, and counts what is no record", async () => {
    const denied = Object.assign(new Error("no"), { name: "AccessDeniedException" });
    await expect(lookup(() => Promise.reject(denied))).rejects.toBe(denied);
    const { reading } = await lookup(async () => ({ Events: [{}, { CloudTrailEvent: "{" }, null] }));
    expect(reading.malformed).toBe(3);
  });

  it("names what is older than ninety days as a gap", async () => {
    let from = 0;
    const client: CloudTrailClient = {
      async lookupEvents({ StartTime }) {
        from = StartTime.getTime();
        return { Events: [] };
      },
    };
    const clock = laterClock(90 * 24 + 0.5);
    const { reading } = await readAll(cloudTrailLookup({ client, clock }));
    expect(reading.gaps).toEqual([{ from: span.from, to: start + 30 * minute, reason: "older than 90 days" }]);
    expect(from).toBe(start + 30 * minute);
  });
});
