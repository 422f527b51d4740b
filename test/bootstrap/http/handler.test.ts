import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { memoryState, type StateStore } from "provider-guard";
import { type Binding, memoryStore } from "provider-guard/bootstrap";
import { afterEach, describe, expect, it } from "vitest";
import { testBinding } from "../../support/bootstrap-store-contract.ts";
import { type Asking, ask, claimOf, headersOf, type Served, serve } from "./served.ts";

const open: Served[] = [];
afterEach(async () => {
  for (const served of open.splice(0)) await served.close();
});

async function start(options: Parameters<typeof serve>[0] = {}): Promise<Served> {
  const served = await serve(options);
  open.push(served);
  return served;
}

/** Who waits for `begun` waits for somebody else to begin. */
function meeting() {
  let begin = () => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  return { begin, begun };
}

const secret = Buffer.from("CANARY-ciphertext-of-a-machine");

/** A handler with one sealing of two items, and how its machine and a thief with its user data ask. */
async function sealed(options: Parameters<typeof serve>[0] = {}, changes: Partial<Binding> = {}) {
  const served = await start(options);
  const now = Math.floor(served.clock.now() / 1_000) * 1_000;
  const binding = testBinding("mc-1", { sealedAt: now, expiresAt: now + 3_600_000, ...changes });
  for (const index of [0, 1]) await served.store.put(`${binding.id}/${index}`, secret, binding);
  const at = (index: number | string, replica = served) => `${replica.url}/${binding.id}/${index}`;
  const as = async (claim: string | undefined, more: Asking = {}) => ({
    ...more,
    headers: { ...(await headersOf(served.store, binding, claim)), ...more.headers },
  });
  const machine = await as(claimOf("a"));
  const thief = await as(claimOf("b"));
  const types = () => served.events.map((event) => ("reason" in event ? `${event.type} ${event.reason}` : event.type));
  return { ...served, binding, at, as, machine, thief, types };
}

describe("httpStore's handler", () => {
  it("hands an item to the first claim, again to the same one, and tells of it once", async () => {
    const { at, machine, types, events } = await sealed();
    const first = await ask(at(0), machine);
    expect(first).toMatchObject({ status: 200, body: secret });
    expect(first.headers).toMatchObject({ "cache-control": "no-store", "content-length": String(secret.length) });
    for (const name of ["etag", "last-modified", "expires", "age"]) expect(first.headers[name]).toBeUndefined();
    expect(await ask(at(0), machine)).toMatchObject({ status: 200, body: secret });
    expect(await ask(at(1), machine)).toMatchObject({ status: 200, body: secret });
    expect(await ask(at(0), { ...machine, method: "HEAD" })).toMatchObject({
      status: 200,
      headers: { "content-length": String(secret.length) },
      body: Buffer.alloc(0),
    });
    expect(types()).toEqual(["claimed"]);
    expect(events[0]).toMatchObject({ source: "127.0.0.1" });
  });

  it("loses no machine whose answer was lost on the way", async () => {
    const { at, machine, server } = await sealed();
    server.prependOnceListener("request", (_, response) => {
      response.end = () => response.destroy();
    });
    await expect(ask(at(0), machine)).rejects.toThrow();
    expect(await ask(at(0), machine)).toMatchObject({ status: 200, body: secret });
  });

  it("refuses a thief who comes second, counts, and tells", async () => {
    const { at, machine, thief, events, binding } = await sealed();
    await ask(at(0), machine);
    for (const count of [1, 2]) {
      expect(await ask(at(0), thief)).toMatchObject({ status: 403 });
      expect(events.at(-1)).toEqual({
        type: "misused",
        reason: "other-claim",
        machine: binding.machine,
        id: binding.id,
        source: "127.0.0.1",
        count,
      });
    }
    expect(await ask(at(0), { ...thief, method: "DELETE" })).toMatchObject({ status: 403 });
    expect(await ask(at(0), machine)).toMatchObject({ status: 200, body: secret });
  });

  it("tells of a thief who comes first as soon as the machine comes, and gives the machine nothing", async () => {
    const { at, machine, thief, types } = await sealed();
    expect(await ask(at(0), thief)).toMatchObject({ status: 200 }); // ciphertext: the key is the key wrap's to keep
    expect(await ask(at(0), machine)).toMatchObject({ status: 403 });
    expect(types()).toEqual(["claimed", "misused other-claim"]);
  });

  it("lets one of two that come at the same time to two replicas be the first", async () => {
    const one = await sealed();
    const other = await start({ state: one.state, backing: one.backing, clock: one.clock });
    const get = one.state.get.bind(one.state);
    for (let round = 0; round < 5; round++) {
      const binding = testBinding();
      await one.store.put(`${binding.id}/0`, secret, binding);
      // Both have read the record, and read it again to change it, before either of them writes.
      let reads = 0;
      const meetings = [meeting(), meeting()];
      one.state.get = async (...request) => {
        const found = await get(...request);
        const here = meetings[Math.floor(reads / 2)];
        if (reads++ % 2 === 1) here?.begin();
        await here?.begun;
        return found;
      };
      const [a, b] = ["a", "b"].map(claimOf);
      const answers = await Promise.all([
        ask(`${one.url}/${binding.id}/0`, { headers: await headersOf(one.store, binding, a) }),
        ask(`${other.url}/${binding.id}/0`, { headers: await headersOf(one.store, binding, b) }),
      ]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 403]);
    }
  });

  it("hands out of any replica what another one sealed", async () => {
    const one = await sealed();
    const other = await start({ state: one.state, backing: one.backing, clock: one.clock });
    expect(await ask(one.at(0, other), one.machine)).toMatchObject({ status: 200, body: secret });
    expect(await ask(one.at(0), one.machine)).toMatchObject({ status: 200, body: secret });
    expect(await ask(one.at(1, other), one.thief)).toMatchObject({ status: 403 });
    const another = await start({ state: one.state, backing: one.backing, clock: one.clock });
    await expect(another.store.put(`${one.binding.id}/0`, secret, one.binding)).rejects.toMatchObject({
      code: "ERR_CONFIG_INVALID", // a process with another key makes another token
    });
  });

  it("makes the same user data in each process that has the key", async () => {
    const key = randomBytes(32);
    const one = await sealed({ key });
    const other = await start({ key, url: one.url, state: one.state, backing: one.backing, clock: one.clock });
    await other.store.put(`${one.binding.id}/0`, secret, one.binding);
    expect(await other.store.opener(one.binding)).toEqual(await one.store.opener(one.binding));
    expect(await ask(one.at(0, other), one.machine)).toMatchObject({ status: 200, body: secret });
  });

  it("hands nothing out any more once the machine has deleted an item, and takes that twice", async () => {
    const { at, machine, types, store, binding } = await sealed();
    await ask(at(0), machine);
    const forget = { ...machine, method: "DELETE" };
    expect(await ask(at(0), forget)).toMatchObject({ status: 204, body: Buffer.alloc(0) });
    expect(await ask(at(0), forget)).toMatchObject({ status: 204 });
    expect(await store.has(`${binding.id}/0`)).toBe(false);
    expect(await store.has(`${binding.id}/1`)).toBe(true);
    expect(await ask(at(1), machine)).toMatchObject({ status: 404 });
    expect(await ask(at(1), forget)).toMatchObject({ status: 204 });
    expect(await store.has(`${binding.id}/1`)).toBe(false);
    expect(types()).toEqual(["claimed", "forgotten"]);
  });

  it("takes no deletion from who has not fetched", async () => {
    const { at, machine, store, binding } = await sealed();
    expect(await ask(at(0), { ...machine, method: "DELETE" })).toMatchObject({ status: 403 });
    expect(await store.has(`${binding.id}/0`)).toBe(true);
    expect(await ask(at(0), machine)).toMatchObject({ status: 200 });
  });

  it("hands nothing out after the expiry, and tells who comes late without having come before", async () => {
    const { at, machine, thief, clock, types } = await sealed();
    await clock.advance(3_600_000);
    expect(await ask(at(0), machine)).toMatchObject({ status: 404 });
    expect(types()).toEqual(["misused late"]);
    const other = await sealed();
    await ask(other.at(0), other.machine);
    await other.clock.advance(3_599_000);
    expect(await ask(other.at(0), other.machine)).toMatchObject({ status: 200 });
    await other.clock.advance(1_001);
    expect(await ask(other.at(0), other.machine)).toMatchObject({ status: 404 });
    expect(await ask(other.at(0), other.thief)).toMatchObject({ status: 403 });
    expect(other.types()).toEqual(["claimed", "misused other-claim"]);
    expect(thief).toBeDefined();
  });

  it("hands nothing out after the controller's deletion, and tells who comes then", async () => {
    const { at, machine, store, binding, types } = await sealed();
    expect(await store.delete(`${binding.id}/0`)).toBe(true);
    expect(await ask(at(1), machine)).toMatchObject({ status: 404 });
    expect(types()).toEqual(["misused late"]);
  });

  it("answers what is unknown, wrong, deleted and expired alike", async () => {
    const { at, machine, store, binding, url, clock } = await sealed({ maxFailuresPerMinute: 1_000 });
    const other = testBinding();
    const wrong = { ...machine, headers: { ...machine.headers, authorization: `Bearer ${"x".repeat(43)}` } };
    const answers = [
      await ask(`${url}/${other.id}/0`, machine),
      await ask(at(0), wrong),
      await ask(at(7), machine),
      await ask(at(0), {}),
      await ask(at(0), { headers: { authorization: "Basic eDp4" } }),
      await ask(`${url}/${other.id}/0`, { headers: await headersOf(store, other, claimOf("a")) }),
    ];
    await store.delete(`${binding.id}/0`);
    answers.push(await ask(at(0), machine));
    await clock.advance(4_000_000);
    answers.push(await ask(at(1), machine));
    for (const { status, headers, body } of answers) {
      expect({ status, body: body.toString(), headers: { ...headers, date: "" } }).toEqual({
        status: 404,
        body: "provider-guard: refused\n",
        headers: {
          "cache-control": "no-store",
          "content-type": "application/octet-stream",
          "x-content-type-options": "nosniff",
          "content-length": "24",
          connection: "close",
          date: "",
        },
      });
    }
  });

  it("finds nothing by tricks with the path", async () => {
    const { binding, url, machine, at } = await sealed({ maxFailuresPerMinute: 1_000 });
    const { id } = binding;
    const paths = [
      `/${id}/0?x`,
      `/${id}/0#x`,
      `/${id}/00`,
      `/${id}/-0`,
      `/${id}/0/`,
      `//${id}/0`,
      `/${id}//0`,
      `/./${id}/0`,
      `/x/../${id}/0`,
      `/%2e%2e/machines/${id}/0`,
      `/${id}%2f0`,
      `/${id}/%30`,
      `/${id.toUpperCase()}/0`,
      `/${id}/0;a`,
      `/${id}/0\\`,
      `/${id}`,
      `/`,
      ``,
      `/${id}/99999`,
      `/${id}/1e0`,
      `/${id}/__proto__`,
    ];
    for (const path of paths) {
      const { port } = new URL(url);
      const socket = connect(Number(port), "127.0.0.1");
      const headers = Object.entries(machine.headers ?? {}).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.end(`GET /machines${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers.join("")}\r\n`);
      let answer = "";
      for await (const chunk of socket) answer += chunk;
      expect(answer, path).toMatch(/^HTTP\/1.1 40[04] /);
      expect(answer, path).not.toContain("CANARY");
    }
    expect(await ask(at(0), machine)).toMatchObject({ status: 200 });
  });

  it("takes no other method, no body, and no claim that is none", async () => {
    const { at, machine } = await sealed({ maxFailuresPerMinute: 1_000 });
    const withBody = { headers: { ...machine.headers, "content-length": "1" }, body: "x" };
    for (const method of ["PUT", "PATCH", "OPTIONS", "PROPFIND"]) {
      expect(await ask(at(0), { ...machine, method })).toMatchObject({ status: 405 });
    }
    expect(await ask(at(0), { ...machine, method: "POST" })).toMatchObject({ status: 404 });
    expect(await ask(at(0), { ...machine, method: "DELETE", ...withBody })).toMatchObject({ status: 413 });
    const chunked = { ...machine, headers: { ...machine.headers, "transfer-encoding": "chunked" }, body: "x" };
    expect(await ask(at(0), chunked)).toMatchObject({ status: 413 });
    for (const claim of ["", "a", "A".repeat(64), `${claimOf("a")}, ${claimOf("b")}`]) {
      const headers = { ...machine.headers, "bootstrap-claim": claim };
      expect(await ask(at(0), { headers })).toMatchObject({ status: 400 });
    }
    const { "bootstrap-claim": _, ...without } = machine.headers;
    expect(await ask(at(0), { headers: without as Record<string, string> })).toMatchObject({ status: 400 });
    expect(await ask(at(0), machine)).toMatchObject({ status: 200 });
  });

  it("asks allowSource with a right token alone, and binds nothing where it says no", async () => {
    const asked: unknown[] = [];
    let allowed = false;
    const allowSource = ({ machine, source }: { machine: unknown; source: string }) => {
      asked.push([machine, source]);
      return allowed;
    };
    const { at, machine, thief, types, binding } = await sealed({ allowSource });
    expect(
      await ask(at(0), { headers: { ...thief.headers, authorization: `Bearer ${"x".repeat(43)}` } }),
    ).toMatchObject({
      status: 404,
    });
    expect(asked).toEqual([]);
    expect(await ask(at(0), thief)).toMatchObject({ status: 403 });
    allowed = true;
    expect(await ask(at(0), machine)).toMatchObject({ status: 200 });
    expect(asked).toEqual([
      [binding.machine, "127.0.0.1"],
      [binding.machine, "127.0.0.1"],
    ]);
    expect(types()).toEqual(["misused source-refused", "claimed"]);
  });

  it("takes the address that its own proxies saw, and no other that a header claims", async () => {
    const sources: string[] = [];
    const allowSource = ({ source }: { source: string }) => sources.push(source) > 0;
    const forwarded = { "x-forwarded-for": "203.0.113.9, 2001:db8::1, ::ffff:198.51.100.7" };
    for (const trustedProxies of [0, 1, 2, 3, 4]) {
      const { at, as } = await sealed({ allowSource, trustedProxies });
      await ask(at(0), await as(claimOf("a"), { headers: forwarded }));
    }
    expect(sources).toEqual(["127.0.0.1", "198.51.100.7", "2001:db8::1", "203.0.113.9", "127.0.0.1"]);
    const { at, as } = await sealed({ allowSource, trustedProxies: 1 });
    await ask(at(0), await as(claimOf("a"), { headers: { "x-forwarded-for": "203.0.113.9, unknown" } }));
    expect(sources.at(-1)).toBe("127.0.0.1");
  });

  it("does not hear a source that fails too often for the rest of its minute, in bounded memory", async () => {
    const { at, machine, events, clock, url, state } = await sealed({ trustedProxies: 1 });
    let reads = 0;
    const get = state.get.bind(state);
    state.get = (...args: Parameters<StateStore["get"]>) => {
      reads++;
      return get(...args);
    };
    const guess = (source: string) => ({
      headers: { authorization: `Bearer ${"x".repeat(43)}`, "x-forwarded-for": source },
    });
    const id = "f".repeat(32);
    for (let i = 0; i < 40; i++) {
      const { status, headers } = await ask(`${url}/${id}/0`, guess("2001:db8:1:1::1"));
      expect(status).toBe(i < 30 ? 404 : 429);
      if (status === 429) expect(headers["retry-after"]).toBe("60");
    }
    expect(reads).toBe(30);
    expect(await ask(`${url}/${id}/0`, guess("2001:db8:1:1:ffff::1"))).toMatchObject({ status: 429 }); // its network
    expect(await ask(`${url}/${id}/0`, guess("2001:db8:1:2::1"))).toMatchObject({ status: 404 });
    expect(events).toEqual([{ type: "blocked", source: "2001:db8:1:1::1" }]);
    expect(await ask(at(0), machine)).toMatchObject({ status: 200 });
    await clock.advance(60_000);
    expect(await ask(`${url}/${id}/0`, guess("2001:db8:1:1::1"))).toMatchObject({ status: 404 });
  });

  it("answers 503 while the state store or the backing store is away, and hands out afterwards", async () => {
    const state = memoryState();
    const backing = memoryStore();
    const { at, machine, types } = await sealed({ state, backing });
    for (const [object, method] of [
      [state, "get"],
      [state, "compareAndSet"],
      [backing, "get"],
    ] as const) {
      const works = Reflect.get(object, method);
      Reflect.set(object, method, async () => {
        throw new Error("away");
      });
      expect(await ask(at(0), machine)).toMatchObject({ status: 503, headers: { "retry-after": "5" } });
      Reflect.set(object, method, works);
    }
    expect(await ask(at(0), machine)).toMatchObject({ status: 200, body: secret });
    expect(types()).toEqual(["error", "error", "claimed", "error"]);
  });

  it("hands out nothing that was changed in the backing store, or moved there", async () => {
    const backing = memoryStore();
    const { at, machine, types, binding } = await sealed({ backing });
    const get = backing.get.bind(backing);
    for (const change of [
      (bytes: Buffer) => bytes.fill(bytes.readUInt8(20) ^ 1, 20, 21),
      (bytes: Buffer) => bytes.subarray(0, 20),
      (bytes: Buffer) => bytes.fill(2, 0, 1),
    ]) {
      backing.get = async (name) => change(Buffer.from((await get(name)) ?? []));
      expect(await ask(at(0), machine)).toMatchObject({ status: 503, body: Buffer.alloc(0) });
    }
    backing.get = () => get(`${binding.id}/1`);
    expect(await ask(at(0), machine)).toMatchObject({ status: 503, body: Buffer.alloc(0) });
    backing.get = get;
    expect(await ask(at(0), machine)).toMatchObject({ status: 200 });
    expect(types()).toEqual(["claimed", "error", "error", "error", "error"]);
  });

  it("ends a request that takes too long, wherever it hangs", async () => {
    const backing = memoryStore();
    const { at, machine, clock, events } = await sealed({ backing });
    let aborted: AbortSignal | undefined;
    const get = backing.get.bind(backing);
    const hanging = new Promise<void>((started) => {
      backing.get = (_, options) => {
        aborted = options?.signal;
        started();
        return new Promise(() => {});
      };
    });
    const answer = ask(at(0), machine);
    answer.catch(() => {});
    await hanging;
    await clock.advance(30_000);
    await expect(answer).rejects.toThrow();
    expect(aborted?.aborted).toBe(true);
    backing.get = get;
    expect(await ask(at(0), machine)).toMatchObject({ status: 200 });
    expect(clock.pending).toBe(0);
    expect(events.map(({ type }) => type)).toEqual(["claimed"]);
  });

  it("ends a connection that reads its answer too slowly", async () => {
    const backing = { ...memoryStore(), maxItemBytes: 64 * 2 ** 20 };
    const { store, url, clock } = await start({ backing: { ...backing, put: async () => {}, get: async () => huge } });
    const binding = testBinding();
    let huge: Uint8Array = Buffer.alloc(0);
    const { itemCipher } = await import("../../../src/bootstrap/stores/http/item-cipher.ts");
    const headers = await headersOf(store, binding, claimOf("a"));
    huge = itemCipher(String(headers.authorization).slice(7), binding.id).seal(
      `${binding.id}/0`,
      Buffer.alloc(32 * 2 ** 20),
    );
    await store.put(`${binding.id}/0`, Buffer.alloc(1), binding);
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`GET /machines/${binding.id}/0 HTTP/1.1\r\nHost: x\r\n${lines.join("")}\r\n`);
    await once(socket, "readable"); // and reads no further
    await clock.advance(30_000);
    let bytes = 0;
    const closed = once(socket, "close");
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      bytes += chunk.length;
    });
    await closed;
    expect(bytes).toBeLessThan(32 * 2 ** 20);
    expect(clock.pending).toBe(0);
  });

  it("keeps nothing where it lies that opens the data, and tells nothing secret", async () => {
    const state = memoryState();
    const backing = memoryStore();
    const { at, machine, thief, events, binding, store } = await sealed({ state, backing });
    await ask(at(0), machine);
    await ask(at(0), thief);
    const kept: string[] = [JSON.stringify(events)];
    for await (const [key, { value }] of state.scan("")) kept.push(key, value);
    for (const index of [0, 1])
      kept.push(Buffer.from((await backing.get(`${binding.id}/${index}`)) ?? []).toString("latin1"));
    const token = String(machine.headers?.authorization).slice(7);
    const forms = [
      secret.toString(),
      secret.toString("base64"),
      token,
      Buffer.from(token, "base64url").toString("hex"),
    ];
    for (const form of [...forms, claimOf("a"), claimOf("b")]) expect(kept.join("\n")).not.toContain(form);
    expect(kept.join("\n")).toContain(binding.machine.machine.uid);
    expect(JSON.stringify(await store.opener(binding))).toContain(token); // the user data alone
  });

  it("keeps what the opener reports, from the machine alone", async () => {
    const { url, machine, thief, binding, store, events, at } = await sealed();
    const report = (asking: Asking, status: string) =>
      ask(`${url}/${binding.id}`, {
        ...asking,
        method: "POST",
        headers: { ...asking.headers, "bootstrap-status": status },
      });
    expect(await store.report(binding.id)).toBeUndefined();
    expect(await report(machine, "opening no-answer")).toMatchObject({ status: 204 });
    await ask(at(0), machine);
    expect(await report(machine, "refused signature")).toMatchObject({ status: 204 });
    expect(await report(thief, "opened ok")).toMatchObject({ status: 403 });
    for (const status of ["", "refused", "refused a b", "refused CANARY", `refused ${"a".repeat(65)}`, "done ok"]) {
      expect(await report(machine, status)).toMatchObject({ status: 400 });
    }
    expect(await store.report(binding.id)).toMatchObject({ state: "refused", reason: "signature" });
    expect(events.filter(({ type }) => type === "reported")).toHaveLength(2);
  });
});

describe("httpStore for Ignition", () => {
  const ignition = { format: "ignition" } as const;
  const fetchIt = async ({ store, binding }: Awaited<ReturnType<typeof sealed>>, localAddress = "127.0.0.1") => {
    const { source, httpHeaders } = store.ignition(binding);
    const headers = Object.fromEntries((httpHeaders ?? []).map(({ name, value }) => [name, value]));
    return ask(source, { headers, localAddress });
  };

  it("has no opener, and binds the token to the first address for a while", async () => {
    const made = await sealed({}, ignition);
    expect(await made.store.opener(made.binding)).toBeUndefined();
    expect(await fetchIt(made)).toMatchObject({ status: 200, body: secret });
    expect(await fetchIt(made)).toMatchObject({ status: 200, body: secret });
    expect(await fetchIt(made, "127.0.0.2")).toMatchObject({ status: 403 });
    await made.clock.advance(600_000);
    expect(await fetchIt(made)).toMatchObject({ status: 200 });
    await made.clock.advance(1);
    expect(await fetchIt(made)).toMatchObject({ status: 404 });
    expect(made.types()).toEqual(["claimed", "misused other-source", "misused late"]);
  });

  it("lets nobody delete or report without a claim", async () => {
    const made = await sealed({}, ignition);
    await fetchIt(made);
    const { source, httpHeaders } = made.store.ignition(made.binding);
    const headers = { authorization: httpHeaders?.[0]?.value ?? "", "bootstrap-claim": claimOf("a") };
    expect(await ask(source, { method: "DELETE", headers })).toMatchObject({ status: 403 });
    const status = { ...headers, "bootstrap-status": "opened ok" };
    expect(await ask(source.slice(0, -2), { method: "POST", headers: status })).toMatchObject({ status: 400 });
    expect(await made.store.has(`${made.binding.id}/0`)).toBe(true);
  });
});
