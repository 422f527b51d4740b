import { adapterConformance, type ConformanceSubject, type SubjectOperation } from "provider-guard/testing";
import { afterEach, describe, expect, test } from "vitest";
import type { Adapter } from "../../src/core/adapter.ts";
import { type Bug, bugs, Courier, courierAdapter, type Input, resetCouriers } from "./courier.ts";

function operation(
  name: string,
  input: Input,
  more: Partial<SubjectOperation<Courier>> = {},
): SubjectOperation<Courier> {
  return {
    operation: name,
    service: "courier",
    resourceType: "parcel",
    input: ({ tags, token }) => ({
      ...input,
      ...(tags && { labels: { ...tags } }),
      ...(token && { requestToken: token }),
    }),
    invoke: (client, given, signal) => client.send(name, given, signal),
    ...more,
  };
}

const seen = [{ id: "parcel-1", tags: { colour: "red" } }];

const subjectFor = (adapter: () => Adapter<Courier>): ConformanceSubject<Courier> => ({
  name: "courier",
  adapter,
  makeClient: (wire) => new Courier(wire),
  operations: {
    read: operation("ListParcels", {}, { seen }),
    create: operation("SendParcel", { password: "hunter2", motd: "kit-secret-motd" } as Input, {
      secrets: ["hunter2", "kit-secret-motd"],
      seen,
    }),
    update: operation("MoveParcel", { id: "parcel-1" }, { targets: ["parcel-1"] }),
    delete: operation("DropParcel", { id: "parcel-1" }, { targets: ["parcel-1"] }),
  },
  foreign: [{}, [], new Map(), () => {}, { send() {} }],
  attemptsWhenThrottled: 2,
  readable: { id: "parcel-1", tags: { colour: "red" } },
  credentials: [
    { value: "key-a", name: "key-a" },
    { value: "key-b", name: "key-b" },
  ],
});

afterEach(resetCouriers);

describe("adapter conformance kit", () => {
  const good = adapterConformance(subjectFor(() => courierAdapter()));

  for (const { title, skip, run } of good) test.skipIf(skip)(title, run);

  test("skips nothing of what an adapter offers, and says why it skips the rest", () => {
    expect(good.filter(({ skip }) => skip !== undefined).map(({ title, skip }) => [title, skip])).toEqual([
      ["courier: resources can be listed for the collector", "the adapter offers no inventory"],
    ]);
    expect(new Set(good.map(({ title }) => title)).size).toBe(good.length);
  });

  test("a subject's own reason comes before the kit's", () => {
    const lacks = { "retry-after": "couriers never say when to come back", inventory: "later" };
    const cases = adapterConformance({ ...subjectFor(() => courierAdapter()), lacks });
    expect(cases.flatMap(({ skip = [] }) => skip).sort()).toEqual(["couriers never say when to come back", "later"]);
  });

  test("an adapter without tags or limits is checked for everything else", async () => {
    const { tags: _tags, limits: _limits, ...plain } = courierAdapter();
    const cases = adapterConformance(subjectFor(() => plain));
    const skipped = cases.filter(({ skip }) => skip !== undefined);
    expect(skipped.length).toBeGreaterThan(8);
    for (const { skip, run } of cases) if (skip === undefined) await run();
  });

  test.each(bugs)("fails an adapter that has the bug: %s", async (bug: Bug) => {
    const failures: string[] = [];
    for (const { title, skip, run } of adapterConformance(subjectFor(() => courierAdapter(bug)))) {
      if (skip !== undefined) continue;
      await run().catch((error: Error) => failures.push(`${title}: ${error.message}`));
      resetCouriers();
    }
    expect(failures).not.toEqual([]);
  });
});
