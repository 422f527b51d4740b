import { fencing, leaseElector } from "provider-guard/kubernetes";
import { simulatedClock } from "provider-guard/testing";
import { describe, expect, it } from "vitest";
import { acme } from "../../support/acme.ts";
import { leaseClient, leaseServer, processClock } from "./lease-elector-model.ts";

const place = { namespace: "acme-system", name: "acme" };
const lost = { code: "ERR_LEADER_LOST", retryable: true, requeueAfterMs: 15_000 };

/** A guard that is fenced by an elector, whose way to the API server can be cut. */
async function fenced(options: Parameters<typeof acme>[0] = {}) {
  const clock = simulatedClock();
  const server = leaseServer();
  server.create({ metadata: place, spec: {} });
  const own = processClock(clock, 1, 0);
  const link = { cut: false };
  const fate = () => ({ thereMs: 5, backMs: 5, fault: link.cut ? ("refused" as const) : undefined });
  const leases = leaseClient(server, clock, own, fate);
  const elector = leaseElector({ leases, ...place, identity: "a", clock: own });
  const made = await acme({ clock, interceptors: [fencing(elector)], ...options });
  return { ...made, clock, elector, link, remove: () => made.client.deleteServer({ id: "srv-1" }) };
}

describe("fencing", () => {
  it("refuses mutating calls until this process leads, lets reads pass, and records the refusal", async () => {
    const { clock, client, remove, raw, journal, guard } = await fenced();
    await expect(remove()).rejects.toMatchObject(lost);
    await client.listServers();
    expect(raw.sent.map(({ operation }) => operation)).toEqual(["listServers"]);
    expect(journal.records[0]).toMatchObject({ type: "refusal", code: "ERR_LEADER_LOST" });
    const question = { client, operation: "deleteServer", input: { id: "srv-1" } };
    expect(String(guard.explain(question))).toContain("does not surely lead");
    await clock.advance(1_000);
    await remove();
    expect(String(guard.explain(question))).toContain("leads with token");
  });

  it("refuses in the mode observe, too: two leaders are nothing to get used to", async () => {
    const { remove, raw } = await fenced({ mode: "observe" });
    await expect(remove()).rejects.toMatchObject(lost);
    expect(raw.sent).toEqual([]);
  });

  it("refuses at the wire what waited past the lease, and gives back what it cost", async () => {
    const { clock, remove, raw, journal, link, client } = await fenced({
      rateLimit: { rules: [{ name: "all", ratePerSecond: 1 / 20, burst: 1 }] },
    });
    await clock.advance(1_000);
    await remove();
    const waiting = remove();
    waiting.catch(() => {});
    await clock.advance(100);
    link.cut = true;
    await clock.advance(30_000);
    await expect(waiting).rejects.toMatchObject(lost);
    expect(raw.sent).toHaveLength(1);
    expect(journal.records.at(-1)).toMatchObject({ type: "outcome", result: "not-sent" });
    await client.listServers(); // with the token that the refused call did not spend
    expect(raw.sent).toHaveLength(2);
  });
});
