import { CoreV1Api } from "@kubernetes/client-node";
import { configMapState } from "provider-guard/kubernetes";
import { simulatedClock } from "provider-guard/testing";
import { describe, expect, it } from "vitest";
import { serverClock } from "../../../adapters/kubernetes/config-map-state-clock.ts";
import { stateStoreContract } from "../../support/state-store-contract.ts";
import { configMapServer } from "./config-map-state-server.ts";
import { httpApi, send } from "./http-api.ts";
import { apiError } from "./lease-elector-model.ts";

const place = { namespace: "acme-system", name: "state" };

stateStoreContract("ConfigMap", async () => {
  const { core } = configMapServer();
  const clock = simulatedClock();
  const open = () => configMapState({ core, ...place, clock });
  return { store: open(), clock, another: async () => open() };
});

function store(options: object = {}) {
  const server = configMapServer();
  const clock = simulatedClock();
  const open = () => configMapState({ core: server.core, ...place, shards: 1, clock, ...options });
  return { server, clock, open, state: open() };
}

describe("configMapState", () => {
  it("writes a lone change with one request, and many at once together", async () => {
    const { server, state } = store();
    await state.put("a", "1");
    server.requests.length = 0;
    await state.put("a", "2");
    expect(server.requests).toEqual(["update"]);
    server.requests.length = 0;
    const sums = await Promise.all(Array.from({ length: 50 }, () => state.increment("n", 1)));
    expect(sums.map(({ value }) => value)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    expect(server.requests).toEqual(["update"]);
  });

  it("believes nothing that it remembers when it says no", async () => {
    const { state, open } = store();
    const other = open();
    await state.put("a", "1");
    const version = (await state.get("a"))?.version;
    await other.put("a", "2");
    expect(await state.compareAndSet("a", version, "3")).toBe(false);
    const newer = (await other.get("a"))?.version;
    await other.delete("b");
    expect(await state.compareAndSet("a", newer, "3")).toBe(true);
    expect(await other.get("a")).toMatchObject({ value: "3" });
  });

  it("lets one failing step fail alone", async () => {
    const { state } = store();
    await state.put("text", "x");
    const [counted, put] = await Promise.allSettled([state.increment("text", 1), state.put("b", "1")]);
    expect(counted).toMatchObject({ status: "rejected", reason: { code: "ERR_CONFIG_INVALID" } });
    expect(put.status).toBe("fulfilled");
    expect(await state.get("b")).toMatchObject({ value: "1" });
  });

  it("refuses what does not fit before the server does, keeps what is there, and takes less again", async () => {
    const { state, server } = store();
    await state.put("a", "x".repeat(600_000));
    await expect(state.put("b", "é".repeat(300_000))).rejects.toMatchObject({
      code: "ERR_STATE_UNAVAILABLE",
      message: expect.stringContaining("state-0: is full"),
    });
    expect(await state.get("b")).toBeUndefined();
    await state.put("c", "y".repeat(448_000));
    expect(Buffer.byteLength(server.stored.get("state-0")?.data?.entries ?? "")).toBeLessThanOrEqual(1_048_576);
    expect((await state.get("a"))?.value).toHaveLength(600_000);
    await state.delete("a");
    await state.put("b", "é".repeat(290_000));
  });

  it("sweeps with the next write what has ended", async () => {
    const { state, server, clock } = store();
    await state.put("ends", "1", { ttlMs: 1_000 });
    await clock.advance(1_000);
    await state.put("a", "1");
    expect(server.stored.get("state-0")?.data?.entries).not.toContain("ends");
  });

  it("begins anew where somebody deleted the ConfigMap, with versions that never were", async () => {
    const { state, server } = store();
    await state.put("a", "1");
    const version = (await state.get("a"))?.version;
    server.stored.clear();
    await state.put("a", "1");
    expect((await state.get("a"))?.version).not.toBe(version);
  });

  it("keeps what others wrote into the ConfigMap", async () => {
    const { state, server } = store();
    server.keep("state-0", {
      metadata: { name: "state-0", annotations: { team: "a" } },
      data: { readme: "hands off" },
    });
    await state.put("a", "1");
    expect(server.stored.get("state-0")).toMatchObject({
      metadata: { annotations: { team: "a", "provider-guard/shards": "1" } },
      data: { readme: "hands off" },
    });
  });

  it.each(["nonsense", "[1,2,3]", '["a","b","c","d"]', '["a","b","c",1,2]', "null"])(
    "neither reads nor overwrites what it did not write: %s",
    async (entries) => {
      const { state, server } = store();
      server.keep("state-0", { metadata: { name: "state-0" }, data: { entries } });
      for (const attempt of [state.get("a"), state.put("a", "1")]) {
        await expect(attempt).rejects.toMatchObject({
          code: "ERR_CONFIG_INVALID",
          message: expect.stringContaining("state-0"),
        });
      }
      expect(server.stored.get("state-0")?.data).toEqual({ entries });
    },
  );

  it("refuses another number of shards than it was made with", async () => {
    const { state, open, server } = store();
    await state.put("a", "1");
    await open().put("a", "2");
    const more = configMapState({ core: server.core, ...place, shards: 2, clock: simulatedClock() });
    const scan = async () => {
      for await (const _ of more.scan("")) throw new Error("found something");
    };
    await expect(scan()).rejects.toMatchObject({
      code: "ERR_CONFIG_INVALID",
      message: expect.stringContaining("1 shards"),
    });
  });

  it("gives up after so many conflicts", async () => {
    const { state, server } = store({ random: () => 0 });
    server.before = (verb) => {
      if (verb !== "get") throw apiError(409);
    };
    await expect(state.put("a", "1")).rejects.toMatchObject({ code: "ERR_STATE_UNAVAILABLE", retryable: true });
    expect(server.requests.filter((verb) => verb === "create")).toHaveLength(21);
  });

  it("says what is missing where it is forbidden, and goes on once it is allowed", async () => {
    const { state, server } = store();
    server.before = () => {
      throw apiError(403);
    };
    await expect(state.get("a")).rejects.toMatchObject({
      code: "ERR_STATE_UNAVAILABLE",
      retryable: false,
      message: expect.stringContaining("allow get, create and update of configmaps"),
    });
    server.before = () => {};
    expect(await state.get("a")).toBeUndefined();
  });

  it("does not make a change twice whose answer was lost, and does not believe it failed", async () => {
    const { state, server } = store();
    await state.increment("n", 1);
    const { replaceNamespacedConfigMap } = server.core;
    server.core.replaceNamespacedConfigMap = async (request) => {
      await replaceNamespacedConfigMap(request);
      throw new Error("socket hang up");
    };
    await expect(state.increment("n", 1)).rejects.toMatchObject({ code: "ERR_STATE_UNAVAILABLE", retryable: true });
    server.core.replaceNamespacedConfigMap = replaceNamespacedConfigMap;
    expect(await state.increment("n", 1)).toMatchObject({ value: 3 });
  });

  it("gives up when the API server hangs", async () => {
    const { config } = await httpApi(() => {});
    const state = configMapState({ core: config.makeApiClient(CoreV1Api), ...place, timeoutMs: 50 });
    await expect(state.get("a")).rejects.toMatchObject({ code: "ERR_STATE_UNAVAILABLE", retryable: true });
  });

  it("judges by the API server's clock, however wrong the replica's own is", async () => {
    let date = Date.UTC(2031, 0, 1);
    const server = configMapServer();
    const { config } = await httpApi(({ method = "", url = "" }, response) => {
      const name = url.split("/").at(-1) ?? "";
      const found = server.stored.get(name);
      const headers = { date: new Date(date).toUTCString() };
      if (method === "GET") return send(response, found ? 200 : 404, found ?? {}, headers);
      let text = "";
      response.req.on("data", (chunk) => {
        text += chunk;
      });
      response.req.on("end", () => {
        const body = JSON.parse(text);
        send(response, 200, server.keep(body.metadata.name, body), headers);
      });
    });
    const state = configMapState({ core: config.makeApiClient(CoreV1Api), ...place, shards: 1 });
    await state.put("a", "1", { ttlMs: 60_000 });
    date += 50_000;
    expect(await state.get("a")).toMatchObject({ value: "1" });
    date += 12_000;
    await state.get("b"); // the clock is told by answers
    expect(await state.get("a")).toBeUndefined();
  });

  it("refuses to guess the time where answers have no date", async () => {
    const { state } = store({ clock: undefined });
    await expect(state.get("a")).rejects.toMatchObject({
      code: "ERR_CONFIG_INVALID",
      message: expect.stringContaining("Date"),
    });
  });

  it.each([
    [{ shards: 0 }, "configMapState.shards"],
    [{ name: "A" }, "configMapState.name"],
    [{ namespace: "a/b" }, "configMapState.namespace"],
    [{ core: {} }, "configMapState.core"],
    [{ timeoutMs: 0 }, "configMapState.timeoutMs"],
    [{ ttl: 1 }, "configMapState"],
  ])("refuses %j, naming the path", (wrong, path) => {
    const { core } = configMapServer();
    expect(() => configMapState({ core, ...place, ...wrong } as never)).toThrow(
      expect.objectContaining({ code: "ERR_CONFIG_INVALID", message: expect.stringContaining(path) }),
    );
  });
});

describe("the API server's clock", () => {
  it("is narrowed down below a second by answers, and follows when it is set", () => {
    let at = 0;
    const clock = serverClock({ monotonic: () => at });
    expect(() => clock.now()).toThrow(expect.objectContaining({ code: "ERR_CONFIG_INVALID" }));
    const truth = Date.UTC(2031, 0, 1) + 437;
    const answer = (offset: number) => {
      const dated = clock.asking();
      at += 10;
      dated(Math.floor((truth + at + offset) / 1000) * 1000);
      at += 90;
    };
    answer(0);
    expect(Math.abs(clock.now() - truth - at)).toBeLessThan(1_000);
    for (let i = 0; i < 15; i++) answer(0);
    expect(Math.abs(clock.now() - truth - at)).toBeLessThan(60);
    answer(-3_600_000);
    expect(Math.abs(clock.now() - truth - at + 3_600_000)).toBeLessThan(1_000);
  });
});
