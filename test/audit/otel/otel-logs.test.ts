import type { AuditRecord } from "provider-guard";
import { type OtelLogRecord, otelLogs, type ShippedObject } from "provider-guard/audit";
import { describe, expect, it } from "vitest";
import { serialize } from "../../../src/audit/serialize.ts";
import { shippingJournal } from "../shipping/support.ts";
import { intent, outcome, read, recordsOf, temporaryDirectory } from "../support.ts";

const prev = "B".repeat(43);
let seq = 0;
const line = (record: AuditRecord) => `${serialize(record).replace("{", `{"seq":${seq++},"prev":"${prev}",`)}\n`;

const object = (text: string, file = "00000001.jsonl"): ShippedObject => ({
  name: "ch1/f/0",
  chain: "ch1",
  file,
  offset: 0,
  bytes: Buffer.from(text),
  sha256: "",
});

async function emitted(...records: AuditRecord[]): Promise<OtelLogRecord[]> {
  const all: OtelLogRecord[] = [];
  const sink = otelLogs({ logger: { emit: (record) => void all.push(record) } });
  await sink.put(object(records.map(line).join("")), {} as never);
  expect(sink.dropped).toBe(0);
  return all;
}

describe("records as OpenTelemetry logs", () => {
  it("an intent and its outcome name the call by semantic conventions, and leave the input out", async () => {
    const manual = { operator: "ada", reason: "stuck", ticket: "CHG-1" };
    const attempts = [
      { n: 1, requestId: "r1", status: 503, result: "outage", ms: 1 },
      { n: 2, requestId: "r2", status: 200, result: "ok", ms: 1 },
    ];
    const [asked, ended] = await emitted(
      intent("c1", { at: 1_000, manual, resourceType: "instance" }),
      outcome("c1", { at: 1_250, ms: 250, attempts, resources: ["i-1"] }),
    );
    expect(asked).toMatchObject({
      eventName: "provider_guard.audit.intent",
      timestamp: 1_000,
      severityText: "INFO",
      body: "EC2/RunInstances: intent",
      attributes: {
        "cloud.provider": "aws",
        "cloud.region": "eu-west-1",
        "cloud.account.id": "1",
        "rpc.method": "EC2/RunInstances",
        "k8s.cluster.uid": "mc-uid",
        "user.name": "ada",
        "provider_guard.manual.ticket": "CHG-1",
        "provider_guard.cluster.uid": "c-uid",
        "provider_guard.call_id": "c1",
        "provider_guard.audit.chain": "ch1",
        "provider_guard.audit.prev": prev,
      },
    });
    expect(ended).toMatchObject({
      eventName: "provider_guard.audit.outcome",
      timestamp: 1_250,
      body: "EC2/RunInstances: ok",
      attributes: {
        "rpc.method": "EC2/RunInstances",
        "aws.request_id": "r2",
        "http.response.status_code": 200,
        "provider_guard.request_ids": ["r1", "r2"],
        "provider_guard.result": "ok",
        "provider_guard.duration_ms": 250,
        "provider_guard.resources": ["i-1"],
        "provider_guard.audit.seq": (asked?.attributes["provider_guard.audit.seq"] as number) + 1,
      },
    });
    expect(JSON.stringify([asked, ended])).not.toContain("ami-1");
    for (const name of ["rpc.system", "rpc.service"]) expect(ended?.attributes).not.toHaveProperty([name]); // deprecated
  });

  it("whatever did not end well is a warning", async () => {
    const { target, operation, kind, owner } = intent("c2");
    const all = await emitted(
      outcome("c1", { result: "failed", error: "Denied" }),
      { type: "refusal", call: "c2", at: 5, target, operation, kind, owner, code: "ERR_FREEZE_ACTIVE" },
      read("c3"),
      { type: "notice", at: 5, event: "freeze", details: { reason: "drill" } },
    );
    expect(all.map(({ severityNumber, body }) => [severityNumber, body])).toEqual([
      [13, "outcome"],
      [13, "EC2/RunInstances: refused"],
      [9, "EC2/DescribeInstances: ok"],
      [9, "freeze"],
    ]);
    expect(all.map(({ attributes }) => attributes["error.type"])).toEqual([
      "Denied",
      "ERR_FREEZE_ACTIVE",
      undefined,
      undefined,
    ]);
    expect(all[3]?.attributes).toMatchObject({ "provider_guard.event": "freeze", "provider_guard.reason": "drill" });
  });

  it("names Azure's request ids by its convention, and others by a name of our own", async () => {
    const attempts = [{ n: 1, requestId: "r1", result: "ok", ms: 1 }];
    const on = (cloud: string): AuditRecord => {
      const one = read("c");
      return { ...one, target: { ...one.target, cloud }, attempts };
    };
    const [azure, acme] = await emitted(on("azure"), on("acme"));
    expect(azure?.attributes["azure.service.request.id"]).toBe("r1");
    expect(acme?.attributes["provider_guard.request_id"]).toBe("r1");
  });

  it("counts what the logger did not take, and lines that it does not know, and goes on", async () => {
    const taken: OtelLogRecord[] = [];
    const sink = otelLogs({
      logger: {
        emit(record) {
          if (record.body === "bad") throw new Error("exporter");
          taken.push(record);
        },
      },
    });
    const notice = (event: string) => line({ type: "notice", at: 1, event });
    const later = `{"seq":1,"prev":"${prev}","type":"witness"}\n`;
    await sink.put(object(notice("good") + notice("bad") + later + notice("good")), {} as never);
    await sink.put(object('{"note":"a checkpoint"}\n', "00000001.checkpoints.jsonl"), {} as never);
    expect(taken).toHaveLength(2);
    expect(sink.dropped).toBe(2);
  });

  it("lets others run while it works through a long backlog", async () => {
    const texts: string[] = [];
    const sink = otelLogs({ logger: { emit: ({ body }) => void texts.push(body) } });
    const whole = Array.from({ length: 1_000 }, () => line({ type: "notice", at: 1, event: "n" })).join("");
    const seen: number[] = [];
    setImmediate(() => seen.push(texts.length));
    await sink.put(object(whole), {} as never);
    expect(texts).toHaveLength(1_000);
    expect(seen[0]).toBeLessThan(1_000);
  });

  it("follows a journal as any other sink does", async () => {
    const directory = temporaryDirectory();
    const all: OtelLogRecord[] = [];
    const logger = { emit: (record: OtelLogRecord) => void all.push(record) };
    const { clock, record } = await shippingJournal(directory, { sinks: [otelLogs({ logger })] });
    await record(2);
    await clock.advance(5_000);
    expect(all.map(({ eventName }) => eventName.split(".").at(-1))).toEqual(
      recordsOf(directory).map(({ type }) => type),
    );
  });

  it("refuses what is no logger", () => {
    expect(() => otelLogs({ logger: {} as never })).toThrow("otelLogs.logger");
  });
});
