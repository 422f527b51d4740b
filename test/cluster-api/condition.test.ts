import fc from "fast-check";
import { type ErrorCode, GuardError, requeueAfter } from "provider-guard";
import { type Condition, conditionFrom, setCondition } from "provider-guard/cluster-api";
import { describe, expect, it } from "vitest";
import { noteErrorInfo } from "../../src/core/errors.ts";
import { read } from "../docs/repository.ts";

const type = "InstanceReady";
const page = read("docs/reference/conditions.md");

/** Rows of the page's table under a heading, without what a formatter adds. */
function table(heading: string): string[][] {
  const section = page.split(`## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("|"));
  return rows.slice(2).map((row) =>
    row
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll("`", "")),
  );
}

const union = /export type ErrorCode =([\s\S]*?);/.exec(read("src/core/errors.ts"))?.[1] ?? "";
const codes = [...union.matchAll(/"(ERR_\w+)"/g)].map(([, code]) => code as ErrorCode);

/** An error of each class, as HTTP clients throw them. */
const byClass = {
  aborted: Object.assign(new Error("x"), { name: "AbortError" }),
  conflict: { status: 409 },
  denied: { status: 403 },
  invalid: { status: 400 },
  "not-found": { status: 404 },
  outage: { status: 503 },
  throttled: { status: 429 },
  unauthenticated: { status: 401 },
  unknown: new TypeError("x is not a function"),
};

describe("conditionFrom", () => {
  it("has a reason for every code of the guard, and the page says which", () => {
    expect(codes.length).toBeGreaterThan(25);
    const reasons = codes.map((code) => [conditionFrom(new GuardError(code, "x"), { type }).reason, code]);
    expect(table("Errors of the guard").sort()).toEqual(reasons.sort());
    for (const [reason] of reasons) expect(reason).toMatch(/^[A-Z][A-Za-z]+$/);
    expect(new Set(reasons.map(([reason]) => reason)).size).toBe(codes.length);
  });

  it("has a reason for everything that a service's error may mean, and the page says which", () => {
    const rows = Object.entries(byClass).map(([kind, error]) => {
      const { reason, status } = conditionFrom(error, { type });
      return [reason, kind, status, conditionFrom(error, { type, severity: true, status: "False" }).severity];
    });
    expect(table("Errors of a service")).toEqual(rows);
  });

  it("says that of the guard's errors which may go away by themselves", () => {
    const severity = (retryable: boolean) =>
      conditionFrom(new GuardError("ERR_QUOTA_EXCEEDED", "x", { retryable }), { type, severity: true });
    expect(severity(true)).toMatchObject({ status: "False", severity: "Warning" });
    expect(severity(false)).toMatchObject({ status: "False", severity: "Error" });
  });

  it("says the guard's own message, and never a service's", () => {
    const refused = new GuardError("ERR_OWNER_FOREIGN", "vm i-1 belongs to cluster team/other", {
      cause: new Error("cause-canary"),
    });
    expect(conditionFrom(refused, { type, observedGeneration: 3 })).toEqual({
      ...{ type, status: "False", reason: "OwnerForeign", observedGeneration: 3 },
      message: "vm i-1 belongs to cluster team/other",
    });
    const denied = Object.assign(new Error("user-canary is not allowed"), {
      code: "UnauthorizedOperation",
      status: 403,
    });
    expect(conditionFrom(denied, { type })).toEqual({
      ...{ type, status: "False", reason: "AccessDenied" },
      message: "The service denied access (UnauthorizedOperation, HTTP 403)",
    });
  });

  it("believes the adapter that saw the error, as requeueAfter does", () => {
    const error = new Error("RequestLimitExceeded");
    noteErrorInfo(error, { class: "throttled", code: "RequestLimitExceeded", status: 503, requestId: "canary" });
    expect(conditionFrom(error, { type })).toMatchObject({
      reason: "Throttled",
      message: "The service answered that requests come too fast (RequestLimitExceeded, HTTP 503)",
    });
    expect(requeueAfter(error)).toBe(10_000);
  });

  it("says the same for the same cause, whatever was measured", () => {
    const late = (ms: number) =>
      conditionFrom(new GuardError("ERR_RATE_LIMIT_DEADLINE", `not within the ${ms} ms that it may wait`), { type });
    expect(late(1234)).toEqual(late(7));
    expect(late(7).message).toBe("not within the … ms that it may wait");
  });

  it("bounds the message and keeps it on one line", () => {
    const { message } = conditionFrom(new GuardError("ERR_CONFIG_INVALID", `a\n\u0000b ${"😀".repeat(5000)}`), {
      type,
    });
    expect(message).toMatch(/^a b 😀/);
    expect(message.length).toBeLessThanOrEqual(1024);
    expect(Buffer.from(message).toString()).toBe(message); // no half of a surrogate pair
  });

  it("survives whatever was thrown, and says what Kubernetes accepts", () => {
    const hostile = {
      get code(): string {
        throw new Error("canary");
      },
    };
    const branded = (code: unknown) => Object.assign(Object.create(GuardError.prototype), { code, message: "m" });
    const thrown = fc.oneof(
      fc.anything(),
      fc.constant(hostile),
      fc.record({ name: fc.string(), code: fc.anything(), status: fc.anything(), message: fc.string() }),
      fc.string().map((code) => new GuardError(code as ErrorCode, code)),
    );
    fc.assert(
      fc.property(thrown, fc.boolean(), (error, severity) => {
        const made = conditionFrom(error, { type, severity });
        expect(made.reason).toMatch(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/);
        expect(["True", "False", "Unknown"]).toContain(made.status);
        expect(made.severity !== undefined).toBe(severity && made.status === "False");
        expect(made.message.length).toBeLessThanOrEqual(1024);
        expect(made.message).not.toBe("");
      }),
      { numRuns: 500 },
    );
    expect(conditionFrom(branded("ERR_lower"), { type }).reason).toBe("InternalError");
  });

  it.each([
    [{ type: "" }, "conditionFrom.type"],
    [{ type: "instance ready" }, "conditionFrom.type"],
    [{ type, status: "false" }, "conditionFrom.status"],
    [{ type, observedGeneration: -1 }, "conditionFrom.observedGeneration"],
  ])("refuses %j", (options, path) => {
    expect(() => conditionFrom(new Error("x"), options as { type: string })).toThrow(
      expect.objectContaining({ code: "ERR_CONFIG_INVALID", message: expect.stringContaining(path) }),
    );
  });
});

describe("setCondition", () => {
  const now = Date.UTC(2026, 10, 23, 12, 0, 0, 999);
  const ready: Condition = { type, status: "True", reason: "Ready", message: "" };
  const failing: Condition = { ...ready, status: "False", reason: "Throttled", message: "slow down" };
  const other: Condition = { ...ready, type: "Paused", status: "False", lastTransitionTime: "2026-01-01T00:00:00Z" };

  it("adds a condition with the time, to the second", () => {
    const set = setCondition([other], ready, now);
    expect(set).toEqual([other, { ...ready, lastTransitionTime: "2026-11-23T12:00:00Z" }]);
    expect(setCondition(undefined, ready, now)).toHaveLength(1);
  });

  it("keeps the time while the status stays the same, and its place in the list", () => {
    const before = setCondition(setCondition(undefined, failing, now), other, now);
    const after = setCondition(before, { ...failing, message: "still", observedGeneration: 2 }, now + 60_000);
    expect(after[0]).toEqual({
      ...failing,
      message: "still",
      observedGeneration: 2,
      lastTransitionTime: "2026-11-23T12:00:00Z",
    });
    expect(after[1]).toBe(before[1]);
  });

  it("takes the new time when the status changes", () => {
    const before = setCondition(undefined, failing, now);
    expect(setCondition(before, ready, now + 60_000)[0]?.lastTransitionTime).toBe("2026-11-23T12:01:00Z");
  });

  it("gives back the same list where there is nothing to write", () => {
    const before = setCondition([other], failing, now);
    expect(setCondition(before, failing, now + 60_000)).toBe(before);
    expect(setCondition(before, { ...failing, reason: "Conflict" }, now)).not.toBe(before);
  });

  it("takes fields away that are no longer said", () => {
    const before = setCondition(undefined, { ...failing, severity: "Warning" }, now);
    expect(setCondition(before, failing, now)[0]).not.toHaveProperty("severity");
  });

  it("keeps a time that a client has made a Date, and repairs one that is missing", () => {
    const lastTransitionTime = new Date(0);
    const before = [{ ...failing, lastTransitionTime }];
    expect(setCondition(before, { ...failing, message: "new" }, now)[0]?.lastTransitionTime).toBe(lastTransitionTime);
    expect(setCondition([failing], failing, now)[0]?.lastTransitionTime).toBe("2026-11-23T12:00:00Z");
  });

  it("refuses a time that is none", () => {
    expect(() => setCondition([], ready, Number.NaN)).toThrow(/now: expected Unix milliseconds/);
  });
});
