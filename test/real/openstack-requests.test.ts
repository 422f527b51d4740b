import { type Judgement, openStackRequests, reconcileTrail, type TrailReport } from "provider-guard/manual-operations";
import { afterAll, beforeAll, expect, it } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { type Story, tellStory } from "./openstack/story.ts";
import { describeWithOpenStack, type OpenStack, startOpenStack } from "./openstack.ts";

/** An hour later everything has been delivered. */
const later = () => systemClock.now() + 3_600_000;

describeWithOpenStack("OpenStack's own trail, compared with the journal", (versions) => {
  let cloud: OpenStack;
  let story: Story;
  let judged: readonly Judgement[];
  let report: TrailReport;

  beforeAll(async () => {
    cloud = await startOpenStack(versions);
    story = await tellStory(cloud);
    ({ judged, report } = await compared(["keystone", "nova", "glance", "neutron"], () => true));
  }, 600_000);
  afterAll(async () => {
    await story?.run.clean();
    await cloud?.stop();
  });

  async function compared(services: readonly Parameters<OpenStack["log"]>[0][], kept: (line: string) => boolean) {
    const lines = services.flatMap((service) => cloud.log(service).split("\n")).filter(kept);
    const events: Judgement[] = [];
    const result = await reconcileTrail({
      journal: { directory: story.run.directory },
      trail: openStackRequests({ source: () => [lines.join("\n")], deliveredTo: later, services: ["nova", "neutron"] }),
      principals: [story.providerId],
      from: story.beganAt,
      to: story.endedAt,
      clock: { ...systemClock, now: later },
      shows: ({ operation }) => services.length > 1 || /Server$|Metadata$/.test(operation),
      onJudged: (judgement) => void events.push(judgement),
    });
    return { judged: events, report: result };
  }

  it("knows each call of the guard by the request id of its answer", () => {
    const calls = story.records.flatMap((record) => (record.type === "outcome" ? [record] : []));
    const statuses = calls.map(({ attempts }) => attempts.map(({ status }) => status));
    expect(statuses).toEqual([[202], [201], [201], [201], [403], [404], [401, 200], [204]]);
    const ids = calls.flatMap(({ attempts }) => attempts.map(({ requestId }) => requestId));
    expect(new Set(ids).size).toBe(9);
    for (const { call, attempts } of calls) {
      const last = attempts.at(-1)?.requestId as string;
      const found = judged.filter(({ event }) => event.requestIds[0] === last);
      expect(found).toMatchObject([{ class: "own", call: { call } }]);
    }
  });

  it("knows what nova asks of neutron on the guard's behalf", () => {
    const asked = judged.filter(({ event, class: kind }) => kind === "own" && event.service === "neutron");
    const operations = asked.map(({ event, call }) => `${call?.operation}: ${event.operation}`);
    expect(operations.sort()).toEqual([
      "CreateSecurityGroup: create /v2.0/security-groups",
      "CreateServer: create /v2.0/ports",
      "CreateServer: update /v2.0/ports/{id}",
      "DeleteServer: delete /v2.0/ports/{id}",
    ]);
  });

  it("finds the server that Alice made by hand, and the thief, and nothing else", () => {
    const { byHand, stolen, providerId } = story;
    const [theft, ...manual] = report.findings;
    expect(theft).toMatchObject({ class: "stolen-credential", requestId: stolen, principal: { id: providerId } });
    expect(theft?.operation).toMatch(/ \/v2\.1\/servers\/\{id\}\/metadata$/);
    const alices = { class: "manual-api", principal: { name: "alice" } };
    expect(manual).toMatchObject([
      { ...alices, requestId: byHand.requestId, operation: "create /v2.1/servers", userAgent: "openstackclient" },
      { ...alices, operation: "create /v2.0/ports" }, // nova asks for it with her token
    ]);
    expect(manual[0]?.at).toBeGreaterThanOrEqual(byHand.from - 1);
    expect(manual[0]?.at).toBeLessThanOrEqual(byHand.to + 1);
    expect(report).toMatchObject({ status: "findings", unknown: [], malformed: 0 });
    expect(report.counts).toMatchObject({ "manual-api": 2, "stolen-credential": 1, "missing-in-trail": 0 });
    expect(report.counts).toMatchObject({ "own-retry": 0, "own-unmatched": 0, "cloud-service": 1 });
  });

  it("comes to the same from the request lines of nova's log alone, without names", async () => {
    const { report: fromLog } = await compared(["nova"], (line) => !line.includes("oslo.messaging"));
    expect(fromLog.findings).toMatchObject([
      { class: "stolen-credential", requestId: story.stolen },
      { class: "manual-api", requestId: story.byHand.requestId, operation: "POST /v2.1/servers" },
    ]);
    expect(fromLog.findings).toHaveLength(2);
    expect(fromLog).toMatchObject({ unknown: [], malformed: 0 });
    expect(fromLog.counts.own).toBe(5);
  });
});
