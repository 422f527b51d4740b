import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import type { IntentRecord } from "../../src/index.ts";
import {
  azureActivity,
  type Chunks,
  gcpAudit,
  openStackRequests,
  reconcileTrail,
  type Trail,
  type TrailEvent,
} from "../../src/manual-operations/index.ts";
import { cleanup } from "../audit/support.ts";
import { callId, callRecords, journalOf, laterClock, minute, start } from "./support.ts";

const span = { from: start, to: start + 60 * minute };
const late = () => span.to + 60 * minute;

async function readAll(trail: Trail) {
  const reading = trail.read(span);
  const events: TrailEvent[] = [];
  for await (const event of reading) events.push(event);
  return { reading, events };
}

/** Which classes the trail's events are of, with calls of the given request ids in the journal. */
async function classesOf(
  trail: Trail,
  principals: readonly string[],
  requests: readonly string[],
  more: Partial<IntentRecord> = {},
) {
  const target = { cloud: trail.cloud, service: "compute", account: "default", region: "default" };
  const journal = await journalOf(callRecords({ requests, intent: { target, ...more } }));
  const classes: string[] = [];
  const onJudged = ({ class: kind }: { class: string }) => void classes.push(kind);
  const report = await reconcileTrail({ journal, trail, principals, ...span, clock: laterClock(), onJudged });
  return { classes, report };
}

/** Judges one event of each class. The journal has `req-1` and `req-2` of one call, `call` lost its answer, and so did an update. */
async function oneOfEach(
  trail: Trail,
  principals: readonly string[],
  call: string,
  operations: readonly [string, string],
) {
  const target = { cloud: trail.cloud, service: "compute", account: "default", region: "default" };
  const [operation, update] = operations;
  const journal = await journalOf([
    ...callRecords({ requests: ["req-1", "req-2"], intent: { target, operation } }),
    ...callRecords({ call, requests: [undefined], intent: { target, operation } }),
    ...callRecords({
      requests: [undefined],
      intent: { target, operation: update, kind: "update", input: { id: "vm-9" } },
    }),
  ]);
  const classes: string[] = [];
  const onJudged = ({ event, class: kind }: { event: TrailEvent; class: string }) =>
    void classes.push(`${kind} ${event.resources[0]?.split("/").at(-1)}`);
  const belongsTo = ({ resources }: TrailEvent) =>
    resources.some((id) => id.endsWith("theirs")) ? { managedBy: "x" } : {};
  await reconcileTrail({ journal, trail, principals, ...span, clock: laterClock(), onJudged, belongsTo });
  return classes.sort();
}

// The format of the Azure Monitor REST API's sample answer, with ids of the test's own.
const client = "25c47d0f-1f2e-4d9b-8a5e-0a1b2c3d4e5f";
let operations = 0;
function activity(more: Record<string, unknown> = {}, claims: Record<string, unknown> = { appid: client }) {
  const id = `1e121103-0ba6-4300-ac9d-${String(++operations).padStart(12, "0")}`;
  return {
    authorization: {
      action: "Microsoft.Compute/virtualMachines/write",
      role: "Contributor",
      scope: "/subscriptions/s",
    },
    caller: "9778283b-b94c-4ac6-8a41-d5b493d03aa3",
    channels: "Operation",
    claims: { aud: "https://management.core.windows.net/", ...claims },
    correlationId: id,
    eventDataId: `event-${id}`,
    eventTimestamp: "2026-01-01T00:00:01.1234567Z",
    category: { value: "Administrative", localizedValue: "Administrative" },
    httpRequest: { clientRequestId: `c-${id}`, clientIpAddress: "192.0.2.1", method: "PUT" },
    operationId: id,
    operationName: { value: "Microsoft.Compute/virtualMachines/write", localizedValue: "Create or Update VM" },
    resourceId: "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm-1",
    status: { value: "Succeeded", localizedValue: "Succeeded" },
    subscriptionId: "089bd33f-d4ec-47fe-8ba5-0753aa5c5b33",
    ...more,
  };
}
const person = {
  appid: "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
  "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn": "alice@example.com",
};

describe("Azure's activity log", () => {
  const subscriptionId = "089bd33f-d4ec-47fe-8ba5-0753aa5c5b33";
  const trailOf = (...pages: unknown[]) => {
    const asked: string[] = [];
    const page = async (url: string) => {
      asked.push(url);
      return pages[asked.length - 1];
    };
    return { asked, trail: azureActivity({ subscriptionId, page, clock: laterClock() }) };
  };

  it("is followed page by page: own, manual in both ways, stolen", async () => {
    const mine = activity();
    const begun = { ...mine, eventDataId: "begin", status: { value: "Started" } };
    const fromPortal = activity({}, { ...person, appid: "c44b4083-3bb0-49c1-b47d-974e53cbdf3c" });
    const nextLink = "https://management.azure.com/next?token=1";
    const { trail, asked } = trailOf(
      { value: [mine, begun, activity({ category: { value: "ServiceHealth" } })], nextLink },
      { value: [activity({}, person), fromPortal, activity()] },
    );
    const { classes, report } = await classesOf(trail, [client], [mine.correlationId]);
    expect(classes).toEqual(["own", "manual-api", "manual-console", "stolen-credential"]);
    expect(report).toMatchObject({ unknown: [], malformed: 0 });
    expect(decodeURIComponent(asked[0] ?? "")).toContain("eventTimestamp ge '2025-12-31T23:58:00.000Z'");
    expect(asked[1]).toBe(nextLink);
  });

  it("has one event of each class that it can tell", async () => {
    const call = callId();
    const of = (resource: string, more: object = {}, claims?: Record<string, unknown>) =>
      activity({ resourceId: `/subscriptions/s/virtualMachines/${resource}`, ...more }, claims);
    const value = [
      of("own", { correlationId: "req-2" }),
      of("retry", { correlationId: "req-1", status: { value: "Failed" } }),
      of("marked", { correlationId: call }),
      of("vm-9", { operationName: { value: "Microsoft.Compute/virtualMachines/restart/action" } }),
      of("vm-8", { operationName: { value: "Microsoft.Compute/virtualMachines/restart/action" } }),
      of("theirs", {}, person),
      of("portal", {}, { ...person, appid: "c44b4083-3bb0-49c1-b47d-974e53cbdf3c" }),
      of("shell", {}, person),
    ];
    const names = [
      "Microsoft.Compute/virtualMachines/write",
      "Microsoft.Compute/virtualMachines/restart/action",
    ] as const;
    expect(await oneOfEach(trailOf({ value }).trail, [client], call, names)).toEqual([
      "externally-managed theirs",
      "manual-api shell",
      "manual-console portal",
      "own marked",
      "own own",
      "own-retry retry",
      "own-unmatched vm-9",
      "stolen-credential vm-8",
    ]);
  });

  it("is joined by a call's id in the correlation id", async () => {
    const call = callId();
    const target = { cloud: "azure", service: "compute", account: "default", region: "default" };
    const operation = "Microsoft.Compute/virtualMachines/write";
    const journal = await journalOf(callRecords({ call, requests: [undefined], intent: { target, operation } }));
    const { trail } = trailOf({ value: [activity({ correlationId: call })] });
    const report = await reconcileTrail({ journal, trail, principals: [client], ...span, clock: laterClock() });
    expect(report.counts.own).toBe(1);
  });

  it.each([
    ["a link to elsewhere", { value: [], nextLink: "https://evil.example/next" }],
    ["no page", { error: { code: "AuthorizationFailed" } }],
    ["nothing", undefined],
  ])("makes the span unknown where it cannot be followed: %s", async (_, page) => {
    const { trail, asked } = trailOf(page, { value: [activity()] });
    const { classes, report } = await classesOf(trail, [client], []);
    expect(asked).toHaveLength(1);
    expect(classes).toEqual([]);
    expect(report).toMatchObject({ status: "unknown", unknown: [{ reason: "the trail could not be read (Error)" }] });
  });

  it("counts what is no event", async () => {
    const { reading } = await readAll(trailOf({ value: [null, {}, activity({ eventTimestamp: "?" })] }).trail);
    expect(reading.malformed).toBe(3);
  });
});

// The format of Cloud Logging's LogEntry with an AuditLog payload.
const account = "acme-controller@acme.iam.gserviceaccount.com";
let inserts = 0;
function entry(payload: Record<string, unknown> = {}, more: Record<string, unknown> = {}) {
  return {
    insertId: `-ins${++inserts}`,
    logName: "projects/acme/logs/cloudaudit.googleapis.com%2Factivity",
    timestamp: "2026-01-01T00:00:01.123456789Z",
    resource: { type: "gce_instance", labels: { project_id: "acme", zone: "europe-west1-b", instance_id: "1" } },
    protoPayload: {
      "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
      serviceName: "compute.googleapis.com",
      methodName: "v1.compute.instances.insert",
      resourceName: "projects/acme/zones/europe-west1-b/instances/vm-1",
      authenticationInfo: { principalEmail: account },
      requestMetadata: { callerIp: "192.0.2.1", callerSuppliedUserAgent: "google-api-nodejs-client/8" },
      ...payload,
    },
    ...more,
  };
}
const by = (principalEmail: string, agent = "gcloud/500") => ({
  authenticationInfo: { principalEmail },
  requestMetadata: { callerIp: "192.0.2.2", callerSuppliedUserAgent: agent },
});

describe("Google Cloud's audit logs", () => {
  it("are own, manual in both ways, Google's own, or stolen", async () => {
    const long = { operation: { id: "operation-1", producer: "compute.googleapis.com" } };
    const first = entry({}, { operation: { ...long.operation, first: true } });
    const last = entry({ status: { code: 9 } }, { operation: { ...long.operation, last: true } });
    const entries = () => [
      last,
      JSON.stringify(first),
      entry(by("alice@example.com")),
      entry(by("alice@example.com", "Mozilla/5.0 (X11; Linux x86_64) Chrome/140,gzip(gfe)")),
      entry(by("service-12345@container-engine-robot.iam.gserviceaccount.com")),
      entry(),
    ];
    const { classes, report } = await classesOf(gcpAudit({ entries, deliveredTo: late }), [account], ["operation-1"]);
    expect(classes.sort()).toEqual(["cloud-service", "manual-api", "manual-console", "own", "stolen-credential"]);
    expect(report.unknown).toEqual([]);
  });

  it("have one event of each class", async () => {
    const call = callId();
    const of = (resource: string, payload: object = {}, more: Record<string, unknown> = {}) =>
      entry({ resourceName: `projects/acme/instances/${resource}`, ...payload }, more);
    const update = { methodName: "v1.compute.instances.reset" };
    const requestAttributes = { reason: `provider-guard-intent=${call}` };
    const entries = () => [
      of("own", {}, { operation: { id: "req-2" } }),
      of("retry", { status: { code: 14 } }, { operation: { id: "req-1" } }),
      of("marked", { requestMetadata: { requestAttributes } }),
      of("vm-9", update),
      of("vm-8", update),
      of("google", by("service-12345@container-engine-robot.iam.gserviceaccount.com")),
      of("theirs", by("alice@example.com")),
      of("browser", by("alice@example.com", "Mozilla/5.0 Chrome/140")),
      of("shell", by("alice@example.com")),
    ];
    const names = ["v1.compute.instances.insert", "compute.instances.reset"] as const;
    expect(await oneOfEach(gcpAudit({ entries, deliveredTo: late }), [account], call, names)).toEqual([
      "cloud-service google",
      "externally-managed theirs",
      "manual-api shell",
      "manual-console browser",
      "own marked",
      "own own",
      "own-retry retry",
      "own-unmatched vm-9",
      "stolen-credential vm-8",
    ]);
  });

  it("tell a long operation once, with how it ended, whichever entry comes first", async () => {
    const first = entry({}, { operation: { id: "op", first: true } });
    const last = entry(
      { status: { code: 9 } },
      { operation: { id: "op", last: true }, timestamp: "2026-01-01T00:09:00Z" },
    );
    for (const entries of [
      [first, last],
      [last, first],
    ]) {
      const { events } = await readAll(gcpAudit({ entries: () => entries }));
      expect(events).toMatchObject([{ id: first.insertId, at: start + 1123, error: "9" }]);
    }
    const { events } = await readAll(gcpAudit({ entries: () => [last] }));
    expect(events).toEqual([]); // its beginning was in a span before
  });

  it("are joined by a call's id in the request's reason", async () => {
    const call = callId();
    const requestAttributes = { reason: `provider-guard-intent=${call}` };
    const { events } = await readAll(gcpAudit({ entries: () => [entry({ requestMetadata: { requestAttributes } })] }));
    expect(events).toMatchObject([{ intent: call }]);
  });

  it("count lines that are no entry", async () => {
    const lines = ["{", "[]", "", '{"insertId":7}', JSON.stringify({ ...entry(), protoPayload: undefined })];
    const { reading, events } = await readAll(gcpAudit({ entries: () => lines }));
    expect([reading.malformed, events.length]).toEqual([3, 0]);
  });
});

const req = (n: number) => `req-0855d7c6-109c-4084-b064-${String(n).padStart(12, "0")}`;
const [user, stranger, project] = [
  "34f3cf48b24f41c097555c07961f139e",
  "74eca40dedea4492b67f51284692a31d",
  "7a8df96a3c6a47118e60e57aa9ecff54",
];
const nova = (id: string, who: string, what = "POST /v2.1/servers") =>
  `2026-01-01 00:00:01.782 3681 INFO nova.api.openstack.requestlog [${id} ${who} ${project} - default default] 10.20.0.30 "${what}" status: 202 len: 2972 microversion: 2.40 time: 0.228534`;
const neutron = (ids: string) =>
  `Jan 01 00:00:02 ctl neutron-server[7]: 2026-01-01 00:00:02.100 7 INFO neutron.wsgi [${ids} ${user} ${project} - - default default] 10.0.0.1,10.0.0.2 "POST /v2.0/ports HTTP/1.1" status: 201  len: 1010 time: 0.5`;
const cadf = (initiator: Record<string, unknown>, more: Record<string, unknown> = {}) => ({
  event_type: "identity.user.created",
  message_id: "0156ee79-b35f-4cef-ac37-d4a85f231c69",
  publisher_id: "identity.host1234",
  timestamp: "2026-01-01 00:00:03.960280",
  payload: {
    typeURI: "http://schemas.dmtf.org/cloud/audit/1.0/event",
    id: "f5352d7b-bee6-5c22-8213-450e7b646e9f",
    eventType: "activity",
    eventTime: "2026-01-01T00:00:03.960280+0000",
    action: "created.user",
    outcome: "success",
    initiator: { typeURI: "service/security/account/user", project_id: project, ...initiator },
    target: { typeURI: "data/security/account/user", id: "671da331c47d4e29bb6ea1d270154ec3" },
    observer: { typeURI: "service/security", id: "openstack:3d4a50a9-2b59-438b-bf19-c231f9c7625a" },
    ...more,
  },
});

describe("OpenStack's requests", () => {
  const lines = [
    nova(req(1), user),
    neutron(`${req(1)} ${req(2)}`), // nova's own request on behalf of the first
    nova(req(3), stranger),
    nova(req(4), user, "DELETE /v2.1/servers/f0ff2826-3f25-476c-9566-856bf782b1d3"),
    nova(req(5), user, "GET /v2.1/servers/detail"),
    JSON.stringify(
      cadf({ user_id: stranger, request_id: req(6), host: { agent: "openstack_dashboard/1", address: "10.0.0.9" } }),
    ),
    JSON.stringify({
      "oslo.message": JSON.stringify(cadf({ user_id: user, request_id: req(7) }, { id: "seven" })),
      "oslo.version": "2.0",
    }),
    "2026-01-01 00:00:01.782 3681 DEBUG nova.compute.manager [-] Running periodic task",
  ].join("\n");
  const expected = ["own", "own", "manual-api", "stolen-credential", "manual-console", "stolen-credential"];

  it("are read from a file's bytes, wherever they are split", async () => {
    const bytes = Buffer.from(lines);
    const source = () =>
      Array.from({ length: Math.ceil(bytes.length / 7) }, (_, n) => bytes.subarray(n * 7, n * 7 + 7));
    const { classes, report } = await classesOf(openStackRequests({ source, deliveredTo: late }), [user], [req(1)]);
    expect(classes).toEqual(expected);
    expect(report).toMatchObject({ malformed: 0, unknown: [] });
    expect(report.findings[1]).toMatchObject({
      operation: "DELETE /v2.1/servers/{id}",
      resources: ["f0ff2826-3f25-476c-9566-856bf782b1d3"],
      account: project,
      requestId: req(4),
    });
  });

  it("are read from an HTTP answer", async () => {
    const server = createServer((_, response) => response.end(lines)).listen(0, "127.0.0.1");
    await once(server, "listening");
    cleanup(() => new Promise((resolve) => server.close(resolve)));
    const { port } = server.address() as AddressInfo;
    const source = async () => (await fetch(`http://127.0.0.1:${port}/`)).body as unknown as Chunks;
    const { classes } = await classesOf(openStackRequests({ source, deliveredTo: late }), [user], [req(1)]);
    expect(classes).toEqual(expected);
  });

  it.each([
    ["JSON that is cut", '{"event_type":'],
    ["JSON of something else", '{"a":1}'],
    ["a CADF event without a time", JSON.stringify(cadf({}, { eventTime: "?" }))],
    ["a line without an end", "x".repeat(3 * 1024 * 1024)],
    ["a request without a time", nova(req(1), user).replace("2026", "20x6")],
    ["a request without a status", nova(req(1), user).replace(/ status.*/, "")],
    ["a request whose path ends the line", nova(req(1), user, "PUT /v2.1/servers/1/tags/a\n")],
  ])("are counted where they cannot be read: %s", async (_, line) => {
    const { reading, events } = await readAll(
      openStackRequests({ source: () => [`${line}\n${nova(req(1), user)}\n`] }),
    );
    expect([reading.malformed, events.length]).toEqual([1, 1]);
  });

  it("pass over lines that look almost like requests", async () => {
    const almost = [
      nova("req-x", user),
      ` ${"a".repeat(50_000)} [`,
      ` nova [${req(1)} a b] ${"1,".repeat(20_000)} "GET`,
      " a".repeat(20_000),
    ].join("\n");
    const { reading, events } = await readAll(openStackRequests({ source: () => [almost] }));
    expect([reading.malformed, events.length]).toEqual([0, 0]);
  });
});
