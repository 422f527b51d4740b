import { redisState } from "provider-guard/redis";
import { simulatedClock } from "provider-guard/testing";
import { expect, it } from "vitest";
import { FakeClient } from "./fake-client.ts";

const unavailable = { code: "ERR_STATE_UNAVAILABLE", retryable: true, requeueAfterMs: 5000 };

function open(client: FakeClient) {
  const clock = simulatedClock();
  const store = redisState({ client, clock, allowEviction: true });
  return { clock, store };
}

it("an operation without an answer ends after timeoutMs, 500 unless told otherwise", async () => {
  const { clock, store } = open(new FakeClient());
  const failed = expect(store.get("a")).rejects.toMatchObject({
    ...unavailable,
    message: "redis redis.acme:6380: no answer within 500 ms",
  });
  await clock.advance(499);
  expect(clock.pending).toBe(1);
  await clock.advance(1);
  await failed;
  expect(clock.pending).toBe(0);
});

it("an operation that ended leaves no timer and no listener behind", async () => {
  const { clock, store } = open(new FakeClient(() => null));
  const { signal } = new AbortController();
  let added = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    added++;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    added--;
    removeEventListener.apply(signal, args);
  };
  expect(await store.get("a", { signal })).toBeUndefined();
  expect([clock.pending, added]).toEqual([0, 0]);
});

it("what was given up while there was no connection is never sent", async () => {
  const client = new FakeClient(() => "OK");
  client.status = "connecting";
  const { clock, store } = open(client);
  const given = expect(store.put("a", "1")).rejects.toMatchObject(unavailable);
  const abort = new AbortController();
  const aborted = expect(store.put("b", "1", { signal: abort.signal })).rejects.toThrow("enough");
  abort.abort(new Error("enough"));
  await clock.advance(500);
  const kept = store.put("c", "1");
  client.become("ready");
  await Promise.all([given, aborted, kept]);
  expect(client.sent).toEqual(["set"]);
});

it("the second command of an operation that ended after the first is not sent", async () => {
  const client = new FakeClient(() => {
    throw new Error("NOSCRIPT No matching script.");
  });
  const { store } = open(client);
  const abort = new AbortController();
  const failed = expect(store.delete("a", { signal: abort.signal })).rejects.toThrow("enough");
  abort.abort(new Error("enough"));
  await failed;
  await new Promise(setImmediate);
  expect(client.sent).toEqual(["evalsha"]);
});

it("nobody waits while the latest attempt to connect has failed", async () => {
  const client = new FakeClient(() => null);
  client.status = "connecting";
  const { store } = open(client);
  const first = expect(store.get("a")).rejects.toMatchObject(unavailable);
  client.become("close");
  client.become("reconnecting");
  await first;
  await expect(store.get("a")).rejects.toMatchObject({
    ...unavailable,
    message: "redis redis.acme:6380: not connected",
  });
  expect(client.sent).toEqual([]);
  client.become("ready");
  expect(await store.get("a")).toBeUndefined();
});

it("a connection that was just lost is waited for", async () => {
  const client = new FakeClient(() => null);
  const { store } = open(client);
  await store.get("a");
  client.become("close");
  const pending = store.get("a");
  client.become("reconnecting");
  client.become("ready");
  expect(await pending).toBeUndefined();
});

it("an answer that comes when the connection is gone again is no reason to send what follows", async () => {
  const client = new FakeClient((command) => {
    client.status = "reconnecting";
    if (command === "evalsha") throw new Error("NOSCRIPT No matching script.");
    return 1;
  });
  const { store } = open(client);
  await expect(store.delete("a")).rejects.toMatchObject(unavailable);
  expect(client.sent).toEqual(["evalsha"]);
});

it("an error keeps its cause, without the command and its arguments", async () => {
  const client = new FakeClient(() => {
    const error = new Error("ERR unknown command 'AUTH', with args beginning with: 'admin' 'hunter2'");
    error.name = "ReplyError";
    throw Object.assign(error, { command: { name: "auth", args: ["admin", "hunter2"] } });
  });
  const { store } = open(client);
  const error = await store.get("a").catch((caught: Error) => caught);
  expect(error).toMatchObject({ ...unavailable, cause: { name: "ReplyError", message: "ERR unknown command 'AUTH'" } });
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error)) + (error as Error).message).not.toContain("hunter2");
});
