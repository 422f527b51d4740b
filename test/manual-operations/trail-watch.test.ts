import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { memoryState } from "provider-guard";
import type { SimulatedClock } from "provider-guard/testing";
import { describe, expect, it } from "vitest";
import {
  type Finding,
  freezeCluster,
  ndjsonReport,
  type TrailEvent,
  type TrailReport,
  type TrailWatchOptions,
  trailWatch,
} from "../../src/manual-operations/index.ts";
import { recentIds } from "../../src/manual-operations/recent-ids.ts";
import { cleanup, temporaryDirectory } from "../audit/support.ts";
import { acme } from "../support/acme.ts";
import { sharedState } from "../support/shared-state.ts";
import {
  alice,
  callRecords,
  type FakeTrailOptions,
  fakeTrail,
  journalOf,
  laterClock,
  minute,
  ours,
  roleArn,
  start,
  trailEvent,
} from "./support.ts";

interface Setup extends Partial<TrailWatchOptions> {
  readonly told?: TrailEvent[];
  readonly faults?: FakeTrailOptions;
}

/** A watch on an empty journal that began with the day, an hour later. */
async function watching({ told = [], faults = {}, ...more }: Setup = {}, clock: SimulatedClock = laterClock(1)) {
  const findings: Finding[] = [];
  const reports: TrailReport[] = [];
  const errors: unknown[] = [];
  const watch = trailWatch({
    ...{ journal: await journalOf([]), trail: fakeTrail(told, faults), principals: [roleArn], clock, startAt: start },
    onFinding: (finding) => void findings.push(finding),
    onReport: (report) => void reports.push(report),
    onError: (error) => void errors.push(error),
    ...more,
  });
  cleanup(() => watch.close());
  return { watch, clock, findings, reports, errors, told };
}

const stolen = (more: Partial<TrailEvent> = {}) => trailEvent({ principal: ours, requestIds: ["req-x"], ...more });

describe("watching a trail", () => {
  it("looks again and again, each span once it is delivered, and tells each finding once", async () => {
    const { clock, findings, reports, told, watch } = await watching({ told: [stolen()] });
    await clock.advance(0);
    expect(watch.judgedTo).toBe(start + 43 * minute);
    told.push(trailEvent({ at: start + 44 * minute, principal: alice }));
    await clock.advance(10 * minute);
    expect(findings.map((finding) => finding.class)).toEqual(["stolen-credential", "manual-api"]);
    expect(reports.map(({ from, to }) => (to - from) / minute)).toEqual([43, 5, 5]);
  });

  it("goes on where it was after a restart, and repeats nothing", async () => {
    const clock = laterClock(1);
    const state = memoryState({ clock });
    const told = [stolen()];
    const first = await watching({ told, state }, clock);
    await clock.advance(0);
    await first.watch.close();
    await clock.advance(5 * minute);
    const second = await watching({ told, state }, clock);
    await clock.advance(0);
    expect(second.reports[0]).toMatchObject({ from: start + 43 * minute, to: start + 48 * minute });
    const third = await watching({ told, state, startAt: start }, clock);
    await state.delete("manual-operations/default/progress");
    await clock.advance(0);
    expect([first, second, third].map(({ findings }) => findings.length)).toEqual([1, 0, 0]);
    expect(third.reports[0]?.counts["stolen-credential"]).toBe(1);
  });

  it("reads again what stays unknown, and gives it up after a day", async () => {
    const faults = { failure: new Error("down") };
    const { clock, reports, watch } = await watching({ faults });
    await clock.advance(5 * minute);
    expect(watch.judgedTo).toBe(start);
    expect(reports.map(({ status }) => status)).toEqual(["unknown", "unknown"]);
    await clock.advance(24 * 60 * minute);
    expect(watch.judgedTo).toBeGreaterThan(start);
    expect(watch.judgedTo).toBeLessThanOrEqual(clock.now() - 24 * 60 * minute);
  });

  it("tells a finding again whose hook failed, and the others meanwhile", async () => {
    let pager = false;
    const seen: string[] = [];
    const onFinding = async ({ class: kind }: Finding) => {
      if (kind === "stolen-credential" && !pager) throw new Error("the pager is down");
      seen.push(kind);
    };
    const told = [stolen(), trailEvent({ principal: alice })];
    const { guard, journal } = await acme();
    const { clock, errors, watch } = await watching({ told, onFinding, guard });
    await clock.advance(0);
    expect(watch.judgedTo).toBe(start);
    pager = true;
    await clock.advance(5 * minute);
    expect(journal.records).toHaveLength(2); // a notice each, however often the hook failed
    expect(seen).toEqual(["manual-api", "stolen-credential"]);
    expect(errors).toMatchObject([{ message: "the pager is down" }]);
    expect(watch.judgedTo).toBe(start + 48 * minute);
  });

  it("goes on without the store, and says so", async () => {
    const clock = laterClock(1);
    const line = sharedState(clock).line();
    const { findings, errors } = await watching({ told: [stolen()], state: line.state }, clock);
    await clock.advance(0);
    line.mode = "down";
    await clock.advance(5 * minute);
    expect(findings).toHaveLength(1);
    expect(errors).toHaveLength(0);
    const broken = sharedState(clock).line();
    const other = await watching({ told: [stolen()], state: broken.state }, clock);
    broken.mode = "down";
    await clock.advance(0);
    expect(other.watch.judgedTo).toBeUndefined(); // nobody knows where it was
    expect(other.errors).toHaveLength(1);
  });

  it("writes a notice for each finding into the guard's audit log, and no secret", async () => {
    const { guard, journal } = await acme();
    const told = [stolen({ userAgent: "token=hunter2" })];
    const { clock } = await watching({ told, guard });
    await clock.advance(10 * minute);
    const details = {
      class: "stolen-credential",
      cloud: "aws",
      service: "ec2",
      operation: "RunInstances",
      requestId: "req-x",
      principal: roleArn,
    };
    expect(journal.records).toMatchObject([{ type: "notice", event: "finding", details }]);
    expect(JSON.stringify(journal.records)).not.toContain("hunter2");
  });

  it("stops what a stolen credential could change: the cluster, else the account", async () => {
    const { guard } = await acme();
    const belongsTo = ({ resources }: TrailEvent) => (resources.includes("i-1") ? { cluster: "c-uid" } : undefined);
    const told = [stolen(), stolen({ resources: ["i-1"] }), trailEvent({ principal: alice })];
    const { clock } = await watching({ told, belongsTo, onFinding: freezeCluster(guard) });
    await clock.advance(0);
    const reason = expect.stringContaining(
      `stolen-credential: ec2 RunInstances by ${roleArn}, request req-x (finding aws/event-`,
    );
    expect(guard.frozen).toMatchObject([
      { scope: { account: "123456789012", cloud: "aws" }, by: "manual-operations", reason },
      { scope: { cluster: "c-uid" }, reason },
    ]);
  });

  it("is not told that all is well by an event of another time: what is silent stays unknown", async () => {
    const journal = await journalOf(callRecords({ at: start + 10 * minute, requests: ["req-1"] }));
    const told = [trailEvent({ at: start + 2 * minute, byService: "x" }), trailEvent({ at: Date.UTC(2099, 0) })];
    const { clock, reports, watch } = await watching({ journal, told });
    await clock.advance(0);
    const reason = "the trail is silent, the journal has 1 calls";
    expect(reports.at(-1)).toMatchObject({ status: "unknown", findings: [], unknown: [{ reason }] });
    expect(watch.judgedTo).toBe(start + 2 * minute);
  });

  it("counts findings, failures and what lags behind", async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter });
    const meterProvider = new MeterProvider({ readers: [reader] });
    cleanup(() => meterProvider.shutdown());
    const faults = { failure: new Error("down") };
    const { clock } = await watching({ told: [stolen()], faults, meterProvider });
    await clock.advance(10 * minute);
    await reader.forceFlush();
    const points = exporter
      .getMetrics()[0]
      ?.scopeMetrics[0]?.metrics.map(({ descriptor, dataPoints }) => [
        descriptor.name,
        dataPoints.map(({ value, attributes }) => [value, attributes]),
      ]);
    expect(points).toContainEqual([
      "provider_guard.trail.findings",
      [[1, { class: "stolen-credential", cloud: "aws" }]],
    ]);
    expect(points).toContainEqual(["provider_guard.trail.lag", [[53 * 60, { cloud: "aws" }]]]);
  });

  it("ends a look that hangs when it is closed, and looks no more", async () => {
    const { clock, watch, errors } = await watching({ told: [stolen()], onFinding: () => new Promise(() => {}) });
    await clock.advance(0);
    const closed = watch.close();
    await clock.advance(0);
    await closed;
    await clock.advance(60 * minute);
    expect(clock.pending).toBe(0);
    expect(errors).toEqual([]);
  });

  it.each([
    [{ intervalMs: 10 }, "trailWatch.intervalMs"],
    [{ name: "a b" }, "trailWatch.name"],
    [{ state: {} }, "trailWatch.state"],
    [{ from: 1 }, "trailWatch"],
  ])("refuses what cannot be meant: %#", async (more, path) => {
    await expect(watching(more as never)).rejects.toMatchObject({
      code: "ERR_CONFIG_INVALID",
      message: expect.stringContaining(path),
    });
  });
});

describe("the report of lines", () => {
  it("has one JSON object a line, whatever a trail put into it, for its owner alone", async () => {
    const path = join(temporaryDirectory(), "findings.ndjson");
    const out = ndjsonReport(path);
    const told = [stolen({ userAgent: 'a\n{"type":"report"}\u2028' })];
    const { clock } = await watching({ told, onFinding: out.finding, onReport: out.report });
    await clock.advance(0);
    const lines = readFileSync(path, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines).toMatchObject([
      { type: "finding", class: "stolen-credential", requestId: "req-x" },
      { type: "report", status: "findings", findings: 1, counts: { "stolen-credential": 1 } },
    ]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });
});

describe("a hundred thousand events", () => {
  it("pass through one by one, and only the journal's calls and the first findings stay", async () => {
    const journal = await journalOf(callRecords({ requests: ["req-1"] }));
    let ahead = 0;
    let most = 0;
    function* many(): Generator<TrailEvent> {
      for (let n = 0; n < 100_000; n++) {
        most = Math.max(most, ++ahead);
        yield trailEvent({ id: `many-${n}`, principal: alice, at: start + n });
        ahead--; // whoever asks for the next one is done with this one
      }
    }
    const onFinding = () => {};
    const { watch } = await watching({ journal, trail: fakeTrail(many()), onFinding });
    const report = await watch.check();
    expect(most).toBe(1);
    expect(report).toMatchObject({ events: 100_000, calls: 1, counts: { "manual-api": 100_000 } });
    expect(report?.findings).toHaveLength(1000);
  });

  it("are remembered by their ids, a hundred thousand at most", () => {
    const ids = recentIds();
    for (let n = 0; n < 500_000; n++) ids.again(`id-${n}`);
    expect(ids.size).toBeLessThanOrEqual(100_000);
    expect(ids.again("id-499999")).toBe(true);
    expect(ids.again("id-450001")).toBe(true);
  });
});
