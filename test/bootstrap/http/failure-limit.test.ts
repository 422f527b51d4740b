import { once } from "node:events";
import { Agent, get } from "node:http";
import { simulatedClock } from "provider-guard/testing";
import { expect, it } from "vitest";
import { failureLimit } from "../../../src/bootstrap/stores/http/failure-limit.ts";
import { testBinding } from "../../support/bootstrap-store-contract.ts";
import { ask, claimOf, headersOf, serve } from "./served.ts";

it("remembers some thousand sources at most, and forgets those that came first", () => {
  const limit = failureLimit(2, simulatedClock());
  expect(limit.fail("192.0.2.1")).toBe(false);
  expect(limit.fail("192.0.2.1")).toBe(true);
  expect(limit.blockedFor("192.0.2.1")).toBe(60);
  for (let i = 0; i < 10_000; i++) limit.fail(`10.0.${i >> 8}.${i & 255}`);
  expect(limit.size).toBe(4_096);
  expect(limit.blockedFor("192.0.2.1")).toBe(0);
});

it("counts a network of IPv6 as one source, however its addresses are written", () => {
  const limit = failureLimit(3, simulatedClock());
  limit.fail("2001:db8::1");
  limit.fail("2001:0DB8:0:0:ffff::");
  limit.fail("2001:db8:0:0:1:2:3:4");
  expect(limit.blockedFor("2001:db8::9")).toBe(60);
  expect(limit.blockedFor("2001:db8:0:1::9")).toBe(0);
  expect(limit.blockedFor("::1")).toBe(0);
  for (const own of ["::1", "::", "::2"]) limit.fail(own);
  expect(limit.blockedFor("::1")).toBe(60);
});

it("keeps nothing of 3,000 wrong tokens, and serves the machine among them", async () => {
  const { store, url, state, events, close } = await serve({ trustedProxies: 1 });
  try {
    const binding = testBinding();
    await store.put(`${binding.id}/0`, Buffer.from("item"), binding);
    const agent = new Agent({ keepAlive: true, maxSockets: 20 });
    const counts = new Map<number | undefined, number>();
    const guess = async (i: number) => {
      const headers = {
        authorization: `Bearer ${String(i).padStart(43, "x")}`,
        "x-forwarded-for": `10.0.0.${i % 30}`,
      };
      const [answer] = await once(get(`${url}/${binding.id}/0`, { agent, headers }), "response");
      answer.resume();
      counts.set(answer.statusCode, (counts.get(answer.statusCode) ?? 0) + 1);
      await once(answer, "end");
    };
    for (let i = 0; i < 3_000; i += 20) await Promise.all(Array.from({ length: 20 }, (_, j) => guess(i + j)));
    agent.destroy();
    expect([...counts]).toEqual([
      [404, 900],
      [429, 2_100],
    ]);
    expect(events).toHaveLength(30);
    const keys: string[] = [];
    for await (const [key] of state.scan("")) keys.push(key);
    expect(keys).toEqual([`bootstrap-http/${binding.id}`]);
    expect(
      await ask(`${url}/${binding.id}/0`, { headers: await headersOf(store, binding, claimOf("a")) }),
    ).toMatchObject({
      status: 200,
    });
  } finally {
    await close();
  }
});
