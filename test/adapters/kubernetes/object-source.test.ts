import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { CoreV1Api, CustomObjectsApi, Watch } from "@kubernetes/client-node";
import { readErrorInfo } from "provider-guard";
import type { ObjectEvent, ObjectSource } from "provider-guard/cluster-api";
import type { KubernetesObject } from "provider-guard/kubernetes";
import { objectSource } from "provider-guard/kubernetes";
import { simulatedClock } from "provider-guard/testing";
import { describe, expect, it } from "vitest";
import { httpApi, send } from "./http-api.ts";

const kind = { group: "cluster.x-k8s.io", version: "v1beta2", plural: "machines" };

const machine = (name: string, resourceVersion: string) => ({
  apiVersion: "cluster.x-k8s.io/v1beta2",
  kind: "Machine",
  metadata: { name, namespace: "default", uid: `uid-${name}`, resourceVersion },
});

/** A source on a server that answers as told; watches are taken one by one. */
async function watched(options: object = {}) {
  const answers: ServerResponse[] = [];
  const requests: IncomingMessage[] = [];
  let arrived: () => void = () => {};
  const api = await httpApi((request, response) => {
    requests.push(request);
    answers.push(response);
    arrived();
  });
  const clock = simulatedClock();
  const source = objectSource({
    ...kind,
    watch: new Watch(api.config),
    list: api.config.makeApiClient(CustomObjectsApi),
    clock,
    random: () => 0,
    ...options,
  });
  async function begin(
    signal = new AbortController().signal,
    onEvent?: (event: ObjectEvent<KubernetesObject>) => void,
  ) {
    const events: ObjectEvent<KubernetesObject>[] = [];
    const seen: (() => void)[] = [];
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const ended = source.watch({ resourceVersion: "7", signal }, (event) => {
      events.push(event);
      onEvent?.(event);
      for (const resolve of seen.splice(0)) resolve();
    });
    ended.catch(() => {});
    await arrival;
    const response = answers.at(-1) as ServerResponse;
    const write = (...lines: (object | string)[]) =>
      response.write(lines.map((line) => (typeof line === "string" ? line : `${JSON.stringify(line)}\n`)).join(""));
    const event = () => new Promise<void>((resolve) => seen.push(resolve));
    return { events, ended, response, write, event };
  }
  return { ...api, clock, source, requests, begin };
}

describe("objectSource", () => {
  it("lists page after page, the newest state first, and hands on where the pages go on", async () => {
    const urls: string[] = [];
    const { config } = await httpApi(({ url = "" }, response) => {
      urls.push(url);
      const last = url.includes("continue=next");
      send(response, 200, {
        items: [machine(last ? "b" : "a", "3")],
        metadata: last ? { resourceVersion: "9" } : { resourceVersion: "9", continue: "next", remainingItemCount: 1 },
      });
    });
    const list = config.makeApiClient(CustomObjectsApi);
    const all = { ...kind, watch: new Watch(config), list };
    const source = objectSource({ ...all, namespace: "default", labelSelector: "a=b", fieldSelector: "c=d" });
    const first = await source.list({ limit: 1 });
    expect(first).toEqual({
      items: [machine("a", "3")],
      metadata: { resourceVersion: "9", continue: "next", remainingItemCount: 1 },
    });
    const second = await source.list({ limit: 1, continue: "next" });
    expect(second).toEqual({ items: [machine("b", "3")], metadata: { resourceVersion: "9" } });
    await objectSource(all).list({});
    const path = "/apis/cluster.x-k8s.io/v1beta2/namespaces/default/machines";
    expect(urls).toEqual([
      `${path}?fieldSelector=c%3Dd&labelSelector=a%3Db&limit=1`,
      `${path}?continue=next&fieldSelector=c%3Dd&labelSelector=a%3Db&limit=1`,
      "/apis/cluster.x-k8s.io/v1beta2/machines",
    ]);
  });

  it("lists and watches the core group, whose items do not say what they are", async () => {
    const urls: string[] = [];
    const { config } = await httpApi(({ url = "" }, response) => {
      urls.push(url);
      if (url.includes("watch=true")) response.end();
      else {
        const items = [{ metadata: { name: "a", resourceVersion: "3" } }];
        const metadata = { resourceVersion: "9", continue: "next" };
        send(response, 200, { apiVersion: "v1", kind: "SecretList", metadata, items });
      }
    });
    const core = config.makeApiClient(CoreV1Api);
    const source = objectSource({
      version: "v1",
      plural: "secrets",
      watch: new Watch(config),
      list: (request, options) => core.listSecretForAllNamespaces(request, options),
    });
    const page = await source.list({ limit: 1 });
    expect(page.items).toMatchObject([{ apiVersion: "v1", kind: "Secret", metadata: { name: "a" } }]);
    expect(page.metadata).toEqual({ resourceVersion: "9", continue: "next" });
    await source.watch({ resourceVersion: "9", signal: new AbortController().signal }, () => {});
    expect(urls.map((url) => url.split("?")[0])).toEqual(["/api/v1/secrets", "/api/v1/secrets"]);
  });

  it("passes the server's errors on, with their status, and refuses what is no list", async () => {
    let status = 410;
    const { config } = await httpApi((_, response) => send(response, status, { kind: "Status", code: status }));
    const source = objectSource({ ...kind, watch: new Watch(config), list: config.makeApiClient(CustomObjectsApi) });
    await expect(source.list({ continue: "old" })).rejects.toMatchObject({ code: 410 });
    status = 200;
    await expect(source.list({})).rejects.toThrow("the server sent something that is no list");
  });

  it("ends a list at once when its signal aborts, and its request with it", async () => {
    let received: (socket: IncomingMessage["socket"]) => void = () => {};
    const request = new Promise<IncomingMessage["socket"]>((resolve) => {
      received = resolve;
    });
    const { config } = await httpApi(({ socket }) => received(socket));
    const source = objectSource({ ...kind, watch: new Watch(config), list: config.makeApiClient(CustomObjectsApi) });
    const controller = new AbortController();
    const listing = source.list({ signal: controller.signal });
    listing.catch(() => {});
    const socket = await request;
    controller.abort(new Error("enough"));
    await expect(listing).rejects.toThrow("enough");
    if (!socket.destroyed) await once(socket, "close");
    await expect(source.list({ signal: controller.signal })).rejects.toThrow("enough");
  });

  it("hands on what happens in order, bookmarks included, until the server ends the watch", async () => {
    const { begin, requests } = await watched();
    const { write, response, ended, events } = await begin();
    const [first, second] = [machine("a", "8"), machine("b", "9")];
    const bookmark = { kind: "Machine", metadata: { resourceVersion: "12" } };
    write({ type: "ADDED", object: first }, { type: "MODIFIED", object: second });
    write({ type: "BOOKMARK", object: bookmark }, { type: "DELETED", object: first });
    response.end();
    await ended;
    expect(events).toEqual([
      { type: "ADDED", object: first },
      { type: "MODIFIED", object: second },
      { type: "BOOKMARK", object: bookmark },
      { type: "DELETED", object: first },
    ]);
    const { searchParams } = new URL(requests[0]?.url ?? "", "http://host");
    expect(Object.fromEntries(searchParams)).toEqual({
      watch: "true",
      resourceVersion: "7",
      allowWatchBookmarks: "true",
      timeoutSeconds: "300",
    });
  });

  it.each([
    ["an expired version", { type: "ERROR", object: { kind: "Status", code: 410, reason: "Expired", message: "old" } }],
  ])("throws an event that is an error: %s", async (_, line) => {
    const { begin, sockets } = await watched();
    const { write, ended, events } = await begin();
    write({ type: "ADDED", object: machine("a", "8") }, line, { type: "ADDED", object: machine("b", "9") });
    await expect(ended).rejects.toMatchObject({ statusCode: 410, message: expect.stringContaining("Expired: old") });
    expect(readErrorInfo(await ended.catch((error) => error))).toMatchObject({ class: "conflict", code: "Expired" });
    expect(events).toHaveLength(1);
    for (const socket of sockets) await once(socket, "close");
  });

  it.each([
    { type: "ADDED" },
    { type: "ADDED", object: { metadata: {} } },
    { type: "RENAMED", object: machine("a", "8") },
    { object: null },
  ])("throws at what is no event: %j", async (line) => {
    const { begin } = await watched();
    const { write, ended, events } = await begin();
    write(line);
    await expect(ended).rejects.toThrow("something that is no event");
    expect(events).toEqual([]);
  });

  it("throws the status of a watch that is refused", async () => {
    const { begin } = await watched();
    const { response, ended } = await begin();
    send(response, 403, {});
    await expect(ended).rejects.toMatchObject({ statusCode: 403 });
  });

  it("throws when the connection breaks", async () => {
    const { begin } = await watched();
    const { write, response, event, ended } = await begin();
    const seen = event();
    write({ type: "ADDED", object: machine("a", "8") });
    await seen;
    response.socket?.destroy();
    await expect(ended).rejects.toThrow();
  });

  it("throws what the listener threw, instead of going on as if it had seen the event", async () => {
    const { begin } = await watched();
    const failing = () => {
      throw new Error("cannot take it");
    };
    const { write, ended } = await begin(undefined, failing);
    write({ type: "ADDED", object: machine("a", "8") });
    await expect(ended).rejects.toThrow("cannot take it");
  });

  it("ends with the signal's reason, and the socket with it", async () => {
    const { begin, sockets } = await watched();
    const controller = new AbortController();
    const { write, event, events, ended } = await begin(controller.signal);
    const seen = event();
    write({ type: "ADDED", object: machine("a", "8") });
    await seen;
    const closed = [...sockets].map((socket) => once(socket, "close"));
    controller.abort(new Error("enough"));
    await expect(ended).rejects.toThrow("enough");
    await Promise.all(closed);
    expect(events).toHaveLength(1);
  });

  it("ends at once when aborted before the server answers, and the socket once it does", async () => {
    const { begin, sockets, source } = await watched();
    const controller = new AbortController();
    const { response, ended, events } = await begin(controller.signal);
    controller.abort(new Error("enough"));
    await expect(ended).rejects.toThrow("enough");
    const closed = [...sockets].map((socket) => once(socket, "close"));
    response.write(`${JSON.stringify({ type: "ADDED", object: machine("a", "8") })}\n`);
    await Promise.all(closed);
    expect(events).toEqual([]);
    await expect(source.watch({ resourceVersion: "1", signal: controller.signal }, () => {})).rejects.toThrow("enough");
  });

  it("takes a watch for dead that is silent for longer than the server's bookmarks allow", async () => {
    const { begin, clock, sockets } = await watched();
    const { write, event, ended, events } = await begin();
    for (const name of ["a", "b"]) {
      await clock.advance(149_000);
      const seen = event();
      write({ type: "ADDED", object: machine(name, "8") });
      await seen;
    }
    const closed = [...sockets].map((socket) => once(socket, "close"));
    await clock.advance(149_999);
    expect(events).toHaveLength(2);
    await clock.advance(1);
    await expect(ended).rejects.toMatchObject({ code: "ETIMEDOUT" });
    await Promise.all(closed);
    expect(clock.pending).toBe(0);
  });

  it("takes a watch for dead that is never answered", async () => {
    const { begin, clock } = await watched();
    const { ended } = await begin();
    await clock.advance(150_000);
    await expect(ended).rejects.toMatchObject({ code: "ETIMEDOUT" });
  });

  it("leaves no timer behind", async () => {
    const { begin, clock } = await watched();
    const { response, ended } = await begin();
    response.end();
    await ended;
    expect(clock.pending).toBe(0);
  });

  it.each([
    [{ plural: "../secrets" }, "objectSource.plural"],
    [{ namespace: "a/b" }, "objectSource.namespace"],
    [{ group: "a b" }, "objectSource.group"],
    [{ version: "" }, "objectSource.version"],
    [{ list: {} }, "objectSource.list"],
    [{ watch: undefined }, "objectSource.watch"],
    [{ silenceMs: 0 }, "objectSource.silenceMs"],
    [{ watchMs: Number.NaN }, "objectSource.watchMs"],
    [{ kind: "Machine" }, "objectSource"],
  ])("refuses %j, naming the path", (wrong, path) => {
    const watch = { watch: () => Promise.reject(new Error()) };
    const make = (): ObjectSource => objectSource({ ...kind, watch, list: async () => ({}), ...(wrong as object) });
    expect(make).toThrow(
      expect.objectContaining({ code: "ERR_CONFIG_INVALID", message: expect.stringContaining(path) }),
    );
  });
});
