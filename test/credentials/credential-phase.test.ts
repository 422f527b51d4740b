import { describe, expect, it } from "vitest";
import type { Answer, Attempt, Call } from "../../src/core/call.ts";
import type { CredentialLease } from "../../src/core/credential.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { credentialPhase } from "../../src/credentials/credential-phase.ts";
import { harness, hour, minute } from "./harness.ts";

function phaseHarness() {
  const renewals: string[] = [];
  const runtime = { telemetry: { credentialRenewed: (result: string) => void renewals.push(result) } };
  const phase = credentialPhase(runtime as unknown as Runtime);

  function callWith(credentials: CredentialLease | undefined, signal?: AbortSignal): Call {
    return { binding: { credentials }, signal, attempts: [] } as unknown as Call;
  }

  /** Runs one attempt whose request the cloud answers like this. */
  async function send(call: Call, answer: Answer["class"], error?: unknown) {
    const attempt = { call, again: false, answer: undefined } as unknown as Attempt;
    call.attempts.push(attempt);
    let sent = false;
    const result: unknown = await phase
      .intercept(attempt, async () => {
        sent = true;
        attempt.answer = { class: answer };
        if (error !== undefined) throw error;
        return "answer";
      })
      .catch((reason: unknown) => reason);
    return { result, sent, again: attempt.again };
  }
  return { phase, renewals, callWith, send };
}

describe("the credential phase", () => {
  it("stands aside where no lease was given", async () => {
    const { phase, callWith, send } = phaseHarness();
    const call = callWith(undefined);
    expect(await send(call, "unauthenticated", "refused")).toEqual({ result: "refused", sent: true, again: false });
    expect(phase.explain?.(call)?.verdict).toBe("off");
  });

  it("lets a request leave only with a valid credential in hand", async () => {
    const { callWith, send } = phaseHarness();
    const { lease, source } = harness();
    const sending = send(callWith(lease), "ok");
    expect(source.count).toBe(1);
    await source.answer("a", hour);
    expect(await sending).toEqual({ result: "answer", sent: true, again: false });
    expect((await send(callWith(lease), "ok")).sent).toBe(true);
    expect(source.count).toBe(1);
  });

  it("sends nothing when there is no credential", async () => {
    const { callWith, send } = phaseHarness();
    const { lease, source } = harness();
    const sending = send(callWith(lease), "ok");
    await source.fail();
    expect(await sending).toMatchObject({ sent: false, again: false, result: { code: "ERR_CREDENTIAL_UNAVAILABLE" } });
  });

  it("sends nothing when the call is aborted during the wait", async () => {
    const { callWith, send } = phaseHarness();
    const { lease, source } = harness();
    const controller = new AbortController();
    const sending = send(callWith(lease, controller.signal), "ok");
    controller.abort("enough");
    expect(await sending).toEqual({ result: "enough", sent: false, again: false });
    await source.answer("a", hour);
  });

  it.each([
    ["thrown", new Error("ExpiredToken")],
    ["returned", undefined],
  ])(
    "asks for one more attempt after an authentication error that was %s, and for no second one",
    async (_how, error) => {
      const { callWith, send } = phaseHarness();
      const { lease, source, hold } = harness();
      await hold("a", hour);
      const call = callWith(lease);
      const first = await send(call, "unauthenticated", error);
      expect(first).toEqual({ result: error ?? "answer", sent: true, again: true });
      expect(lease.peek()).toBeUndefined();

      const second = send(call, "unauthenticated", error);
      await source.answer("b", hour);
      expect((await second).again).toBe(false);
      expect(lease.peek()).toBeUndefined();
    },
  );

  it("blames the credential that was used, not the one that came meanwhile", async () => {
    const { phase, callWith } = phaseHarness();
    const { lease, source, clock, hold } = harness();
    await hold("a", hour);
    clock.advance(50 * minute);
    const attempt = { call: callWith(lease), again: false, answer: undefined } as unknown as Attempt;
    await phase.intercept(attempt, async () => {
      await source.answer("b", hour); // the renewal in the background ends first
      attempt.answer = { class: "unauthenticated" };
    });
    expect(lease.peek()?.value).toBe("b");
    expect(attempt.again).toBe(true);
  });

  it.each(["ok", "denied", "throttled", "outage"] as const)("leaves the credential alone after %s", async (answer) => {
    const { callWith, send } = phaseHarness();
    const { lease, hold } = harness();
    await hold("a", hour);
    expect((await send(callWith(lease), answer, answer === "ok" ? undefined : "error")).again).toBe(false);
    expect(lease.peek()?.value).toBe("a");
  });

  it("counts each renewal of a lease once, however many calls use it, until it is closed", async () => {
    const { phase, callWith, send, renewals } = phaseHarness();
    const { lease, source, clock } = harness();
    for (let clients = 0; clients < 3; clients++) phase.wrapping({ credentials: lease });
    const sending = [send(callWith(lease), "ok"), send(callWith(lease), "ok")];
    await source.answer("a", hour);
    await Promise.all(sending);
    clock.advance(50 * minute);
    await send(callWith(lease), "ok");
    await source.fail();
    await send(callWith(lease), "unauthenticated");
    expect(renewals).toEqual(["ok", "failed"]);
    phase.close();
    lease.get().catch(() => {});
    await source.answer("b", hour);
    expect(renewals.length).toBe(2);
  });

  it("takes any lease that keeps the contract", async () => {
    const { callWith, send } = phaseHarness();
    const credential = { value: "a", expiresAt: 0 };
    const refused: unknown[] = [];
    const lease: CredentialLease = {
      peek: () => undefined,
      get: async () => credential,
      invalidate: (used) => void refused.push(used),
      close() {},
    };
    expect((await send(callWith(lease), "unauthenticated")).again).toBe(true);
    expect(refused).toEqual([credential]);
  });

  it("explains without fetching anything", () => {
    const { phase, callWith } = phaseHarness();
    const { lease, source } = harness();
    expect(phase.explain?.(callWith(lease))?.verdict).toBe("pass");
    expect(source.count).toBe(0);
  });
});
