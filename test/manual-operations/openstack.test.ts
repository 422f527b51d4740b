import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { simulatedClock } from "provider-guard/testing";
import { describe, expect, it } from "vitest";
import { type OpenStackRequestsOptions, openStackRequests, reconcileTrail } from "../../src/manual-operations/index.ts";
import { callRecords, journalOf, minute } from "./support.ts";

/**
 * Lines of OpenStack Zed's own logs, as Debian 12 has it, with notifications by the log driver: a
 * provider makes a server and more, somebody else with its credential sets metadata, and Alice makes a
 * server. What no reader looks at was cut out.
 */
const zed = readFileSync(fileURLToPath(new URL("openstack-zed.txt", import.meta.url)), "utf8")
  .trim()
  .split("\n");
const provider = "9899b3eb31794f5499377def190a04a6";
const alice = "0df678d299f94a8f87f88d0ab98b90af";

/** As the answers named the provider's own requests. */
const answered = {
  createServer: "req-86005c6a-596a-408d-87a7-e1b70d423672",
  createImage: "req-f7af7256-c219-4d80-8a1b-67b304e0a2db",
  createCredential: "req-8c3243fc-2c69-43da-ac0a-3a91b562673a",
  overQuota: "req-6123475a-78fb-412f-acde-cd468a2d9856",
};
const from = Date.UTC(2026, 10, 23, 13, 34);
const to = from + 2 * minute;
const clock = simulatedClock({ startAt: to + 60 * minute });

async function judged(lines: readonly string[], options: Partial<OpenStackRequestsOptions> = {}) {
  const target = { cloud: "openstack", service: "compute", account: "default", region: "default" };
  const records = Object.values(answered).map((requestId, index) =>
    callRecords({ at: from + index, requests: [requestId], intent: { at: from + index, target } }),
  );
  const journal = await journalOf(records.flat());
  const trail = openStackRequests({ source: () => [lines.join("\n")], deliveredTo: () => clock.now(), ...options });
  const classes: string[] = [];
  const report = await reconcileTrail({
    ...{ journal, trail, principals: [provider], from, to, clock },
    onJudged: ({ class: kind, event }) => void classes.push(`${kind} ${event.service} ${event.operation}`),
  });
  return { classes, report };
}

async function events(lines: readonly string[]) {
  const found = [];
  for await (const event of openStackRequests({ source: () => [lines.join("\n")] }).read({ from, to }))
    found.push(event);
  return found;
}

const logged = zed.filter((line) => !line.includes("oslo.messaging"));
const notified = zed.filter((line) => line.includes("oslo.messaging"));
/** As they are on the queue. */
const queued = notified.map((line) => line.slice(line.indexOf("] {") + 2));

describe("OpenStack Zed's own lines", () => {
  const expected = [
    "own nova create /v2.1/servers",
    "own neutron create /v2.0/ports",
    "own neutron update /v2.0/ports/{id}",
    "own glance create /v2/images",
    "own identity created.application_credential",
    "own nova create /v2.1/servers",
    "stolen-credential nova create /v2.1/servers/{id}/metadata",
    "manual-api nova create /v2.1/servers",
  ];

  it.each([
    ["notifications and request lines in the same files", zed],
    ["notifications alone", notified],
    ["lines that went to standard error", zed.map((line) => `${line}\u001b[00m`)],
  ])("tell each request once, by the id of its answer: %s", async (_, lines) => {
    const { classes, report } = await judged(lines);
    expect(classes).toEqual(expected);
    expect(report).toMatchObject({ unknown: [], malformed: 0 });
    expect(report.findings).toMatchObject([
      { principal: { id: provider, name: "provider" }, userAgent: "node", account: "966b6b9d2fac4abf8ada31f153b4fc5b" },
      {
        ...{ principal: { id: alice, name: "alice" }, userAgent: "openstackclient", sourceIp: "127.0.0.1" },
        ...{ at: Date.UTC(2026, 10, 23, 13, 34, 40, 110), requestId: "req-9fce7e29-b63c-4540-8681-7b2255b6eb7a" },
      },
    ]);
  });

  it("tell of nova and glance in their logs, too, but not whose request neutron serves", async () => {
    const { classes, report } = await judged(logged, { services: ["af2d0b321fdb4228879cd059e85fda43"] });
    expect(classes).toEqual([
      "own nova POST /v2.1/servers",
      "stolen-credential neutron POST /v2.0/ports", // nova's, with the provider's token: the log has lost nova's id
      "cloud-service neutron PUT /v2.0/ports/{id}",
      "own openstack POST /v2/images",
      "own nova POST /v2.1/servers",
      "stolen-credential nova POST /v2.1/servers/{id}/metadata",
      "manual-api nova POST /v2.1/servers",
    ]);
    expect(report.malformed).toBe(0);
  });

  it("are the same on the queue, where glance's have no request id", async () => {
    const { classes } = await judged(queued);
    const glance = "own glance create /v2/images";
    expect(classes).toEqual(
      expected.map((each) => (each === glance ? each.replace("own", "stolen-credential") : each)),
    );
  });

  it("say nothing of who was refused with 401: nova writes an earlier request's id and user there", async () => {
    const refused = logged.filter((line) => line.includes("status: 401"));
    expect(refused).toHaveLength(1);
    expect((await judged(refused)).classes).toEqual([]);
  });

  it("tell how a request ended, and of one that was never answered", async () => {
    const overQuota = notified.filter((line) => line.includes(answered.overQuota));
    expect(overQuota).toHaveLength(2);
    expect(await events(overQuota)).toMatchObject([{ error: "403", requestIds: [answered.overQuota] }]);
    expect(await events(overQuota.slice(0, 1))).toMatchObject([{ error: undefined, requestIds: [answered.overQuota] }]);
  });

  // Nova logs paths decoded, and whoever sets a tag chooses a part of one.
  const tagging = (tag: string, more = "") =>
    `2026-11-23 13:59:18.841 17617 INFO nova.api.openstack.requestlog [None req-580ca835-2b1e-4329-ab26-e2c783428074 ${alice} 0b644a41ec3247c38a6fe136baed02f6 - - default default] 127.0.0.1 "PUT /v2.1/servers/4555f09f-6ac7-4c07-ba08-4691fc0736ef/tags/${tag}" status: 201 len: 0 microversion: 2.90 time: 0.025441${more}`;

  it.each(['q" status: 200 x', 'q" status: 401 len: 0 microversion: - time: 0.1', "q HTTP/1.1", "req-x [y] {z"])(
    "are not taken in by a path that says %s",
    async (tag) => {
      expect(await events([tagging(tag)])).toMatchObject([{ error: undefined, principal: { id: alice } }]);
    },
  );

  it("count a request whose path ends its line", async () => {
    const { report } = await judged([tagging('a"\nb [x')]);
    expect(report).toMatchObject({ malformed: 1, counts: { "manual-api": 0 } });
  });

  it("tell each request to glance, which logs under whatever id the client gives it", async () => {
    const line = logged.find((each) => each.includes("eventlet")) as string;
    const remove = (image: string) => line.replace("POST /v2/images", `DELETE /v2/images/${image}`);
    const images = ["6f9fa17a-1824-4c33-adaa-d3af8a519e7b", "7c3d744f-87ed-45d7-a6f3-063348351012"];
    expect((await judged([...notified, ...images.map(remove)])).classes).toHaveLength(expected.length + images.length);
  });
});
