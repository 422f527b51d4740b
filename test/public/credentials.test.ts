import { createGuard, credentialLease } from "provider-guard";
import { object } from "provider-guard/object";
import { simulatedClock, simulatedCloud, simulatedCloudOperations } from "provider-guard/testing";
import { describe, expect, it } from "vitest";
import { AcmeClient, AcmeError, acme, acmeOptions, managementCluster } from "../support/acme.ts";

describe("a credential that the cloud refuses", () => {
  it("is renewed, and the call made once more, as an attempt of its own", async () => {
    const { guard, journal } = await acme();
    let fetched = 0;
    const credentials = credentialLease({
      fetch: async () => ({ value: `key-${++fetched}`, expiresAt: Date.now() + 3.6e6 + fetched }),
    });
    const raw = new AcmeClient();
    const client = guard.wrap(raw, object(acmeOptions), { credentials });
    raw.answers.push(new AcmeError("expired", { status: 401 }));
    await client.deleteServer({ id: "srv-1" });
    expect(fetched).toBe(2);
    expect(raw.sent).toHaveLength(2);
    expect(journal.records.at(-1)).toMatchObject({
      result: "ok",
      attempts: [
        { n: 1, status: 401, result: "unauthenticated" },
        { n: 2, result: "ok" },
      ],
      decisions: [{ phase: "credential", verdict: "retry" }],
    });
  });

  it("is not tried a third time", async () => {
    const { guard } = await acme();
    let fetched = 0;
    const credentials = credentialLease({
      fetch: async () => ({ value: `key-${++fetched}`, expiresAt: Date.now() + 3.6e6 + fetched }),
    });
    const raw = new AcmeClient();
    const client = guard.wrap(raw, object(acmeOptions), { credentials });
    const refusals = [1, 2, 3].map(() => new AcmeError("expired", { status: 401 }));
    raw.answers.push(...refusals);
    await expect(client.deleteServer({ id: "srv-1" })).rejects.toBe(refusals[1]);
    expect(raw.sent).toHaveLength(2);
  });

  it("never reaches a cloud that looks at the time, over a day of virtual time", async () => {
    const clock = simulatedClock();
    const cloud = simulatedCloud({ seed: 1, clock });
    const credentials = credentialLease({ clock, fetch: async () => cloud.issueCredential("account-1", 900_000) });
    const guard = await createGuard({ owner: { managementCluster, provider: "test" }, audit: false, clock });
    const credential = async () => (await credentials.get()).value;
    const client = guard.wrap(cloud.client({ account: "account-1", credential }), object(simulatedCloudOperations), {
      credentials,
    });
    for (let minute = 0; minute < 24 * 60; minute += 7) {
      await clock.runUntil(client.describeMachines({}));
      await clock.advance(7 * 60_000);
    }
    const { requests, credentialsIssued } = cloud.inspect();
    expect(requests.filter(({ result }) => result !== "ok")).toEqual([]);
    expect(credentialsIssued).toBeGreaterThan(90);
    expect(credentialsIssued).toBeLessThan(210);
  });
});
