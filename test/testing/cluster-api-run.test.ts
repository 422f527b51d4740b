import { describe, expect, test } from "vitest";
import { UsageError } from "../../examples/quickstart/options.ts";
import { check } from "../../scripts/cluster-api-run/checks.ts";
import type { Facts } from "../../scripts/cluster-api-run/facts.ts";
import { readOptions } from "../../scripts/cluster-api-run/options.ts";
import { summary } from "../../scripts/cluster-api-run/summary.ts";
import { until } from "../../scripts/cluster-api-run/wait.ts";

const audit = { status: "ok", records: 9, unfinished: 0, head: { seq: 8, hash: "h" } } as const;

const facts: Facts = {
  clusters: 2,
  workers: 1,
  phases: [{ name: "A phase", seconds: 1.5, machines: { Running: 2 }, withNode: 2, instances: { running: 2 } }],
  crash: { instances: 2, unrecorded: ["i-1"], intended: ["i-1"], openIntents: 1, audit },
  adopted: ["i-1"],
  electedAfterSeconds: 15,
  deleted: { instances: ["i-2"], noOthers: true },
  exit: 0,
  joined: ["uid-1", "uid-2"],
  instances: { "uid-1": ["i-1"], "uid-2": ["i-2"] },
  answered: { "uid-2": ["i-2"], "uid-1": ["i-1"] },
  calls: { RunInstances: { 200: 1, lost: 1 } },
  throttled: 0,
  unaudited: [],
  audit: { ...audit, refusals: {}, waitedForLimit: 0 },
  left: { objects: { Cluster: 0, Machine: 0 }, instances: 0, securityGroups: 0 },
  errors: {},
};

const failed = (change: Partial<Facts>, kept = false) =>
  check({ ...facts, ...change }, kept)
    .filter(({ held }) => !held)
    .map(({ name }) => name);

describe("checks of the run under Cluster API", () => {
  test("hold where all is well", () => {
    expect(failed({})).toEqual([]);
  });

  test.each<[string, Partial<Facts>]>([
    [
      "the kill left instances that no object named",
      { crash: { ...facts.crash, unrecorded: [], intended: [] }, adopted: [] },
    ],
    ["the killed process had recorded its intent to make each of them", { crash: { ...facts.crash, intended: [] } }],
    ["each of them was adopted", { adopted: [] }],
    ["every Machine with a Node has its instance", { joined: ["uid-1", "uid-3"] }],
    [
      "no Machine has two instances",
      {
        instances: { "uid-1": ["i-1", "i-3"], "uid-2": ["i-2"] },
        answered: { "uid-1": ["i-1", "i-3"], "uid-2": ["i-2"] },
      },
    ],
    ["the proxy saw the same instances made", { answered: { "uid-1": ["i-1"] } }],
    ["every change that reached the cloud has its intent in the audit log", { unaudited: ["call"] }],
    [
      "the audit log verifies, what the killed process had written included",
      { audit: { ...facts.audit, status: "tampered" } },
    ],
    ["the deleted cluster's instances went, and no others", { deleted: { instances: ["i-2"], noOthers: false } }],
    ["nothing is left on the cloud", { left: { ...facts.left, securityGroups: 1 } }],
    ["nothing is left on the API server", { left: { ...facts.left, objects: { Machine: 1 } } }],
    ["the provider stopped in order", { exit: "SIGKILL" }],
  ])("%s: or this one fails, and no other", (name, change) => {
    expect(failed(change)).toEqual([name]);
    expect(summary({ ...facts, ...change }, check({ ...facts, ...change }, false))).toContain(`FAILED  ${name}\n`);
  });

  test("what is left counts for nothing where it was to be left", () => {
    expect(failed({ left: { ...facts.left, instances: 4 }, exit: undefined }, true)).toEqual([]);
  });
});

describe("the run's command line", () => {
  test.each([
    [["--foo"], "--foo"],
    [["surplus"], "surplus"],
    [["--clusters", "1"], '--clusters: expected a whole number from 2 to 10, got "1"'],
    [["--clusters", "11"], "--clusters"],
    [["--workers", "0"], '--workers: expected a whole number from 1 to 10, got "0"'],
    [["--workers", "two"], "--workers"],
    [["--out="], "--out"],
    [["--json=yes"], "--json"],
  ])("%j is refused in words", (args, words) => {
    expect(() => readOptions(args)).toThrow(UsageError);
    expect(() => readOptions(args)).toThrow(words);
  });

  test("reads what is right", () => {
    expect(readOptions([])).toMatchObject({ clusters: 3, workers: 2, keep: false, json: false, help: false });
    const given = ["--clusters=2", "--workers", "4", "--keep", "--out", "x"];
    expect(readOptions(given)).toMatchObject({ clusters: 2, workers: 4, keep: true, out: "x" });
  });
});

test("a wait says what it was for, and what it saw last", async () => {
  const { signal } = new AbortController();
  const never = until(() => ["Pending"], { what: "Machines", isSo: () => false, signal, withinMs: 0, everyMs: 1 });
  await expect(never).rejects.toThrow('waited 0 s for Machines; seen last: ["Pending"]');
});

test("a wait ends with its signal", async () => {
  const reason = new Error("enough");
  const waiting = { what: "nothing", isSo: () => false, signal: AbortSignal.abort(reason) };
  await expect(until(() => 1, waiting)).rejects.toBe(reason);
});
