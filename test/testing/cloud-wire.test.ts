import {
  CloudError,
  type Fault,
  simulatedClock,
  simulatedCloud,
  simulatedCloudOperations,
} from "provider-guard/testing";
import { describe, expect, test } from "vitest";
import { sleep } from "../../src/core/clock.ts";

function setup(options: Partial<Parameters<typeof simulatedCloud>[0]> = {}) {
  const clock = simulatedClock();
  const cloud = simulatedCloud({ seed: 1, clock, ...options });
  return { clock, cloud, client: cloud.client({ account: "a" }) };
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "ok",
    (error) => error.code as string,
  );

describe("simulated cloud: throttling", () => {
  test("throttles per account, region and class, and says when a token will be there", async () => {
    const limits = { read: { ratePerSecond: 1, burst: 2 }, mutating: { ratePerSecond: 0.5, burst: 1 } };
    const { clock, cloud, client } = setup({ latency: false, limits });
    await client.describeNetworks();
    await client.describeNetworks();
    const refused = await client.describeNetworks().catch((error) => error);
    expect(refused).toMatchObject({ code: "Throttled", status: 429, retryAfterMs: 1_000 });
    expect(simulatedCloudOperations.errors(refused)).toMatchObject({ class: "throttled", retryAfterMs: 1_000 });
    await client.createNetwork({ name: "n" });
    expect(await codeOf(client.createNetwork({ name: "n" }))).toBe("Throttled");
    await cloud.client({ account: "b" }).describeNetworks();
    await cloud.client({ account: "a", region: "region-2" }).describeNetworks();
    await clock.advance(refused.retryAfterMs);
    await client.describeNetworks();
    expect(cloud.inspect()).toMatchObject({ throttled: 2, live: { a: { network: 1 } } });
  });

  test("admits burst + rate × time of a flood, and no more", async () => {
    const { clock, cloud, client } = setup({ latency: false });
    const flood = async () => {
      for (let i = 0; i < 1_000; i++) {
        await client.createNetwork({ name: "n" }).catch(() => {});
        await sleep(clock, 10);
      }
    };
    await clock.runUntil(flood());
    expect(cloud.inspect().live.a?.network).toBe(20 + Math.floor(5 * 9.99));
  });

  test("idleness saves up no more than the burst", async () => {
    const { clock, client } = setup({ latency: false, limits: { read: { ratePerSecond: 1, burst: 3 } } });
    await client.describeNetworks();
    await clock.advance(3_600_000);
    const codes = await Promise.all(Array.from({ length: 5 }, () => codeOf(client.describeNetworks())));
    expect(codes).toEqual(["ok", "ok", "ok", "Throttled", "Throttled"]);
  });

  test("a single operation can have a bucket of its own, and both must have a token", async () => {
    const { client } = setup({
      latency: false,
      limits: { operations: { createNetwork: { ratePerSecond: 1, burst: 1 } } },
    });
    await client.createNetwork({ name: "n" });
    expect(await codeOf(client.createNetwork({ name: "n" }))).toBe("Throttled");
    for (let i = 0; i < 19; i++) await client.createVolume({ name: "v", sizeGb: 1 });
    expect(await codeOf(client.createVolume({ name: "v", sizeGb: 1 }))).toBe("Throttled");
  });
});

describe("simulated cloud: latency", () => {
  test("half of the requests end by typicalMs, all between minMs and maxMs", async () => {
    const { clock, client } = setup({ limits: false, latency: { minMs: 10, typicalMs: 50, maxMs: 500 } });
    const took: number[] = [];
    const ask = async () => {
      for (let i = 0; i < 400; i++) {
        const startedAt = clock.monotonic();
        await client.describeNetworks();
        took.push(clock.monotonic() - startedAt);
      }
    };
    await clock.runUntil(ask());
    took.sort((a, b) => a - b);
    expect(took[0]).toBeGreaterThanOrEqual(10);
    expect(took.at(-1)).toBeLessThanOrEqual(500);
    expect(took.at(-1)).toBeGreaterThan(300);
    expect(Math.abs((took[200] ?? 0) - 50)).toBeLessThan(15);
  });
});

describe("simulated cloud: faults", () => {
  const outcome = async (fault: Fault) => {
    const { clock, cloud, client } = setup({ faults: [fault] });
    const code = await codeOf(clock.runUntil(client.createNetwork({ name: "n" })));
    return { code, made: cloud.inspect().resources.length, logged: cloud.inspect().requests[0]?.result, clock };
  };

  test.each([
    ["unavailable", "Unavailable", 0, "Unavailable"],
    ["internal-error", "InternalError", 0, "InternalError"],
    ["reset", "ConnectionReset", 0, undefined],
    ["lost", "ConnectionReset", 1, "ok"],
    ["silent", "RequestTimeout", 1, "ok"],
    ["unauthenticated", "Unauthenticated", 0, "Unauthenticated"],
    ["denied", "Denied", 0, "Denied"],
    ["throttled", "Throttled", 0, "Throttled"],
    ["slow", "ok", 1, "ok"],
  ] as const)("%s", async (effect, code, made, logged) => {
    expect(await outcome({ effect })).toMatchObject({ code, made, logged });
  });

  test("silence lasts until the client's own timeout, slowness as long as it says", async () => {
    expect((await outcome({ effect: "silent" })).clock.monotonic()).toBe(30_000);
    expect((await outcome({ effect: "slow", delayMs: 10_000 })).clock.monotonic()).toBeGreaterThan(10_000);
  });

  test("hits only what it names: operation, kind, account, region, window, count, share", async () => {
    const hit = async (fault: Omit<Fault, "effect">, times = 1) => {
      const { clock, client } = setup({ latency: false, limits: false, faults: [{ effect: "denied", ...fault }] });
      await clock.advance(1_000);
      let hits = 0;
      for (let i = 0; i < times; i++) if ((await codeOf(client.describeNetworks())) === "Denied") hits++;
      return hits;
    };
    expect(await hit({ operations: ["describeNetworks"] })).toBe(1);
    expect(await hit({ operations: ["createNetwork", "describe*"] })).toBe(1);
    expect(await hit({ operations: ["describeNetwork"] })).toBe(0);
    expect(await hit({ kinds: ["create"] })).toBe(0);
    expect(await hit({ account: "b" })).toBe(0);
    expect(await hit({ region: "region-2" })).toBe(0);
    expect(await hit({ fromMs: 1_001 })).toBe(0);
    expect(await hit({ untilMs: 1_000 })).toBe(0);
    expect(await hit({ fromMs: 1_000, untilMs: 1_001 })).toBe(1);
    expect(await hit({ times: 3 }, 10)).toBe(3);
    expect(await hit({ skip: 4 }, 10)).toBe(6);
    expect(Math.abs((await hit({ share: 0.3 }, 1_000)) - 300)).toBeLessThan(60);
  });

  test("can be added and taken away while running", async () => {
    const { cloud, client } = setup({ latency: false });
    const heal = cloud.addFault({ effect: "unavailable" });
    expect(await codeOf(client.describeNetworks())).toBe("Unavailable");
    heal();
    expect(await codeOf(client.describeNetworks())).toBe("ok");
    expect(cloud.inspect().requests.map(({ fault }) => fault)).toEqual(["unavailable", undefined]);
  });
});

describe("simulated cloud: credentials", () => {
  test("accepts what it issued until it expires or is revoked, for its own account only", async () => {
    const { clock, cloud } = setup({ latency: false });
    let credential = cloud.issueCredential("a", 60_000);
    const client = cloud.client({ account: "a", credential: async () => credential.value });
    expect(credential.expiresAt).toBe(clock.now() + 60_000);
    await client.describeNetworks();
    await clock.advance(59_999);
    await client.describeNetworks();
    await clock.advance(1);
    const expired = await client.createNetwork({ name: "n" }).catch((error) => error);
    expect(expired).toMatchObject({ code: "Unauthenticated", status: 401 });
    expect(JSON.stringify([expired, expired.message, cloud.inspect()])).not.toContain(credential.value);

    credential = cloud.issueCredential("a", 60_000);
    await client.describeNetworks();
    cloud.revokeCredential(credential.value);
    expect(await codeOf(client.describeNetworks())).toBe("Unauthenticated");
    credential = cloud.issueCredential("b", 60_000);
    expect(await codeOf(client.describeNetworks())).toBe("Denied");
    credential = { value: "made up", expiresAt: 0 };
    expect(await codeOf(client.describeNetworks())).toBe("Unauthenticated");
    expect(cloud.inspect()).toMatchObject({ credentialsIssued: 3, resources: [] });
  });

  test("a credential that cannot be fetched fails the call, and nothing is sent", async () => {
    const { cloud } = setup();
    const failure = new Error("no credential");
    const client = cloud.client({ account: "a", credential: () => Promise.reject(failure) });
    await expect(client.describeNetworks()).rejects.toBe(failure);
    expect(cloud.inspect().requests).toEqual([]);
  });
});

describe("simulated cloud: the line", () => {
  test("an abort before sending sends nothing; an abort in flight ends the wait with its reason", async () => {
    const { clock, cloud, client } = setup();
    const reason = new Error("changed my mind");
    await expect(client.createNetwork({ name: "n" }, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await clock.advance(60_000);
    expect(cloud.inspect().requests).toEqual([]);

    const controller = new AbortController();
    const asked = client.createNetwork({ name: "n" }, { signal: controller.signal });
    await clock.advance(1);
    controller.abort(reason);
    await expect(asked).rejects.toBe(reason);
    await clock.advance(60_000);
    expect(cloud.inspect().live.a?.network).toBe(1); // it had left
    expect(clock.pending).toBe(0);
  });

  test("after a severed line nothing settles and nothing leaves, though what had left is done", async () => {
    const { clock, cloud } = setup();
    const { client, sever } = cloud.connect({ account: "a" });
    let settled = 0;
    const note = () => settled++;
    client.createNetwork({ name: "n" }).then(note, note);
    await clock.advance(1);
    sever();
    expect(clock.pending).toBe(1); // the request on its way; nobody waits for an answer any more
    client.createNetwork({ name: "ghost" }).then(note, note);
    await clock.advance(120_000);
    expect([settled, clock.pending]).toEqual([0, 0]);
    expect(cloud.inspect().resources.map(({ name }) => name)).toEqual(["n"]);
    expect(await clock.runUntil(cloud.client({ account: "a" }).describeNetworks())).toMatchObject({
      resources: [{ name: "n" }],
    });
  });

  test("every answer and every error that comes back carries the id that the cloud logged", async () => {
    const { clock, cloud, client } = setup();
    const ok = await clock.runUntil(client.describeNetworks());
    const error = await clock.runUntil(client.describeNetwork({ id: "none" })).catch((reason) => reason);
    expect(error).toBeInstanceOf(CloudError);
    expect(cloud.inspect().requests.map(({ requestId }) => requestId)).toEqual([ok.requestId, error.requestId]);
  });

  test("bootstrap data is neither answered nor logged", async () => {
    const { clock, cloud, client } = setup();
    const { id } = cloud.place("network", { account: "a", name: "n" });
    const made = await clock.runUntil(client.createMachine({ name: "m", networkId: id, userData: "canary-7319" }));
    expect(JSON.stringify([made, cloud.inspect()])).not.toContain("canary-7319");
  });
});

describe("simulated cloud: options", () => {
  test.each([
    [{ seed: {} }, "simulatedCloud.seed"],
    [{ clock: {} }, "simulatedCloud.clock"],
    [{ consistencyMs: -1 }, "simulatedCloud.consistencyMs"],
    [{ limits: { read: { ratePerSecond: 0, burst: 1 } } }, "simulatedCloud.limits"],
    [{ faults: [{ effect: "lost", share: 2 }] }, "simulatedCloud.faults[0].share"],
    [{ faults: [{ effect: "explodes" }] }, "simulatedCloud.faults[0].effect"],
    [{ unknown: 1 }, "simulatedCloud"],
  ])("%j is refused with its path", (options, path) => {
    const all = { seed: 1, clock: simulatedClock(), ...options } as Parameters<typeof simulatedCloud>[0];
    expect(() => simulatedCloud(all)).toThrow(path);
  });

  test("a bad fault is refused when added", () => {
    const { cloud } = setup();
    expect(() => cloud.addFault({ effect: "lost", times: -1 })).toThrow("fault.times");
  });
});

describe("simulated cloud: its description for the object adapter", () => {
  test("describes every method, and every class of error", async () => {
    const { clock, cloud, client } = setup();
    const { operations, errors, seen, read, answer, limits } = simulatedCloudOperations;
    expect(Object.keys(operations).sort()).toEqual(Object.keys(client).sort());
    for (const [name, { kind, token, tags, record }] of Object.entries(operations)) {
      if (kind === "create") expect([name, token, tags]).toEqual([name, "clientToken", "tags"]);
      expect(record).not.toContain("userData");
      expect(record).not.toContain("clientToken");
    }
    expect(errors(new CloudError("ConnectionReset")).class).toBe("outage");
    expect(errors(new CloudError("NotFound", { requestId: "r" }))).toEqual({
      class: "not-found",
      code: "NotFound",
      status: 404,
      requestId: "r",
    });
    expect(errors(AbortSignal.abort().reason).class).toBe("aborted");
    expect(errors(null).class).toBe("unknown");
    const made = await clock.runUntil(client.createNetwork({ name: "n", tags: { k: "v" } }));
    expect([...seen("createNetwork", made)]).toMatchObject([{ id: made.resource.id, tags: { k: "v" } }]);
    expect(await clock.runUntil(read(made.resource.id, client))).toEqual({ k: "v" });
    expect(await clock.runUntil(read("net-none", client))).toBeUndefined();
    expect(answer(made)).toEqual({ class: "ok", status: 200, requestId: made.requestId });
    expect(answer(undefined)).toEqual({ class: "ok", status: 200 });
    for (const limit of limits) expect(limit.source).toBeTruthy();
    expect(cloud.inspect().requests).toHaveLength(3);
  });
});
