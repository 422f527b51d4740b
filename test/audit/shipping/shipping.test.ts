import { appendFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";
import { GuardError } from "provider-guard";
import { shipping } from "provider-guard/audit";
import { seededRandom, simulatedClock } from "provider-guard/testing";
import { describe, expect, it } from "vitest";
import { createTelemetry } from "../../../src/core/telemetry.ts";
import { recordsOf, temporaryDirectory } from "../support.ts";
import { type FakeSink, fakeSink, journalFiles, shippedFiles, shippingJournal } from "./support.ts";

const events = (directory: string) =>
  [...journalFiles(directory).values()]
    .flatMap((bytes) => bytes.toString().trimEnd().split("\n"))
    .map((line) => JSON.parse(line))
    .filter(({ type, event }) => type === "notice" && event.startsWith("shipping"));

class TestReader extends MetricReader {
  protected override async onShutdown() {}
  protected override async onForceFlush() {}
}

/** Values of the gauges of shipping, each with its sink. */
async function gauges(reader: MetricReader): Promise<Record<string, unknown>> {
  const { resourceMetrics } = await reader.collect();
  const metrics = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
  return Object.fromEntries(
    metrics
      .filter(({ descriptor }) => descriptor.name.includes("shipping"))
      .map(({ descriptor, dataPoints: [point] }) => [
        descriptor.name.replace("provider_guard.", ""),
        [point?.value, point?.attributes.sink],
      ]),
  );
}

const settles = () => new Promise(() => {}); // a sink that hangs, and does not heed its signal

describe("shipping a journal", () => {
  it("sends what is durable every few seconds, each byte once", async () => {
    const directory = temporaryDirectory();
    const sink = fakeSink();
    const { clock, record } = await shippingJournal(directory, { sinks: [sink] });
    await record(3);
    await clock.advance(5_000);
    expect(shippedFiles(sink)).toEqual(journalFiles(directory));
    await record(4);
    await clock.advance(4_000);
    expect(shippedFiles(sink)).not.toEqual(journalFiles(directory));
    await clock.advance(1_000);
    expect(shippedFiles(sink)).toEqual(journalFiles(directory));
    expect(new Set(sink.asked).size).toBe(sink.asked.length);
  });

  it("cuts what is long into objects of whole lines, and a line that is longer goes alone", async () => {
    const directory = temporaryDirectory();
    const sink = fakeSink();
    const { clock, record } = await shippingJournal(directory, { sinks: [sink], maxPartBytes: 100 });
    await record(5);
    await clock.advance(5_000);
    const lines = readFileSync(join(directory, "00000001.jsonl"), "utf8").split("\n").slice(0, -1);
    expect([...sink.objects.values()].map(String)).toEqual(lines.map((line) => `${line}\n`));
  });

  it("goes through segments that close meanwhile, and lets retention have them only then", async () => {
    const directory = temporaryDirectory();
    const fast = fakeSink("fast");
    const slow = fakeSink("slow");
    const following = { shippedThrough: () => 0 };
    const follower = shipping({ sinks: [fast, slow] });
    const { clock, record } = await shippingJournal(
      directory,
      { sinks: [fakeSink("other")] },
      {
        segmentBytes: 4096,
        followers: [{ start: (...all) => Object.assign(following, follower.start(...all)) as never }],
      },
    );
    slow.before = (object) => {
      if (object.file > "00000002.jsonl") throw new Error("down");
    };
    for (let i = 0; i < 6; i++) await record(8);
    await clock.advance(5_000);
    expect(shippedFiles(fast)).toEqual(journalFiles(directory));
    expect(journalFiles(directory).size).toBeGreaterThan(4);
    expect(following.shippedThrough()).toBe(2);
    slow.before = () => {};
    await clock.advance(60_000);
    expect(shippedFiles(slow)).toEqual(journalFiles(directory));
    expect(following.shippedThrough()).toBe(journalFiles(directory).size - 1);
  });

  it("ships checkpoints beside the segments, and one that is cosigned when the next file has begun", async () => {
    const directory = temporaryDirectory();
    const sink = fakeSink();
    const { clock, record } = await shippingJournal(directory, { sinks: [sink] });
    await record(1);
    const file = (segment: number) => join(directory, `0000000${segment}.checkpoints.jsonl`);
    writeFileSync(file(1), '{"note":"one"}\n{"note":"torn');
    await clock.advance(5_000);
    expect(shippedFiles(sink).get("00000001.checkpoints.jsonl")?.toString()).toBe('{"note":"one"}\n');
    writeFileSync(file(1), '{"note":"one"}\n{"note":"two"}\n');
    writeFileSync(file(3), '{"note":"three"}\n');
    await clock.advance(5_000);
    appendFileSync(file(1), '{"note":"two, cosigned"}\n');
    await clock.advance(5_000);
    const shipped = shippedFiles(sink);
    for (const name of ["00000001.checkpoints.jsonl", "00000003.checkpoints.jsonl"]) {
      expect(shipped.get(name)?.toString()).toBe(readFileSync(join(directory, name), "utf8"));
    }
  });

  it("ships what is left when the journal closes, and does not wait for a sink for ever", async () => {
    const directory = temporaryDirectory();
    const sink = fakeSink("good");
    const hung = fakeSink("hung");
    hung.before = settles;
    const { clock, journal, record } = await shippingJournal(directory, { sinks: [sink, hung] });
    await record(2);
    await clock.runUntil(journal.close(), { maxMs: 5_100 });
    expect(shippedFiles(sink)).toEqual(journalFiles(directory));
  });
});

describe("a sink that fails", () => {
  it("is asked for the same object again, with pauses that grow, and holds nobody up", async () => {
    const directory = temporaryDirectory();
    const bad = fakeSink("bad");
    const good = fakeSink("good");
    bad.before = () => {
      throw new Error("down");
    };
    const { clock, record } = await shippingJournal(directory, { sinks: [bad, good] });
    await record(1);
    await clock.advance(5_000);
    await record(3);
    await clock.advance(55_000);
    expect(shippedFiles(good)).toEqual(journalFiles(directory));
    expect(new Set(bad.asked).size).toBe(1);
    expect(bad.asked.length).toBeGreaterThan(4);
    expect(bad.asked.length).toBeLessThan(10);
    bad.before = () => {};
    await clock.advance(60_000);
    expect(shippedFiles(bad)).toEqual(journalFiles(directory));
  });

  it("is left alone for as long as it asks, up to ten minutes", async () => {
    const directory = temporaryDirectory();
    const sink = fakeSink();
    const askedAt: number[] = [];
    const { clock, record } = await shippingJournal(directory, { sinks: [sink] });
    sink.before = () => {
      askedAt.push(clock.monotonic());
      throw new GuardError("ERR_AUDIT_NOT_SHIPPED", "later", { requeueAfterMs: askedAt.length === 1 ? 90_000 : 1e9 });
    };
    await record(1);
    await clock.advance(1_000_000);
    expect(askedAt).toEqual([5_000, 95_000, 695_000]);
  });

  it("that hangs is given up after its time, asked again, and holds one object in memory however often", async () => {
    const directory = temporaryDirectory();
    const sink = fakeSink();
    const signals: AbortSignal[] = [];
    const held = new Set<Uint8Array>();
    sink.before = ({ bytes }, signal) => {
      signals.push(signal);
      held.add(bytes);
      return settles();
    };
    const { clock, record } = await shippingJournal(directory, { sinks: [sink], timeoutMs: 10_000 });
    await record(1);
    await clock.advance(600_000);
    expect(signals.length).toBeGreaterThan(5);
    expect(signals.slice(0, -1).every(({ aborted }) => aborted)).toBe(true);
    expect(held.size).toBe(1);
    sink.before = () => {};
    await clock.advance(120_000);
    expect(shippedFiles(sink)).toEqual(journalFiles(directory));
  });

  it("is named in a notice after some time, and once more when it has caught up", async () => {
    const directory = temporaryDirectory();
    const sink = fakeSink();
    sink.before = () => {
      throw Object.assign(new Error("secret message"), { code: "ECONNREFUSED" });
    };
    const { clock, record } = await shippingJournal(directory, { sinks: [sink], noticeAfterMs: 100_000 });
    await record(1);
    await clock.advance(90_000);
    expect(events(directory)).toEqual([]);
    await clock.advance(600_000);
    expect(events(directory)).toMatchObject([
      { event: "shipping-behind", details: { sink: "fake", reason: "ECONNREFUSED" } },
    ]);
    expect(events(directory)[0].details.seconds).toBeGreaterThanOrEqual(100);
    sink.before = () => {};
    await clock.advance(70_000);
    expect(events(directory).map(({ event }) => event)).toEqual(["shipping-behind", "shipping-caught-up"]);
  });

  it("that throws at once instead of rejecting is one that fails", async () => {
    const directory = temporaryDirectory();
    const sink = fakeSink();
    const put = sink.put;
    sink.put = () => {
      throw new Error("not even a promise");
    };
    const { clock, record } = await shippingJournal(directory, { sinks: [sink] });
    await record(1);
    await clock.advance(6_000);
    sink.put = put;
    await clock.advance(60_000);
    expect(shippedFiles(sink)).toEqual(journalFiles(directory));
  });
});

describe("the lag of a sink", () => {
  it("is shown in seconds and bytes while it is behind, and is nothing once it has caught up", async () => {
    const directory = temporaryDirectory();
    const sink = fakeSink();
    sink.before = () => {
      throw new Error("down");
    };
    const reader = new TestReader();
    const meterProvider = new MeterProvider({ readers: [reader] });
    const clock = simulatedClock();
    const { record } = await shippingJournal(
      directory,
      { sinks: [sink], noticeAfterMs: 86_400_000 },
      { clock, segmentBytes: 4096, telemetry: createTelemetry({ meterProvider }, () => clock.monotonic()) },
    );
    for (let i = 0; i < 3; i++) await record(8);
    await clock.advance(40_000);
    const bytes = [...journalFiles(directory).values()].reduce((sum, file) => sum + file.length, 0);
    expect(await gauges(reader)).toEqual({
      "audit.shipping.lag": [40, "fake"],
      "audit.shipping.unshipped": [bytes, "fake"],
    });
    sink.before = () => {};
    await clock.advance(120_000);
    expect(await gauges(reader)).toEqual({
      "audit.shipping.lag": [0, "fake"],
      "audit.shipping.unshipped": [0, "fake"],
    });
  });
});

describe("after a restart", () => {
  async function again(sink: FakeSink, tamper: (directory: string, segment: string) => void): Promise<string> {
    const directory = temporaryDirectory();
    const first = await shippingJournal(directory, { sinks: [sink] });
    await first.record(5);
    await first.clock.advance(5_000);
    await first.clock.runUntil(first.journal.close());
    tamper(directory, join(directory, "00000001.jsonl"));
    const second = await shippingJournal(directory, { sinks: [sink] }, { random: seededRandom(4) });
    await second.record(2);
    await second.clock.advance(9_000);
    return directory;
  }

  it("goes on where the sink is, without asking it", async () => {
    const sink = fakeSink();
    const directory = await again(sink, () => {});
    expect(shippedFiles(sink)).toEqual(journalFiles(directory));
    expect(new Set(sink.asked).size).toBe(sink.asked.length);
  });

  it("sends the very bytes again whose answer was lost, although more has been written since", async () => {
    const directory = temporaryDirectory();
    const sink = fakeSink();
    sink.after = settles;
    const first = await shippingJournal(directory, { sinks: [sink] });
    await first.record(2);
    await first.clock.advance(5_000);
    await first.record(2);
    first.journal.abandon();
    sink.after = () => {};
    const second = await shippingJournal(directory, { sinks: [sink] });
    await second.record(1);
    await second.clock.advance(5_000);
    expect(sink.asked[1]).toBe(sink.asked[0]);
    expect(shippedFiles(sink)).toEqual(journalFiles(directory));
  });

  it("starts again where its cursor is lost or half written, and sends the same bytes", async () => {
    const sink = fakeSink();
    const directory = await again(sink, (folder) => writeFileSync(join(folder, "shipping.fake.cursor"), "{}"));
    const whole = journalFiles(directory).get("00000001.jsonl") as Buffer;
    for (const [name, bytes] of sink.objects) {
      const [start, end] = name.split("/").at(-1)?.split("-").map(Number) ?? [];
      expect(bytes.equals(whole.subarray(start, end))).toBe(true);
    }
    expect(sink.asked.filter((name) => name.includes("/000000000000-"))).toHaveLength(2);
  });

  it("heeds the older of two cursors where the newer was torn", async () => {
    const sink = fakeSink();
    const directory = await again(sink, (folder) => {
      const path = join(folder, "shipping.fake.cursor");
      const bytes = readFileSync(path);
      const seen = [0, 512].map((start) => Number(/"n":(\d+)/.exec(bytes.toString("utf8", start, start + 512))?.[1]));
      bytes.fill("x", (seen[0] ?? 0) > (seen[1] ?? 0) ? 40 : 552, (seen[0] ?? 0) > (seen[1] ?? 0) ? 60 : 572);
      writeFileSync(path, bytes);
    });
    expect(shippedFiles(sink)).toEqual(journalFiles(directory));
    expect(sink.asked.length).toBe(new Set(sink.asked).size + 1); // the last object was sent once more
  });

  it("ships a new journal in the same directory from its beginning", async () => {
    const sink = fakeSink();
    const directory = await again(sink, (_folder, segment) => rmSync(segment));
    expect(new Set([...sink.objects.keys()].map((name) => name.split("/")[0])).size).toBe(2);
    const last = [...sink.objects].at(-1) as [string, Buffer];
    expect(readFileSync(join(directory, "00000001.jsonl")).subarray(-last[1].length).equals(last[1])).toBe(true);
  });

  it("stops, and says so, where the journal is no longer what was shipped of it", async () => {
    const sink = fakeSink();
    let shipped = 0;
    const directory = await again(sink, (_folder, segment) => {
      shipped = sink.asked.length;
      // What is left is a whole chain in itself.
      const lines = readFileSync(segment, "utf8").split("\n");
      truncateSync(segment, Buffer.byteLength(`${lines.slice(0, 3).join("\n")}\n`));
    });
    expect(sink.asked.length).toBe(shipped);
    expect(recordsOf(directory).filter(({ event }) => event === "shipping-diverged")).toMatchObject([
      { details: { sink: "fake", file: "00000001.jsonl", offset: expect.any(Number), reason: expect.any(String) } },
    ]);
  });

  it("says which segments are gone that a sink never got", async () => {
    const directory = temporaryDirectory();
    const sink = fakeSink();
    const clock = simulatedClock();
    const first = await shippingJournal(directory, { sinks: [sink] }, { clock, segmentBytes: 4096 });
    await first.record(1);
    await clock.advance(5_000);
    sink.before = () => {
      throw new Error("down");
    };
    for (let i = 0; i < 4; i++) await first.record(8);
    await clock.runUntil(first.journal.close());
    for (const segment of [1, 2]) rmSync(join(directory, `0000000${segment}.jsonl`));
    sink.before = () => {};
    const second = await shippingJournal(directory, { sinks: [sink] }, { clock });
    await clock.advance(5_000);
    await second.clock.advance(5_000);
    expect(events(directory)).toMatchObject([{ event: "shipping-gap", details: { sink: "fake", from: 1, to: 2 } }]);
    const files = journalFiles(directory);
    for (const [name, bytes] of shippedFiles(sink))
      if (name !== "00000001.jsonl") expect(bytes).toEqual(files.get(name));
  });
});

describe("options of shipping", () => {
  it.each([
    [{ sinks: [] }, "shipping.sinks"],
    [{ sinks: [fakeSink("a"), fakeSink("a")] }, "shipping.sinks"],
    [{ sinks: [fakeSink("../up")] }, "shipping.sinks[0].name"],
    [{ sinks: [{ name: "x" }] }, "shipping.sinks[0].put"],
    [{ sinks: [fakeSink()], intervalMs: 0 }, "shipping.intervalMs"],
    [{ sinks: [fakeSink()], often: true }, "shipping"],
  ])("are checked before anything is written: %#", (options, path) => {
    expect(() => shipping(options as never)).toThrow(path);
    expect(() => shipping(options as never)).toThrow(GuardError);
  });
});
