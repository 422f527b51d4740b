import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerOptions, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { memoryState } from "provider-guard";
import { httpStore, memoryStore } from "provider-guard/bootstrap";
import { describe, expect, it } from "vitest";
import { testBinding } from "../../support/bootstrap-store-contract.ts";

const parts = { backing: memoryStore(), state: memoryState() };
const url = "https://bootstrap.example.com/machines";

describe("httpStore's options", () => {
  it("are refused where they are wrong, by their path", () => {
    const { get: _, ...unreadable } = memoryStore();
    const cases: [object, string][] = [
      [{ url: "http://bootstrap.example.com" }, "httpStore.url: must be https"],
      [{ url: "http://127.0.0.1.example.com" }, "httpStore.url: must be https"],
      [{ url: "http://[::2]/" }, "httpStore.url: must be https"],
      [{ url: "ftp://bootstrap.example.com" }, "httpStore.url"],
      [{ url: "https://user:CANARY@bootstrap.example.com" }, "httpStore.url"],
      [{ url: `${url}?a=b` }, "httpStore.url"],
      [{ url: `${url}/$(reboot)` }, "httpStore.url"],
      [{ url: `${url}/..%2f` }, "httpStore.url"],
      [{ backing: unreadable }, "httpStore.backing"],
      [{ state: {} }, "httpStore.state"],
      [{ key: new Uint8Array(31) }, "httpStore.key"],
      [{ path: "machines" }, "httpStore.path"],
      [{ certificateAuthority: "PEM" }, "httpStore.certificateAuthority"],
      [{ trustedProxies: -1 }, "httpStore.trustedProxies"],
      [{ ignitionWindowMs: -1 }, "httpStore.ignitionWindowMs"],
      [{ timeoutMs: 0 }, "httpStore.timeoutMs"],
      [{ maxFailuresPerMinute: 0 }, "httpStore.maxFailuresPerMinute"],
      [{ tokens: 1 }, "httpStore"],
    ];
    for (const [wrong, path] of cases) {
      const make = () => httpStore({ url, ...parts, ...wrong });
      expect(make, path).toThrow(path);
      expect(make).not.toThrow("CANARY");
    }
  });

  it("take http on loopback, or where it is said to be meant", async () => {
    for (const loopback of ["http://localhost:1", "http://127.0.0.1:1/a/", "http://[::1]:1/a"]) {
      httpStore({ url: loopback, ...parts });
    }
    const store = httpStore({ url: "http://10.0.0.1/a/", allowInsecure: true, ...parts });
    const binding = testBinding();
    expect((await store.opener(binding))?.settings?.pg_store_url).toBe(`http://10.0.0.1/a/${binding.id}`);
  });

  it("copy the key: whoever overwrites his changes no token", async () => {
    const key = Buffer.alloc(32, 1);
    const store = httpStore({ url, key, ...parts });
    const binding = testBinding();
    const before = await store.opener(binding);
    key.fill(0);
    expect(await store.opener(binding)).toEqual(before);
  });

  it("bind a token to machine, sealing, format and expiry", async () => {
    const store = httpStore({ url, key: Buffer.alloc(32, 1), ...parts });
    const binding = testBinding();
    const { machine } = binding;
    const others = [
      binding,
      testBinding("mc-1", { ...binding, id: "0".repeat(32) }),
      testBinding("mc-1", { ...binding, expiresAt: binding.expiresAt + 1_000 }),
      testBinding("mc-1", { ...binding, format: "script" }),
      testBinding("mc-1", { ...binding, machine: { ...machine, managementCluster: "mc-2" } }),
      testBinding("mc-1", { ...binding, machine: { ...machine, machine: { ...machine.machine, uid: "other" } } }),
    ];
    const tokens = await Promise.all(others.map(async (one) => (await store.opener(one))?.settings?.pg_store_token));
    expect(new Set(tokens).size).toBe(others.length);
  });
});

describe("httpStore's serverOptions", () => {
  const store = httpStore({ url: "http://127.0.0.1:1/a", ...parts });

  /** What a server with these options answers to these bytes, and how often its handler was asked. */
  async function answerTo(bytes: string, options: ServerOptions = {}) {
    let handled = 0;
    const listener = (request: IncomingMessage, response: ServerResponse) => {
      handled++;
      void store.handler(request, response);
    };
    const server = createServer({ ...store.serverOptions, ...options }, listener).listen(0, "127.0.0.1");
    await once(server, "listening");
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
    socket.write(bytes);
    let answer = "";
    for await (const chunk of socket) answer += chunk;
    server.close();
    return [answer.split("\r\n")[0], handled];
  }

  it("end whoever sends headers without end, or slowly, before the handler hears of it", async () => {
    const long = `GET /a HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(9_000)}`;
    expect(await answerTo(long)).toEqual(["HTTP/1.1 431 Request Header Fields Too Large", 0]);
    const soon = { headersTimeout: 20, connectionsCheckingInterval: 10 };
    expect(await answerTo("GET /a HTTP/1.1\r\nHost:", soon)).toEqual(["HTTP/1.1 408 Request Timeout", 0]);
  });
});
