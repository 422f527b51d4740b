import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Binding, directoryStore } from "provider-guard/bootstrap";
import { redisState } from "provider-guard/redis";
import { type SimulatedClock, simulatedClock } from "provider-guard/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Asking, ask, claimOf, headersOf, type Served, serve } from "../bootstrap/http/served.ts";
import { testBinding } from "../support/bootstrap-store-contract.ts";
import { describeWithRedis, startRedis } from "./redis.ts";

const secret = Buffer.from("ciphertext-of-a-machine");

describeWithRedis("two replicas of httpStore on one Redis", (redis) => {
  const ends: (() => unknown)[] = [];
  let clock: SimulatedClock;
  let here: Served;
  let there: Served;
  let binding: Binding;

  beforeEach(async () => {
    const server = await startRedis(redis);
    ends.push(() => server.stop());
    const path = await mkdtemp(join(tmpdir(), "replicas-"));
    ends.push(() => rm(path, { recursive: true }));
    clock = simulatedClock({ startAt: Date.now() });
    /** Of each its own: connection, backing store, key. */
    async function replica(): Promise<Served> {
      const state = redisState({ url: server.url });
      ends.push(() => state.close());
      const served = await serve({ state, clock, backing: directoryStore({ path, clock }) });
      ends.push(served.close);
      return served;
    }
    [here, there] = [await replica(), await replica()];
    const now = Math.floor(clock.now() / 1000) * 1000;
    binding = testBinding("mc-1", { sealedAt: now, expiresAt: now + 3_600_000 });
    for (const index of [0, 1]) await here.store.put(`${binding.id}/${index}`, secret, binding);
  });
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  /** One request with the token of the sealing's user data. */
  async function asked(replica: Served, claim: string | undefined, index = 0, asking: Asking = {}) {
    const headers = await headersOf(here.store, binding, claim);
    return ask(`${replica.url}/${binding.id}/${index}`, { ...asking, headers });
  }
  const types = ({ events }: Served) =>
    events.map((event) => ("reason" in event ? `${event.type} ${event.reason}` : event.type));
  const [machine, thief] = [claimOf("a"), claimOf("b")];

  it("hand nothing to another claim at the other one, once the item was fetched at the first", async () => {
    expect(await asked(here, machine)).toMatchObject({ status: 200, body: secret });
    for (const method of ["GET", "HEAD", "DELETE"]) {
      expect((await asked(there, thief, 0, { method })).status).toBe(403);
      expect((await asked(there, thief, 1, { method })).status).toBe(403); // the whole sealing is the machine's
    }
    // The machine itself goes on at whichever it is sent to.
    expect(await asked(there, machine, 1)).toMatchObject({ status: 200, body: secret });
    expect(types(here)).toEqual(["claimed"]);
    expect(types(there)).toEqual(Array(6).fill("misused other-claim"));
    expect(there.events.at(-1)).toMatchObject({ count: 6, machine: binding.machine });
    expect((await asked(here, thief)).status).toBe(403);
    expect(here.events.at(-1)).toMatchObject({ count: 7 }); // counted over both
  });

  it("let one of many that come to both at the same time be the first", async () => {
    const claims = [..."0123456789abcdef"].map(claimOf);
    const answers = await Promise.all(claims.map((claim, n) => asked(n % 2 ? here : there, claim)));
    expect(answers.filter(({ status }) => status === 200).length).toBe(1);
    expect(answers.filter(({ status }) => status === 403).length).toBe(claims.length - 1);
    expect([...types(here), ...types(there)].filter((type) => type === "claimed")).toHaveLength(1);
  });

  it("hand nothing out any more, of neither, once the machine has deleted at one", async () => {
    await asked(here, machine);
    expect((await asked(there, machine, 0, { method: "DELETE" })).status).toBe(204);
    for (const replica of [here, there]) {
      for (const index of [0, 1]) {
        expect((await asked(replica, machine, index)).status).toBe(404);
        expect((await asked(replica, thief, index)).status).toBe(403);
      }
    }
    expect(await here.store.has(`${binding.id}/0`)).toBe(false); // the first replica looks at the same folder
    await there.store.delete(`${binding.id}/1`);
    expect(await here.store.has(`${binding.id}/1`)).toBe(false);
  });

  it("hand nothing out after the controller's deletion at the other one", async () => {
    expect(await there.store.delete(`${binding.id}/0`)).toBe(true);
    expect((await asked(here, machine, 1)).status).toBe(404);
  });

  it("hold to the expiry, of both the same, whoever has sealed and whoever has come first", async () => {
    await clock.advance(binding.expiresAt - clock.now() - 1);
    expect((await asked(there, machine)).status).toBe(200);
    await clock.advance(1);
    for (const replica of [here, there]) {
      for (const index of [0, 1]) expect((await asked(replica, machine, index)).status).toBe(404);
    }
  });

  it("take no token of another sealing, nor of another key, at either", async () => {
    const other = testBinding("mc-1", { sealedAt: binding.sealedAt, expiresAt: binding.expiresAt });
    await there.store.put(`${other.id}/0`, secret, other);
    for (const replica of [here, there]) {
      for (const [store, of] of [
        [there.store, other], // of another machine
        [there.store, binding], // of this one, derived from the other replica's key
      ] as const) {
        const headers = await headersOf(store, of, machine);
        expect((await ask(`${replica.url}/${binding.id}/0`, { headers })).status).toBe(404);
      }
    }
    expect((await asked(there, machine)).status).toBe(200); // none of these has claimed it
    expect(
      (await ask(`${here.url}/${other.id}/0`, { headers: await headersOf(there.store, other, machine) })).body,
    ).toEqual(secret);
  });

  it("tell of what the machine reported to the other one", async () => {
    await asked(here, machine);
    const headers = { ...(await headersOf(here.store, binding, machine)), "bootstrap-status": "refused no-openssl" };
    expect((await ask(`${there.url}/${binding.id}`, { method: "POST", headers })).status).toBe(204);
    expect(await here.store.report(binding.id)).toMatchObject({ state: "refused", reason: "no-openssl" });
  });
});
