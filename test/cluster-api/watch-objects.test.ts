import { type ObjectChange, type WatchObjectsOptions, watchObjects } from "provider-guard/cluster-api";
import { simulatedClock } from "provider-guard/testing";
import { afterEach, describe, expect, it } from "vitest";
import { gone, type ModelObject, type ModelServer, modelServer, refused } from "./model-server.ts";

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

function setup(options: Partial<WatchObjectsOptions<ModelObject>> & { readonly server?: ModelServer } = {}) {
  const { server = modelServer(), ...more } = options;
  const clock = simulatedClock();
  const told: string[] = [];
  const errors: unknown[] = [];
  const watch = watchObjects<ModelObject>({
    ...{ source: server.source, clock, random: () => 1, pageSize: 2 },
    onChange: ({ type, ref }: ObjectChange<ModelObject>) => void told.push(`${type} ${ref.name} ${ref.uid}`),
    onError: (error) => void errors.push(error),
    ...more,
  });
  open.push(watch);
  /** Lets happen what can happen without time, or in so much of it. */
  const settle = async (ms = 0) => {
    for (let i = 0; i < 20; i++) await clock.advance(i === 0 ? ms : 0);
    return told.splice(0);
  };
  return { server, clock, told, errors, watch, settle };
}

type Watch = ModelServer["source"]["watch"];

const status = (value: number) => (object: ModelObject) => ({ ...object, status: { value } });

describe("watchObjects", () => {
  it("tells everything that is there, page by page, then what happens", async () => {
    const { server, settle, watch } = setup();
    for (const name of ["a", "b", "c"]) server.create(name);
    expect(await settle()).toEqual(["added a uid-1", "added b uid-2", "added c uid-3"]);
    await watch.synced();
    server.update("b", status(1));
    server.delete("a");
    server.create("d");
    expect(await settle()).toEqual(["changed b uid-2", "deleted a uid-1", "added d uid-4"]);
    expect(watch.size).toBe(3);
  });

  it("gives the object with each change, and with a deletion that it saw", async () => {
    const changes: ObjectChange<ModelObject>[] = [];
    const { server, settle } = setup({ onChange: (change) => void changes.push(change) });
    server.create("a", { status: { value: 1 } });
    await settle();
    server.delete("a");
    await settle();
    expect(changes.map(({ type, object }) => [type, object?.status])).toEqual([
      ["added", { value: 1 }],
      ["deleted", { value: 1 }],
    ]);
  });

  it("goes on from the last version when a watch breaks, after a pause, without listing again", async () => {
    const { server, settle, errors } = setup();
    server.create("a");
    await settle();
    const broken = new Error("socket hang up");
    server.disconnect(broken);
    server.create("b");
    expect(await settle(999)).toEqual([]);
    expect(await settle(1)).toEqual(["added b uid-2"]);
    expect(errors).toEqual([broken]);
    expect(server.calls.map(({ what }) => what)).toEqual(["list", "watch", "watch"]);
    expect(server.calls.at(-1)?.from).toBe("101");
  });

  it("goes on at once when the server ends a watch that was well, and does not tell it as an error", async () => {
    const { server, settle, errors } = setup();
    await settle();
    server.create("a");
    server.disconnect();
    server.create("b");
    expect(await settle()).toEqual(["added a uid-1", "added b uid-2"]);
    expect(errors).toEqual([]);
  });

  it("keeps up by bookmarks with a version that is compacted", async () => {
    const { server, settle } = setup();
    await settle();
    server.create("a");
    server.delete("a");
    server.bookmark();
    server.compact();
    server.disconnect();
    await settle(1000);
    expect(server.calls.filter(({ what }) => what === "list")).toHaveLength(1);
    expect(server.calls.at(-1)?.from).toBe("102");
  });

  it("lists again when its version is gone, and tells what was deleted, changed and made again meanwhile", async () => {
    const { server, settle, errors } = setup();
    for (const name of ["a", "b", "c", "d"]) server.create(name);
    await settle();
    server.disconnect(new Error("reset"));
    server.delete("a");
    server.delete("b");
    server.create("b");
    server.update("c", status(1));
    server.compact();
    expect((await settle(10_000)).sort()).toEqual([
      "added b uid-5",
      "changed c uid-3",
      "deleted a uid-1",
      "deleted b uid-2",
    ]);
    expect(errors).toHaveLength(1);
  });

  it("tells a predecessor's deletion before the object that took its name", async () => {
    const { server, settle } = setup();
    server.create("a");
    await settle();
    server.disconnect();
    server.delete("a");
    server.create("a");
    server.compact();
    expect(await settle(10_000)).toEqual(["deleted a uid-1", "added a uid-2"]);
  });

  it("lists again when pages are gone in the middle, without telling anything twice", async () => {
    const { server, settle } = setup();
    for (const name of ["a", "b", "c"]) server.create(name);
    const list = server.source.list;
    let pages = 0;
    Object.assign(server.source, {
      list: (options: Parameters<typeof list>[0]) => {
        if (++pages === 2) {
          server.delete("a");
          server.compact();
        }
        return list(options);
      },
    });
    expect(await settle()).toEqual(["added a uid-1", "added b uid-2", "added c uid-3", "deleted a uid-1"]);
  });

  it("does not tell again what a server sends again", async () => {
    const { server, settle } = setup();
    server.create("a");
    await settle();
    server.delete("a");
    server.create("b");
    await settle();
    server.repeat(3);
    server.disconnect();
    server.create("c");
    expect(await settle(1000)).toEqual(["added c uid-3"]);
  });

  it("waits longer and longer for a server that is down, and tells each failure", async () => {
    const { server, clock, settle, errors, watch } = setup({ minBackoffMs: 1000, maxBackoffMs: 8000 });
    server.stop();
    await settle();
    const at: number[] = [];
    for (let count = server.calls.length; at.length < 6; ) {
      await settle(500);
      if (server.calls.length > count) at.push(clock.monotonic());
      count = server.calls.length;
    }
    expect(at).toEqual([1000, 3000, 7000, 15_000, 23_000, 31_000]);
    expect(errors).toHaveLength(7);
    server.start();
    server.create("a");
    expect(await settle(8000)).toEqual(["added a uid-1"]);
    await watch.synced();
  });

  it("waits as long as the server asks", async () => {
    const { server, settle } = setup();
    server.failures.push(Object.assign(new Error("too many"), { code: 429, headers: { "retry-after": "60" } }));
    server.create("a");
    expect(await settle(59_999)).toEqual([]);
    expect(await settle(1)).toEqual(["added a uid-1"]);
  });

  it("does not run hot when watches end at once, in whatever way", async () => {
    for (const watch of [async () => {}, () => Promise.reject(gone()), () => Promise.reject(refused())]) {
      const server = modelServer();
      let watches = 0;
      const source = {
        ...server.source,
        watch: () => {
          watches++;
          return watch();
        },
      };
      const { settle } = setup({ source, server });
      for (let i = 0; i < 60; i++) await settle(10_000);
      expect(watches).toBeGreaterThan(10);
      expect(watches).toBeLessThan(40);
    }
  });

  it("takes a watch that says nothing for broken", async () => {
    const { server, settle, clock } = setup({ idleMs: 60_000 });
    server.create("a");
    await settle();
    const silent = { ...server.source };
    Object.assign(server.source, { watch: () => new Promise(() => {}) });
    server.disconnect();
    await settle(1000);
    server.create("b");
    Object.assign(server.source, silent);
    expect(await settle(50_000)).toEqual([]);
    expect(await settle(20_000)).toEqual(["added b uid-2"]);
    expect(clock.pending).toBe(1);
  });

  it("hears nothing that a watch says after its end", async () => {
    const server = modelServer();
    let late: Parameters<Watch>[1] | undefined;
    const source: typeof server.source = {
      ...server.source,
      watch: (options, onEvent) => {
        late ??= onEvent;
        return server.source.watch(options, onEvent);
      },
    };
    const { settle } = setup({ source, server });
    await settle();
    server.disconnect();
    await settle(1000);
    late?.({ type: "ADDED", object: { metadata: { name: "ghost", uid: "ghost", resourceVersion: "900" } } });
    expect(await settle()).toEqual([]);
  });

  it("lists again after a history that goes back", async () => {
    const { server, settle, errors } = setup();
    server.create("a");
    server.create("b");
    await settle();
    server.objects.delete("b");
    server.restore(50);
    server.stop(() => Object.assign(new Error("Too large resource version"), { code: 504 }));
    await settle(3000);
    server.start();
    expect(await settle(30_000)).toEqual(["deleted b uid-2"]);
    server.create("c");
    expect(await settle()).toEqual(["added c uid-3"]);
    expect(errors.length).toBeGreaterThan(2);
  });

  it.each([
    ["without UID", { type: "ADDED", object: { metadata: { name: "x", resourceVersion: "900" } } }],
    ["without an object", { type: "MODIFIED" }],
    ["that is an error", { type: "ERROR", object: { code: 410, message: "gone" } }],
  ])("lists again after an event %s", async (_, event) => {
    const server = modelServer();
    let bad = true;
    const source: typeof server.source = {
      ...server.source,
      watch: (options, onEvent) => {
        if (bad) onEvent(event as never);
        bad = false;
        return server.source.watch(options, onEvent);
      },
    };
    const { settle } = setup({ source, server });
    server.create("a");
    await settle(5000);
    expect(server.calls.filter(({ what }) => what === "list")).toHaveLength(2);
    server.create("b");
    expect(await settle()).toEqual(["added b uid-2"]);
  });

  it("goes on when a hook throws, and tells it", async () => {
    const { server, settle, errors } = setup({
      onChange: ({ ref }) => {
        if (ref.name === "a") throw new Error("mine");
      },
    });
    server.create("a");
    server.create("b");
    await settle();
    expect(errors).toEqual([new Error("mine")]);
  });

  it("ends with its signal or when it is closed, and leaves nothing behind", async () => {
    const controller = new AbortController();
    const { server, settle, clock, watch } = setup({ signal: controller.signal });
    await settle();
    expect(server.watching).toBe(1);
    controller.abort();
    server.create("a");
    expect(await settle()).toEqual([]);
    expect([server.watching, clock.pending]).toEqual([0, 0]);
    await watch.close();
    const other = setup({ server });
    await other.watch.close();
    await expect(other.watch.synced()).rejects.toThrow("the watch is closed");
    expect(other.clock.pending).toBe(0);
    const before = setup({ signal: AbortSignal.abort(new Error("before")) });
    await expect(before.watch.synced()).rejects.toThrow("before");
    expect(before.server.calls).toEqual([]);
  });

  it("lets nobody wait for longer than their signal", async () => {
    const { server, watch } = setup();
    server.stop();
    await expect(watch.synced({ signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
  });

  it("remembers nothing of what is gone", async () => {
    const { server, settle, watch } = setup();
    await settle();
    for (let i = 0; i < 1000; i++) {
      server.create(`m-${i}`);
      server.delete(`m-${i}`);
    }
    expect(await settle()).toHaveLength(2000);
    expect(watch.size).toBe(0);
  });

  it.each([
    [{ source: {} as never }, "watchObjects.source.list"],
    [{ onChange: 1 as never }, "watchObjects.onChange"],
    [{ idleMs: 0 }, "watchObjects.idleMs"],
    [{ pageSize: 1.5 }, "watchObjects.pageSize"],
  ])("refuses the options %j", (options, path) => {
    expect(() => setup(options)).toThrow(
      expect.objectContaining({ code: "ERR_CONFIG_INVALID", message: expect.stringContaining(path) }),
    );
  });
});
