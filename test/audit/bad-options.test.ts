import { existsSync } from "node:fs";
import { join } from "node:path";
import { createGuard, fileJournal, type GuardOptions } from "provider-guard";
import { simulatedClock } from "provider-guard/testing";
import { describe, expect, it } from "vitest";
import { failure, principal, temporaryDirectory } from "./support.ts";

const interceptor = { name: "mine", ring: "operation", before: "own", intercept: () => {} };

describe("a guard with a wrong option", () => {
  it.each([
    ["owner", { owner: { managementCluster: "", provider: "infrastructure-acme" } }, "owner.managementCluster"],
    ["redaction", { redaction: { denyKeys: ["**.secret"] } }, "redaction.denyKeys[0]"],
    ["redaction", { redaction: { denyKeys: ["licence", ""] } }, "redaction.denyKeys[1]"],
    ["redaction", { redaction: { maxDepth: 0 } }, "redaction.maxDepth"],
    ["rateLimit", { rateLimit: { rules: [{ name: "a", ratePerSecond: 0, burst: 1 }] } }, "rateLimit.rules[0]"],
    ["circuitBreaker", { circuitBreaker: { windowMs: 1 } }, "circuitBreaker.windowMs"],
    ["ownership", { ownership: { maxKnown: 0 } }, "ownership.maxKnown"],
    ["quota", { quota: { budgets: [{ name: "a", limit: -1, windowMs: 1 }] } }, "quota.budgets[0]"],
    ["telemetry", { telemetry: { meterProvider: {} } }, "telemetry"],
    ["mode", { mode: { own: "perhaps" } }, "mode"],
    ["interceptors", { interceptors: [{ ...interceptor, before: "nowhere" }] }, "interceptors[0].before"],
    ["interceptors", { interceptors: [{ ...interceptor, name: "record" }] }, "interceptors[0].name"],
    ["interceptors", { interceptors: [interceptor, interceptor] }, "interceptors[1].name"],
    ["state", { state: {} }, "state"],
    ["clock", { clock: {} }, "clock"],
    ["random", { random: 4 }, "random"],
    ["name", { redact: {} }, "redact"],
  ])("says which before anything is opened, created or set: %s %#", async (_, options, path) => {
    const directory = join(temporaryDirectory(), "journal");
    const clock = simulatedClock();
    const source = fileJournal({ directory, keep: { days: 1 } });
    let opened = 0;
    const audit: GuardOptions["audit"] = {
      open: (context) => {
        opened++;
        return source.open(context);
      },
    };
    const error = await failure(createGuard({ owner: principal, audit, clock, ...options } as never));
    expect(error).toMatchObject({
      code: expect.stringMatching(/^ERR_(CONFIG|OWNER)_INVALID$/),
      message: expect.stringContaining(path),
    });
    expect(opened).toBe(0);
    expect(existsSync(directory)).toBe(false);
    expect(clock.pending).toBe(0);
  });

  it("says so without an audit log, too", async () => {
    const made = createGuard({ owner: principal, audit: false, redaction: { denyKeys: ["**.secret"] } });
    expect((await failure(made)).message).toContain("redaction.denyKeys[0]");
  });

  it("leaves no lock and no timer where what fails is found only once the journal is open", async () => {
    const directory = temporaryDirectory();
    const clock = simulatedClock();
    const audit = fileJournal({ directory, keep: { days: 1 } });
    const down = () => Promise.reject(new Error("out of reach"));
    const state = { get: down, put: down, compareAndSet: down, increment: down, delete: down, scan: down, close: down };
    const error = await failure(createGuard({ owner: principal, audit, clock, state: state as never }));
    expect(error.code).toBe("ERR_STATE_UNAVAILABLE");
    expect(clock.pending).toBe(0);
    await (await createGuard({ owner: principal, audit, clock })).close();
  });
});
