import { readFileSync } from "node:fs";
import fc from "fast-check";
import type { AuditRecord } from "provider-guard";
import { type OcsfApiActivity, type OcsfOptions, toOcsf } from "provider-guard/audit";
import { describe, expect, it } from "vitest";
import { serialize } from "../../../src/audit/serialize.ts";
import { verifyJournal } from "../../../src/audit/verify.ts";
import { intent, linesOf, openJournal, outcome, read, temporaryDirectory } from "../support.ts";
import { problemsOf } from "./published-schema.ts";

const prev = "B".repeat(43);
let seq = 0;
const line = (record: AuditRecord) => serialize(record).replace("{", `{"seq":${seq++},"prev":"${prev}",`);
const header = `{"seq":0,"prev":"${prev}","type":"header","version":1,"chain":"ch1","segment":1,"createdAt":1,"principal":{"managementCluster":"mc","provider":"p"}}`;

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

async function events(records: readonly (AuditRecord | string)[], options?: OcsfOptions): Promise<OcsfApiActivity[]> {
  const lines = records.map((record) => (typeof record === "string" ? record : line(record)));
  const made = await all(toOcsf(lines, options));
  for (const event of made) expect(problemsOf(JSON.parse(JSON.stringify(event)))).toEqual([]);
  return made;
}

const one = async (...records: (AuditRecord | string)[]): Promise<OcsfApiActivity> => {
  const made = await events(records);
  expect(made).toHaveLength(1);
  return made[0] as OcsfApiActivity;
};

const refusal = (call: string): AuditRecord => {
  const { target, operation, kind, owner } = intent(call);
  const decisions = [{ phase: "freeze", by: "freeze", verdict: "refuse", code: "ERR_FREEZE_ACTIVE" }] as const;
  return { type: "refusal", call, at: 5, target, operation, kind, owner, code: "ERR_FREEZE_ACTIVE", decisions };
};

describe("OCSF events of a journal", () => {
  it("join intent and outcome of a call", async () => {
    const event = await one(
      header,
      intent("c1", { at: 1_000, token: "c1", resourceType: "instance" }),
      outcome("c1", {
        at: 1_250,
        ms: 250,
        resources: ["i-1"],
        attempts: [{ n: 1, requestId: "r1", status: 200, result: "ok", ms: 200 }],
      }),
    );
    expect(event).toMatchObject({
      class_uid: 6003,
      activity_id: 1,
      type_uid: 600301,
      severity_id: 1,
      status_id: 1,
      status_detail: "ok",
      time: 1_000,
      start_time: 1_000,
      end_time: 1_250,
      duration: 250,
      message: "EC2.RunInstances: ok",
      metadata: { version: "1.8.0", uid: "c1", profiles: ["cloud"], product: { name: "provider-guard" } },
      actor: { app_name: "infrastructure-acme", app_uid: "mc-uid", user: { type_id: 4 } },
      api: {
        operation: "RunInstances",
        service: { name: "EC2" },
        request: { uid: "c1", data: { ImageId: "ami-1" } },
        response: { code: 200 },
      },
      src_endpoint: { svc_name: "infrastructure-acme", uid: "mc-uid" },
      cloud: { provider: "AWS", region: "eu-west-1", account: { uid: "1" } },
      resources: [
        { uid: "i-1", type: "instance", role_id: 3 },
        { uid: "c-uid", name: "prod-ü", namespace: "default", type: "Cluster", role_id: 4 },
      ],
      unmapped: { chain: "ch1", prev, token: "c1", attempts: [{ requestId: "r1" }], outcome: { prev } },
    });
  });

  it.each([
    ["create", 1],
    ["update", 3],
    ["delete", 4],
  ] as const)("say of a %s that it is activity %d", async (kind, id) => {
    const event = await one(intent("c1", { kind }), outcome("c1"));
    expect(event).toMatchObject({ activity_id: id, type_uid: 600_300 + id });
  });

  it.each([
    ["ok", 1, 1],
    ["failed", 2, 2],
    ["not-sent", 2, 2],
    ["unknown", 0, 3],
  ] as const)("say of a call that ended %s status %d and severity %d", async (result, status_id, severity_id) => {
    const event = await one(intent("c1"), outcome("c1", { result, error: "Code" }));
    expect(event).toMatchObject({ status_id, severity_id, status_code: "Code", api: { response: { error: "Code" } } });
  });

  it("name the person of a manual operation as the user, and why", async () => {
    const manual = { operator: "ada", reason: "stuck", ticket: "CHG-1" };
    const event = await one(intent("c1", { manual }), outcome("c1"));
    expect(event.actor).toMatchObject({ app_name: "infrastructure-acme", user: { name: "ada", type_id: 1 } });
    expect(event.unmapped).toMatchObject({ manual: { reason: "stuck", ticket: "CHG-1" } });
  });

  it("tell reads and refusals, which are one record each", async () => {
    const [reading, refused] = await events([{ ...read("c1"), at: 1_000, ms: 40 }, refusal("c2")]);
    expect(reading).toMatchObject({ activity_id: 2, time: 960, end_time: 1_000, duration: 40, status_id: 1 });
    expect(refused).toMatchObject({ status_id: 2, severity_id: 3, status_code: "ERR_FREEZE_ACTIVE", activity_id: 1 });
    expect(refused?.unmapped).toHaveProperty("decisions");
  });

  it("show calls whose outcome is missing as Unknown, at the end", async () => {
    const made = await events([intent("c1"), intent("c2"), outcome("c2")]);
    expect(made.map(({ metadata, status_id }) => [metadata.uid, status_id])).toEqual([
      ["c2", 1],
      ["c1", 0],
    ]);
    expect(made[1]).not.toHaveProperty("end_time");
  });

  it("keep no more intents in memory than they are told to", async () => {
    const made = await events([intent("c1"), intent("c2"), intent("c3"), outcome("c1"), outcome("c3")], { maxOpen: 2 });
    expect(made.map(({ metadata, status_id, api }) => [metadata.uid, status_id, api.operation])).toEqual([
      ["c1", 0, "RunInstances"],
      ["c1", 1, "unknown"],
      ["c3", 1, "RunInstances"],
      ["c2", 0, "RunInstances"],
    ]);
  });

  it("leave out what is not known rather than make it up", async () => {
    const target = { cloud: "acme", service: "vm", account: "default", region: "default" };
    const event = await one(intent("c1", { target }), outcome("c1", { ms: -40 }));
    expect(event.cloud).toEqual({ provider: "acme" });
    expect(event.duration).toBe(0);
    expect(event.unmapped).not.toHaveProperty("chain");
  });

  it("pass over the journal's own records, and tell of lines that are none", async () => {
    const skipped: string[] = [];
    const notice = { type: "notice", at: 1, event: "opened" } as const;
    const later = `{"seq":1,"prev":"${prev}","type":"witness"}`;
    expect(await events([header, notice, later, "broken"], { onSkipped: (reason) => skipped.push(reason) })).toEqual(
      [],
    );
    expect(skipped).toEqual(["unknown type witness", "line: not JSON"]);
  });

  it("carry the hash that the verifier computes", async () => {
    const directory = temporaryDirectory();
    const journal = await openJournal(directory);
    await journal.append(intent("c1"));
    await journal.close();
    const { head } = await verifyJournal({ directory });
    const lines = linesOf(directory);
    const [event] = await all(toOcsf(lines));
    const next = lines.findIndex((text) => text.includes('"type":"intent"')) + 1;
    const hash = next < lines.length ? JSON.parse(lines[next] as string).prev : head?.hash;
    expect(event?.unmapped).toMatchObject({ seq: next - 1, hash });
  });

  it("fit the published schema whatever a journal holds", async () => {
    const text = fc.string({ minLength: 1, maxLength: 12 });
    const results = fc.constantFrom("ok", "failed", "unknown", "not-sent") as fc.Arbitrary<"ok">;
    const record = fc.record({
      call: text,
      at: fc.double({ min: 0, max: 1e15, noNaN: true }),
      ms: fc.double({ min: -1e9, max: 1e9, noNaN: true }),
      status: fc.option(fc.integer({ min: 100, max: 599 }), { nil: undefined }),
      result: results,
      cloud: text,
      region: text,
      resources: fc.option(fc.array(text, { maxLength: 3 }), { nil: undefined }),
      operator: fc.option(text, { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 8 }), async (made) => {
        await events(
          made.flatMap(({ call, at, ms, status, result, cloud, region, resources, operator }) => [
            intent(call, {
              at,
              target: { cloud, service: "s", account: "a", region },
              resources,
              ...(operator === undefined ? {} : { manual: { operator, reason: "r" } }),
            }),
            outcome(call, { at: at + 1, ms, result, attempts: [{ n: 1, status, result: "ok", ms: 1 }], resources }),
          ]),
        );
      }),
      { numRuns: 200 },
    );
  });
});

describe("the check against the published schema", () => {
  const fixture = JSON.parse(readFileSync(new URL("ocsf-1.8.0.json", import.meta.url), "utf8"));
  const whole = () => one(intent("c1"), outcome("c1"));

  it("says where its facts are from", () => {
    expect(fixture.source).toContain("v1.8.0");
    expect(fixture.read).toMatch(/^\d{4}-\d\d-\d\d$/);
    expect(fixture.types.api_activity.required).toEqual([
      ...["activity_id", "actor", "api", "category_uid", "class_uid", "cloud", "metadata", "severity_id"],
      ...["src_endpoint", "time", "type_uid"],
    ]);
  });

  it.each([
    ["actor", undefined, "missing"],
    ["actor", {}, "none of"],
    ["src_endpoint", {}, "none of"],
    ["cloud", {}, "provider: missing"],
    ["api", { operation: "x", request: {} }, "uid: missing"],
    ["metadata", { version: "1.8.0" }, "product: missing"],
    ["severity_id", 7, "not in the enum"],
    ["activity_id", 5, "not in the enum"],
    ["time", 1.5, "expected long_t"],
    ["status_code", 7, "expected string_t"],
    ["colour", "red", "no such attribute"],
    ["resources", { uid: "x" }, "expected resource_details[]"],
    ["resources", [{ type: "x" }], "none of"],
  ])("finds %s = %j wrong", async (name, value, problem) => {
    expect(problemsOf({ ...(await whole()), [name]: value }).join()).toContain(problem);
  });
});
