import { appendFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type AuditRecord, fileJournal } from "../../src/index.ts";
import {
  type Finding,
  type Judgement,
  type ReconcileTrailOptions,
  reconcileTrail,
  type Trail,
  trailExitCode,
} from "../../src/manual-operations/index.ts";
import { recordsOf, segmentPath, temporaryDirectory } from "../audit/support.ts";
import { acme, subject } from "../support/acme.ts";
import {
  alice,
  callId,
  callRecords,
  fakeTrail,
  journalOf,
  laterClock,
  minute,
  ours,
  roleArn,
  start,
  trailEvent,
} from "./support.ts";

/** Compares these records with this trail, over the first hour of the day. */
async function compare(records: readonly AuditRecord[], trail: Trail, more: Partial<ReconcileTrailOptions> = {}) {
  const classes: string[] = [];
  const onJudged = (judgement: Judgement) => void classes.push(judgement.class);
  const options = { principals: [roleArn], from: start, to: start + 60 * minute, clock: laterClock(), onJudged };
  const report = await reconcileTrail({ journal: await journalOf(records), trail, ...options, ...more });
  return { report, classes, exitCode: trailExitCode(report) };
}

describe("reconciling a trail with the journal", () => {
  it("joins every attempt's request id: retries are ours, too", async () => {
    const records = callRecords({ requests: ["req-1", "req-2", "req-3"] });
    const told = ["req-1", "req-3", "req-2"].map((id) => trailEvent({ requestIds: [id], principal: ours }));
    const { report, classes, exitCode } = await compare(records, fakeTrail(told));
    expect(classes).toEqual(["own-retry", "own", "own-retry"]);
    expect(report).toMatchObject({ status: "in-sync", unknown: [], findings: [], calls: 1 });
    expect(exitCode).toBe(0);
  });

  it("joins the call's id where no request id was seen, once a lost request", async () => {
    const call = callId();
    const records = callRecords({ call, requests: [undefined] });
    const marked = () => trailEvent({ intent: call, requestIds: ["req-unseen"], principal: ours });
    const { classes } = await compare(records, fakeTrail([marked(), marked()]));
    expect(classes).toEqual(["own", "stolen-credential"]);
  });

  it.each([false, true])(
    "gives a lost request to the earlier event, in whatever order they come (reversed: %s)",
    async (reversed) => {
      const records = callRecords({ requests: [undefined] });
      const events = [500, 700].map((ms) => trailEvent({ id: `after-${ms}`, at: start + ms, principal: ours }));
      const told: string[][] = [];
      const onJudged = (judged: Judgement) => void told.push([judged.event?.id ?? "", judged.class]);
      await compare(records, fakeTrail(reversed ? events.reverse() : events), { onJudged });
      expect(told.sort()).toEqual([
        ["after-500", "own-unmatched"],
        ["after-700", "stolen-credential"],
      ]);
    },
  );

  it.each([
    ["another operation", { operation: "TerminateInstances" }],
    ["hours later", { at: start + 40 * minute }],
    ["another account", { account: "999999999999" }],
    ["another region", { region: "us-east-1" }],
  ])("believes no copied call id: %s", async (_, more) => {
    const call = callId();
    const told = trailEvent({ intent: call, requestIds: ["x"], principal: ours, ...more });
    const { report } = await compare(callRecords({ call, requests: [undefined] }), fakeTrail([told]));
    expect(report.findings).toMatchObject([{ class: "stolen-credential", call }]);
  });

  it("believes no copied call id whose requests are all known", async () => {
    const call = callId();
    const records = callRecords({ call, requests: ["req-1"] });
    const told = [
      trailEvent({ requestIds: ["req-1"] }),
      trailEvent({ requestIds: ["x"], intent: call, principal: ours }),
    ];
    expect((await compare(records, fakeTrail(told))).classes).toEqual(["own", "stolen-credential"]);
  });

  it("joins a lost request by operation, resource and time, and no second one", async () => {
    const intent = { operation: "TerminateInstances", kind: "delete", input: { InstanceIds: ["i-1"] } } as const;
    const records = callRecords({ requests: [undefined], intent });
    const told = (resource: string) =>
      trailEvent({ operation: "TerminateInstances", requestIds: ["x"], resources: [resource], principal: ours });
    const { classes } = await compare(records, fakeTrail([told("i-2"), told("i-1"), told("i-1")]));
    expect(classes).toEqual(["stolen-credential", "own-unmatched", "stolen-credential"]);
  });

  it("joins what a killed process left without an outcome", async () => {
    const told = trailEvent({ requestIds: ["x"], principal: ours, at: start + 10 * minute });
    expect((await compare(callRecords({ outcome: false }), fakeTrail([told]))).classes).toEqual(["own-unmatched"]);
    const many = Array.from({ length: 8 }, () => trailEvent({ requestIds: ["x"], principal: ours }));
    const { counts } = (await compare(callRecords({ outcome: false }), fakeTrail(many))).report;
    expect([counts["own-unmatched"], counts["stolen-credential"]]).toEqual([5, 3]);
    const late = trailEvent({ requestIds: ["x"], principal: ours, at: start + 20 * minute });
    expect((await compare(callRecords({ outcome: false }), fakeTrail([late]))).classes).toEqual(["stolen-credential"]);
  });

  it("knows people, services and other controllers by identity", async () => {
    const told = [
      trailEvent({ principal: alice }),
      trailEvent({ principal: alice, console: true }),
      trailEvent({ principal: ours, console: true }),
      trailEvent({ principal: ours, byService: "autoscaling.amazonaws.com" }),
      trailEvent({ principal: alice, resources: ["managed"] }),
      trailEvent({}),
    ];
    const belongsTo = ({ resources }: { resources: readonly string[] }) =>
      resources.includes("managed") ? { managedBy: "other-tool" } : { cluster: "c-uid" };
    const { classes, report, exitCode } = await compare([], fakeTrail(told), { belongsTo });
    const thief = "stolen-credential";
    expect(classes).toEqual([
      "manual-api",
      "manual-console",
      thief,
      "cloud-service",
      "externally-managed",
      "manual-api",
    ]);
    expect(report.findings.map(({ cluster }) => cluster)).toEqual(["c-uid", "c-uid", "c-uid", "c-uid"]);
    expect(exitCode).toBe(1);
  });

  it("never takes our own credential for somebody else's controller", async () => {
    const belongsTo = () => ({ managedBy: "other-tool" });
    const { classes } = await compare([], fakeTrail([trailEvent({ principal: ours })]), { belongsTo });
    expect(classes).toEqual(["stolen-credential"]);
  });

  it("names what guard.manual did as ours, with who did it", async () => {
    const manual = { operator: "alice", reason: "stuck", ticket: "CHG-1" };
    const records = callRecords({ requests: ["req-1"], intent: { manual } });
    const judged: Judgement[] = [];
    const onJudged = (judgement: Judgement) => void judged.push(judgement);
    await compare(records, fakeTrail([trailEvent({ requestIds: ["req-1"] })]), { onJudged });
    expect(judged).toMatchObject([{ class: "own", call: { manual } }]);
  });

  it("joins what a guard itself has recorded, by the id that its requests carry", async () => {
    const directory = temporaryDirectory();
    const clock = laterClock(0);
    const { guard, client } = await acme({ audit: fileJournal({ directory }), clock });
    const { cluster } = subject("a");
    const manual = { operator: "alice", reason: "stuck", ticket: "CHG-1" };
    await guard.manual({ ...manual, cluster }, () => client.deleteServer({ id: "srv-1" }));
    await guard.close();
    const [intent] = recordsOf(directory).filter(({ type }) => type === "intent");
    const told = (more: object) =>
      trailEvent({
        cloud: "acme",
        operation: "deleteServer",
        intent: intent.call,
        principal: ours,
        at: start,
        ...more,
      });
    const judged: Judgement[] = [];
    await compare(
      [],
      { ...fakeTrail([told({}), told({})]), cloud: "acme" },
      {
        journal: { directory },
        onJudged: (judgement) => void judged.push(judgement),
      },
    );
    expect(judged).toMatchObject([
      { class: "own", call: { manual, owner: { cluster } } },
      { class: "stolen-credential" },
    ]);
  });

  it("tells an event that comes twice once, and leaves reads out unless they are asked for", async () => {
    const twice = trailEvent({ principal: alice });
    const read = trailEvent({ principal: alice, readOnly: true });
    expect((await compare([], fakeTrail([twice, read, twice]))).classes).toEqual(["manual-api"]);
    expect((await compare([], fakeTrail([twice, read, twice]), { reads: true })).classes).toHaveLength(2);
  });

  it("judges only what concerns you, and what happened in the span", async () => {
    const told = [
      trailEvent({ service: "lambda" }),
      trailEvent({ at: start - 1 }),
      trailEvent({ at: start + 60 * minute }),
      trailEvent({ at: start }),
    ];
    const concerns = ({ service }: { service: string }) => service === "ec2";
    expect((await compare([], fakeTrail(told), { concerns })).classes).toEqual(["manual-api"]);
  });

  it("names changes that the trail does not show", async () => {
    const records = [...callRecords({ requests: ["req-1"] }), ...callRecords({ requests: ["req-2"] })];
    const later = trailEvent({ at: start + 30 * minute, byService: "autoscaling" });
    const told = () => fakeTrail([trailEvent({ requestIds: ["req-1"] }), later]);
    const early = await compare(records, told());
    const late = "the trail does not show 1 calls of the journal; it may be late";
    expect(early.report).toMatchObject({ status: "unknown", findings: [], unknown: [{ reason: late }] });
    const { report } = await compare(records, told(), { clock: laterClock(8) });
    expect(report.findings).toMatchObject([
      { class: "missing-in-trail", requestId: "req-2", operation: "RunInstances", cluster: "c-uid" },
    ]);
    const shows = () => false;
    const relaxed = await compare(records, told(), { shows });
    expect(relaxed.report.status).toBe("in-sync");
  });

  it("misses nothing in a trail that is of another region", async () => {
    const trail = { ...fakeTrail([trailEvent({ principal: alice })]), region: "us-east-1" };
    const { report } = await compare(callRecords({ requests: ["req-1"] }), trail);
    expect(report.counts["missing-in-trail"]).toBe(0);
  });
});

describe("what nobody knows", () => {
  const told = () => [trailEvent({ requestIds: ["req-1"] })];
  const records = () => callRecords({ requests: ["req-1"] });

  it.each([
    ["the trail fails", { failure: new TypeError("secret in a message") }, "the trail could not be read (TypeError)"],
    ["records are malformed", { malformed: 2 }, "2 records of the trail could not be understood"],
    ["a part could not be read", { gap: "a file is broken" }, "a file is broken"],
    ["delivery lags", { deliveredTo: start + 30 * minute }, "nothing shows that the trail has been delivered"],
  ])("is unknown, never in sync: %s", async (_, faults, reason) => {
    const { report, exitCode } = await compare(records(), fakeTrail(told(), faults));
    expect(report).toMatchObject({ status: "unknown", unknown: [{ reason }], findings: [] });
    expect(exitCode).toBe(3);
  });

  it("is everything where the trail is empty and the journal is not", async () => {
    const { report } = await compare(records(), fakeTrail([]));
    expect(report).toMatchObject({ status: "unknown", findings: [] });
    expect((await compare([], fakeTrail([]))).report.status).toBe("in-sync");
  });

  it("is what has not been delivered yet: nothing of it is judged", async () => {
    const late = trailEvent({ at: start + 50 * minute, principal: alice });
    const { report, classes } = await compare([], fakeTrail([late]), { clock: laterClock(1) });
    expect(classes).toEqual([]);
    expect(report).toMatchObject({ status: "unknown", to: start + 43 * minute });
    expect(report.unknown).toEqual([
      { from: start + 43 * minute, to: start + 60 * minute, reason: "not delivered yet" },
    ]);
  });

  it("is not what the trail shows nevertheless: findings win", async () => {
    const trail = fakeTrail([trailEvent({ principal: alice })], { failure: new Error("gone") });
    expect((await compare([], trail)).exitCode).toBe(1);
  });

  it("is a journal that was tampered with", async () => {
    const journal = await journalOf(records());
    const path = segmentPath(journal.directory);
    writeFileSync(path, readFileSync(path, "utf8").replace('"RunInstances"', '"RunInstancez"'));
    const { report } = await compare([], fakeTrail(told()), { journal });
    expect(report.status).not.toBe("in-sync");
    expect(report.unknown[0]?.reason).toContain("does not verify");
  });

  it("is not a journal whose writer died in the middle of a line", async () => {
    const journal = await journalOf(records());
    appendFileSync(segmentPath(journal.directory), '{"seq":3,"prev":"');
    expect((await compare([], fakeTrail(told()), { journal })).report.status).toBe("in-sync");
  });

  it("is what happened before the oldest segment that is left: nothing of it is judged", async () => {
    const all = Array.from({ length: 40 }, (_, n) =>
      callRecords({ at: start + n * minute, requests: [`req-${n}`], intent: { input: { text: "x".repeat(200_000) } } }),
    );
    const journal = await journalOf(all.flat(), { segmentBytes: 1024 * 1024 });
    rmSync(segmentPath(journal.directory));
    const told = all.map((_, n) => trailEvent({ at: start + n * minute, requestIds: [`req-${n}`], principal: ours }));
    const { report, classes } = await compare([], fakeTrail(told), { journal });
    expect(report).toMatchObject({ status: "unknown", findings: [], calls: classes.length });
    expect(report.unknown).toEqual([{ from: start, to: report.from, reason: "older than what is left of a journal" }]);
    expect(classes.length).toBe(Math.floor((start + 40 * minute - report.from) / minute));
    expect(classes.length).toBeLessThan(40);
  });

  it("is a directory without a journal: a wrong path makes nobody a thief", async () => {
    const directory = temporaryDirectory();
    const { report } = await compare([], fakeTrail([]), { journal: { directory } });
    expect(report.unknown).toMatchObject([{ reason: "a directory holds no journal" }]);
    const gone = compare([], fakeTrail([]), { journal: { directory: `${directory}/missing` } });
    await expect(gone).rejects.toMatchObject({ code: "ERR_AUDIT_UNAVAILABLE" });
  });

  it("is what more calls than memory may hold leave over", async () => {
    const all = [0, 10, 20].flatMap((n) => callRecords({ at: start + n * minute, requests: [`req-${n}`] }));
    const events = [0, 10, 20].map((n) => trailEvent({ at: start + n * minute, requestIds: [`req-${n}`] }));
    const { report } = await compare(all, fakeTrail(events), { maxCalls: 2 });
    expect(report).toMatchObject({ status: "unknown", calls: 2, to: start + 18 * minute - 1, counts: { own: 2 } });
  });
});

describe("what a caller may do wrong", () => {
  it.each([
    [{ principals: [] }, "reconcileTrail.principals"],
    [{ to: start }, "reconcileTrail.to"],
    [{ journal: {} }, "reconcileTrail.journal.directory"],
    [{ trail: {} }, "reconcileTrail.trail"],
    [{ maxCalls: 0 }, "reconcileTrail.maxCalls"],
    [{ unknown: 1 }, "reconcileTrail"],
  ])("is refused by its path: %#", async (more, path) => {
    await expect(compare([], fakeTrail([]), more as never)).rejects.toMatchObject({
      code: "ERR_CONFIG_INVALID",
      message: expect.stringContaining(path),
    });
  });

  it("ends with the signal's reason, and with what a callback throws", async () => {
    const controller = new AbortController();
    const stop = () => controller.abort(new Error("enough"));
    const trail = fakeTrail([trailEvent({ principal: alice }), trailEvent({ principal: alice })]);
    const aborted = compare([], trail, { onFinding: stop, signal: controller.signal });
    await expect(aborted).rejects.toThrow("enough");
    const failing = (_: Finding) => Promise.reject(new Error("the pager is down"));
    await expect(compare([], trail, { onFinding: failing })).rejects.toThrow("the pager is down");
  });
});
