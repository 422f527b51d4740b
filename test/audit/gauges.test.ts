import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { createGuard, fileJournal } from "provider-guard";
import { checkpoints, shipping, signer } from "provider-guard/audit";
import { seededRandom, simulatedClock } from "provider-guard/testing";
import { describe, expect, it } from "vitest";
import { newKey } from "./checkpoint/support.ts";
import { fakeSink, journalFiles } from "./shipping/support.ts";
import { cleanup, principal, temporaryDirectory } from "./support.ts";

function metrics() {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.DELTA);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const meterProvider = new MeterProvider({ readers: [reader] });
  cleanup(() => meterProvider.shutdown());
  /** Values of the gauges of the audit log's followers, with their labels. */
  async function read(): Promise<Record<string, unknown>> {
    await reader.forceFlush();
    const all =
      exporter
        .getMetrics()
        .at(-1)
        ?.scopeMetrics.flatMap((scope) => scope.metrics) ?? [];
    return Object.fromEntries(
      all.flatMap(({ descriptor: { name }, dataPoints: [point] }) =>
        /audit\.(checkpoint|shipping)/.test(name) && point !== undefined
          ? [[name.replace("provider_guard.audit.", ""), [point.value, ...Object.values(point.attributes)]]]
          : [],
      ),
    );
  }
  return { meterProvider, exporter, read };
}

describe("gauges of a guard's audit log", () => {
  it("show the newest checkpoint and what each sink has not, through the guard's own meter", async () => {
    const directory = temporaryDirectory();
    const clock = simulatedClock();
    const { meterProvider, exporter, read } = metrics();
    const sink = fakeSink("bucket");
    const local = newKey();
    let down = false;
    const key = signer({
      name: local.name,
      publicKey: local.publicKey,
      sign: (...of) => (down ? Promise.reject(new Error("down")) : local.sign(...of)),
    });
    const followers = [checkpoints({ key, everyMs: 60_000 }), shipping({ sinks: [sink], noticeAfterMs: 86_400_000 })];
    const guard = await createGuard({
      owner: principal,
      audit: fileJournal({ directory, followers }),
      clock,
      random: seededRandom(1),
      telemetry: { meterProvider },
    });
    await clock.advance(25_000);
    const origin = expect.stringContaining(`${local.name}/`);
    expect(await read()).toEqual({
      "checkpoint.age": [25, origin],
      "checkpoint.size": [2, origin],
      "shipping.lag": [0, "bucket"],
      "shipping.unshipped": [0, "bucket"],
    });

    down = true;
    sink.before = () => {
      throw new Error("down");
    };
    await guard.freeze({ reason: "test", by: "me" }); // a line to sign and to ship
    await clock.advance(100_000);
    const shipped = [...sink.objects.keys()].filter((name) => name.includes("/00000001.jsonl/")).sort();
    const has = Number(shipped.at(-1)?.split("-").at(-1));
    const size = (journalFiles(directory).get("00000001.jsonl") as Buffer).length;
    expect(size).toBeGreaterThan(has);
    expect(await read()).toEqual({
      "checkpoint.age": [125, origin],
      "checkpoint.size": [2, origin],
      "shipping.lag": [100, "bucket"],
      "shipping.unshipped": [size - has, "bucket"],
    });

    down = false;
    sink.before = () => {};
    await clock.advance(150_000);
    const after = await read();
    expect((after["checkpoint.age"] as [number])[0]).toBeLessThan(60);
    expect((after["checkpoint.size"] as [number])[0]).toBeGreaterThan(3);
    expect(after).toMatchObject({ "shipping.lag": [0, "bucket"], "shipping.unshipped": [0, "bucket"] });

    await clock.runUntil(guard.close());
    exporter.reset();
    expect(await read()).toEqual({});
  });

  it("are none without telemetry", async () => {
    const clock = simulatedClock();
    const { meterProvider, read } = metrics();
    const open = (telemetry: false | { meterProvider: MeterProvider }) =>
      createGuard({
        owner: principal,
        audit: fileJournal({ directory: temporaryDirectory(), followers: [checkpoints({ key: newKey() })] }),
        clock,
        telemetry,
      });
    const silent = await open(false);
    expect(await read()).toEqual({});
    const telling = await open({ meterProvider });
    expect(Object.keys(await read())).toEqual(["checkpoint.age", "checkpoint.size"]);
    await Promise.all([clock.runUntil(silent.close()), telling.close()]);
  });
});
