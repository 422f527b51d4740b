import { PassThrough } from "node:stream";
import {
  Attach,
  Exec,
  Health,
  KubeConfig,
  ListWatch,
  Log,
  Metrics,
  PortForward,
  type V1ConfigMap,
  Watch,
} from "@kubernetes/client-node";
import { credentialLease, GuardError, type Interceptor, requeueAfter } from "provider-guard";
import { kubernetes } from "provider-guard/kubernetes";
import { describe, expect, it, onTestFinished } from "vitest";
import { status } from "./fake-api-server.ts";
import { guarded, ownedBy, subject } from "./guarded.ts";
import { socketServer } from "./socket-server.ts";

const path = "/api/v1/namespaces/default/configmaps";
const map = (uid: string) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "one", namespace: "default", uid },
});

/** Watches until `done` is told; what came, and with which error. */
function watched(watch: Watch, query: Parameters<Watch["watch"]>[1] = {}) {
  const events: string[] = [];
  const ended = new Promise<unknown>((resolve, reject) => {
    watch.watch(path, query, (type) => events.push(type), resolve).catch(reject);
  });
  return { events, ended };
}

const line = (type: string, object: object) => `${JSON.stringify({ type, object })}\n`;

describe("a watch", () => {
  it("is one read per connect, and its events come through", async () => {
    const { guard, server, journal, adapter } = await guarded();
    server.takeOver = (_request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(line("ADDED", map("u-1")) + line("MODIFIED", map("u-1")));
      return true;
    };
    const { events, ended } = watched(guard.wrap(new Watch(server.config), adapter), { resourceVersion: "7" });
    await ended;
    expect(events).toEqual(["ADDED", "MODIFIED"]);
    expect(server.requests.map(({ query }) => query)).toEqual([{ watch: "true", resourceVersion: "7" }]);
    expect(journal.records).toMatchObject([
      { operation: "watch configmaps", target: { service: "core" }, result: "ok" },
    ]);
  });

  it("teaches what a delete is bound to", async () => {
    const { core, guard, server, adapter } = await guarded();
    const at = { name: "one", namespace: "default" };
    server.objects.set(`${path}/one`, {
      ...map("u-1"),
      metadata: { ...map("u-1").metadata, labels: ownedBy("a") },
    } as never);
    await guard.reconcile(subject("a"), () =>
      core.replaceNamespacedConfigMap({ ...at, body: { metadata: { ...at, labels: ownedBy("a") } } }),
    );
    server.takeOver = ({ query }, response) => {
      if (query.watch === undefined) return false;
      response.end(line("MODIFIED", map("u-2")));
      return true;
    };
    await watched(guard.wrap(new Watch(server.config), adapter)).ended;
    await expect(guard.reconcile(subject("a"), () => core.deleteNamespacedConfigMap(at))).rejects.toThrow();
    expect(server.requests.at(-1)?.body.preconditions).toEqual({ uid: "u-2" });
  });

  it("that cannot connect resolves all the same, tells `done` once, and is a failed attempt", async () => {
    const { guard, server, journal } = await guarded();
    const watch = guard.wrap(new Watch(server.config), kubernetes());
    for (const reply of [{ status: 410, body: status(410, "Expired") }, "reset"] as const) {
      server.script = [{ reply }];
      const told: unknown[] = [];
      const controller = await watch.watch(
        path,
        {},
        () => {},
        (error) => told.push(error),
      );
      expect(controller).toBeInstanceOf(AbortController);
      expect(told).toHaveLength(1);
      expect(told[0]).toBeInstanceOf(Error);
    }
    const results = journal.records.map((record) => ("attempts" in record ? record.attempts?.[0]?.result : undefined));
    expect(results).toEqual(["conflict", "lost"]);
  });

  it("that the guard refuses tells `done` and rejects nothing: an informer that connects again would not hear it", async () => {
    const refuse: Interceptor = {
      name: "refuse-watches",
      ring: "operation",
      before: "own",
      async intercept(call, next) {
        if (call.operation.startsWith("watch"))
          throw new GuardError("ERR_RATE_LIMIT_QUEUE_FULL", "refused by the test");
        return next();
      },
    };
    const { core, guard, server, adapter } = await guarded({ guard: { interceptors: [refuse] } });
    const watch = guard.wrap(new Watch(server.config), adapter);
    const list = () => core.listNamespacedConfigMap({ namespace: "default" });
    const informer = new ListWatch<V1ConfigMap>(path, watch, list, false);
    const errors: unknown[] = [];
    informer.on("error", (error) => errors.push(error));
    await informer.start();
    expect(errors).toMatchObject([{ code: "ERR_RATE_LIMIT_QUEUE_FULL" }]);
    expect(server.requests).toHaveLength(1); // the list
    await informer.stop();
  });

  it("ends with the signal of the reconcile that it was begun in", async () => {
    const { guard, server, adapter } = await guarded();
    server.takeOver = (_request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.write(line("ADDED", map("u-1")));
      return true;
    };
    const stop = new AbortController();
    const watch = guard.wrap(new Watch(server.config), adapter);
    const begun = await guard.reconcile(subject("a"), async () => watched(watch), { signal: stop.signal });
    await expect.poll(() => begun.events).toEqual(["ADDED"]); // it streams: only the connection can end it now
    stop.abort();
    expect(await begun.ended).toMatchObject({ name: "AbortError" });
  });

  it("rejects as before where there is no cluster to ask", async () => {
    const { guard } = await guarded();
    const config = new KubeConfig();
    config.loadFromOptions({
      clusters: [{ name: "c", server: "http://127.0.0.1:1", skipTLSVerify: true }],
      users: [{ name: "u" }],
      contexts: [{ name: "x", cluster: "c", user: "u" }],
      currentContext: "x",
    });
    const watch = guard.wrap(new Watch(config), kubernetes());
    config.setCurrentContext("none");
    await expect(
      watch.watch(
        path,
        {},
        () => {},
        () => {},
      ),
    ).rejects.toThrow("No currently active cluster");
  });

  it("sends the lease's token, a fresh one after a 401", async () => {
    const { guard, server } = await guarded();
    let tokens = 0;
    const lease = credentialLease({
      fetch: async () => ({ value: `lease-${++tokens}`, expiresAt: new Date(Date.UTC(2099, 0)) }),
    });
    onTestFinished(() => lease.close());
    server.script = [{ reply: { status: 401, body: status(401, "Unauthorized") } }];
    server.takeOver = undefined;
    const { ended } = watched(guard.wrap(new Watch(server.config), kubernetes(), { credentials: lease }));
    await ended;
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(["Bearer lease-1", "Bearer lease-2"]);
  });
});

describe("Log, Metrics and Health", () => {
  it("are reads, with client-node's own results and errors", async () => {
    const { guard, server, journal } = await guarded();
    const wrap = <T extends object>(client: T) => guard.wrap(client, kubernetes());
    const [log, metrics, health] = [
      wrap(new Log(server.config)),
      wrap(new Metrics(server.config)),
      wrap(new Health(server.config)),
    ];
    const out = new PassThrough();
    server.script = [
      { reply: { status: 200, body: "a line of a log", headers: { "content-type": "text/plain" } } },
      { reply: { status: 404, body: status(404, "NotFound") } },
      { reply: { status: 200, body: { items: [] } } },
      { reply: { status: 404 } },
      { reply: { status: 200, body: "ok" } },
      { reply: { status: 500, body: "not ready" } },
    ];
    await log.log("default", "pod", "main", out);
    let text = "";
    for await (const chunk of out) text += chunk;
    expect(text).toBe("a line of a log");
    const missing = await log.log("default", "pod", "main", out).catch((error: unknown) => error);
    expect(missing).toMatchObject({ code: 404 });
    expect(requeueAfter(missing)).toBeUndefined();
    expect(await metrics.getNodeMetrics()).toEqual({ items: [] });
    expect(await health.readyz({})).toBe(true); // asks for /healthz itself where /readyz is missing
    expect(await health.livez({})).toBe(false);
    const operations = journal.records.map((record) => "operation" in record && record.operation);
    expect(operations).toEqual(["get pods/log", "get pods/log", "list nodes", "get /readyz", "get /livez"]);
    expect(journal.records.at(-1)).toMatchObject({ attempts: [{ result: "lost" }] });
    expect(journal.records[2]).toMatchObject({ target: { service: "metrics.k8s.io" } });
  });
});

describe("Exec, Attach and PortForward", () => {
  const pod = "/api/v1/namespaces/default/pods/one";
  const run = (exec: Exec) => exec.exec("default", "one", "main", ["sh", "-c", "canary"], null, null, null, false);

  it("are updates that are recorded before they leave, without the command", async () => {
    const sockets = await socketServer();
    const { guard, journal } = await guarded();
    const wrap = <T extends object>(client: T) => guard.wrap(client, kubernetes());
    const left: number[] = [];
    sockets.arrived = () => left.push(journal.records.length);
    await guard.reconcile(subject("a"), async () => {
      await run(wrap(new Exec(sockets.config)));
      await wrap(new Attach(sockets.config)).attach("default", "one", "main", null, null, null, false);
      await wrap(new PortForward(sockets.config)).portForward(
        "default",
        "one",
        [80],
        new PassThrough(),
        null,
        new PassThrough(),
      );
    });
    const intents = journal.records.flatMap((record) => (record.type === "intent" ? [record] : []));
    expect(intents.map(({ operation, kind }) => [operation, kind])).toEqual([
      ["create pods/exec", "update"],
      ["create pods/attach", "update"],
      ["create pods/portforward", "update"],
    ]);
    expect(left).toEqual([1, 3, 5]); // each handshake found its own intent written
    expect(sockets.upgrades[0]).toContain("command=canary");
    expect(JSON.stringify(journal.records)).not.toContain("canary");
    expect(sockets.reads).toEqual([pod]); // whose the pod is was asked once
  });

  it("into another cluster's machine are refused before anything is opened", async () => {
    const sockets = await socketServer();
    sockets.labels = ownedBy("b");
    const { guard } = await guarded();
    const exec = guard.wrap(new Exec(sockets.config), kubernetes());
    await expect(guard.reconcile(subject("a"), () => run(exec))).rejects.toMatchObject({ code: "ERR_OWNER_FOREIGN" });
    expect(sockets.upgrades).toEqual([]);
  });

  it("that the server refuses are told by what it said, and go on as before once unwrapped", async () => {
    const sockets = await socketServer();
    sockets.refuse = 403;
    const { guard, journal } = await guarded();
    const exec = guard.wrap(new Exec(sockets.config), kubernetes());
    const error = await guard.reconcile(subject("a"), () => run(exec)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ message: "Unexpected server response: 403" });
    expect(requeueAfter(error)).toBeUndefined();
    expect(journal.records.at(-1)).toMatchObject({ result: "failed", attempts: [{ result: "denied" }] });
    sockets.refuse = 0;
    guard.unwrap(exec);
    await run(exec);
    expect(journal.records).toHaveLength(2);
  });

  it("hand on what the command says, and how it ended, and keep none of it", async () => {
    const sockets = await socketServer();
    sockets.says = "canary of the container";
    const { guard, journal } = await guarded();
    const exec = guard.wrap(new Exec(sockets.config), kubernetes());
    const out = new PassThrough();
    const ended = new Promise((resolve) => {
      void guard.reconcile(subject("a"), () =>
        exec.exec("default", "one", "main", ["true"], out, null, null, false, resolve),
      );
    });
    expect(await ended).toMatchObject({ status: "Success" });
    expect(String(out.read())).toBe(sockets.says);
    expect(JSON.stringify(journal.records)).not.toContain("canary");
  });

  it("carry the lease's token", async () => {
    const sockets = await socketServer();
    const { guard } = await guarded();
    const lease = credentialLease({ fetch: async () => ({ value: "leased", expiresAt: new Date(Date.UTC(2099, 0)) }) });
    onTestFinished(() => lease.close());
    const exec = guard.wrap(new Exec(sockets.config), kubernetes(), { credentials: lease });
    await guard.reconcile(subject("a"), () => run(exec));
    expect(sockets.tokens).toEqual(["Bearer leased", "Bearer leased"]); // the pod's owner is asked with it as well
  });
});
