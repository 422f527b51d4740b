import {
  ApiException,
  CoreV1Api,
  createConfiguration,
  Observable,
  PatchStrategy,
  type RequestContext,
  type ResponseContext,
  ServerConfiguration,
  setHeaderOptions,
} from "@kubernetes/client-node";
import { type Interceptor, requeueAfter } from "provider-guard";
import { kubernetes } from "provider-guard/kubernetes";
import { describe, expect, it } from "vitest";
import { status } from "./fake-api-server.ts";
import { guarded, ownedBy, subject } from "./guarded.ts";

const done = <T>(value: T) => new Observable(Promise.resolve(value));

/** A middleware that notes when it is called. */
const noting = (name: string, notes: string[]) => ({
  pre(context: RequestContext) {
    notes.push(`pre ${name}`);
    return done(context);
  },
  post(response: ResponseContext) {
    notes.push(`post ${name} ${response.httpStatusCode}`);
    return done(response);
  },
});

const at = { name: "one", namespace: "default" };
const map = (more: object = {}) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { ...at, ...more } });
const path = "/api/v1/namespaces/default/configmaps/one";

describe("a client that is wrapped", () => {
  it("stays the same instance, and goes on as before once it is unwrapped", async () => {
    const { guard, server, journal } = await guarded();
    const bare = server.config.makeApiClient(CoreV1Api);
    const core = guard.wrap(bare, kubernetes());
    expect(core).toBe(bare);
    await core.listNamespacedSecret({ namespace: "default" });
    guard.unwrap(core);
    await core.listNamespacedSecret({ namespace: "default" });
    expect(server.requests).toHaveLength(2);
    expect(journal.records.map((record) => "operation" in record && record.operation)).toEqual(["list secrets"]);
  });

  it("does not change the configuration that it shares with another one", async () => {
    const { guard, server, journal } = await guarded();
    const shared = createConfiguration({
      baseServer: new ServerConfiguration(server.url, {}),
      authMethods: { default: server.config },
    });
    const before = { ...shared };
    const mine = guard.wrap(new CoreV1Api(shared), kubernetes());
    const other = new CoreV1Api(shared);
    await other.listNode();
    expect(journal.records).toEqual([]);
    await mine.listNode();
    expect(shared).toEqual(before);
    expect(journal.records).toHaveLength(1);
  });

  it("runs its middlewares in the same order at every call, which client-node does not", async () => {
    const { guard, server } = await guarded();
    const notes: string[] = [];
    const configuration = () =>
      createConfiguration({
        baseServer: new ServerConfiguration(server.url, {}),
        authMethods: { default: server.config },
        middleware: [noting("a", notes), noting("b", notes)],
      } as never);
    const shared = configuration();
    const core = guard.wrap(new CoreV1Api(shared), kubernetes());
    const expected = ["pre a", "pre b", "post b 200", "post a 200"];
    await core.listNode();
    await core.listNode();
    expect(notes).toEqual([...expected, ...expected]);
    // The caller's own list is left alone, too.
    const own = { middleware: [noting("c", notes), noting("d", notes)] };
    notes.length = 0;
    await core.listNode({}, own);
    await core.listNode({}, own);
    const replaced = ["pre c", "pre d", "post d 200", "post c 200"];
    expect(notes).toEqual([...replaced, ...replaced]);
  });

  it("keeps client-node's ways to merge a call's middlewares, and its error for an unknown one", async () => {
    const { guard, server } = await guarded();
    const notes: string[] = [];
    const core = guard.wrap(
      new CoreV1Api(
        createConfiguration({
          baseServer: new ServerConfiguration(server.url, {}),
          authMethods: { default: server.config },
          middleware: [noting("a", notes)],
        } as never),
      ),
      kubernetes(),
    );
    const middleware = [noting("b", notes)];
    await core.listNode({}, { middleware, middlewareMergeStrategy: "append" });
    await core.listNode({}, { middleware, middlewareMergeStrategy: "prepend" });
    expect(notes.filter((note) => note.startsWith("pre"))).toEqual(["pre a", "pre b", "pre b", "pre a"]);
    expect(() => core.listNode({}, { middleware, middlewareMergeStrategy: "other" as never })).toThrow(
      "Unrecognized middleware merge strategy",
    );
  });

  it("guards a call whose caller brings an HTTP library of their own", async () => {
    const { core, server, journal } = await guarded();
    let sent = 0;
    const configuration = server.config.makeApiClient(
      class {
        constructor(readonly configuration: ReturnType<typeof createConfiguration>) {}
      },
    ).configuration;
    const httpApi = {
      send(context: RequestContext) {
        sent++;
        return configuration.httpApi.send(context);
      },
    };
    await core.listNode({}, { httpApi });
    expect([sent, journal.records.length, server.requests.length]).toEqual([1, 1, 1]);
  });

  it("gives its caller client-node's own error, also behind a middleware that has seen the answer", async () => {
    const { core, server } = await guarded();
    const notes: string[] = [];
    server.script = [1, 2].map(() => ({ reply: { status: 403, body: status(403, "Forbidden") } }));
    const plain = await core.listNode().catch((error: unknown) => error);
    const seen = await core.listNode({}, { middleware: [noting("a", notes)] }).catch((error: unknown) => error);
    for (const error of [plain, seen]) {
      expect(error).toBeInstanceOf(ApiException);
      expect(error).toMatchObject({ code: 403, body: `${JSON.stringify(status(403, "Forbidden"))}` });
      expect(requeueAfter(error)).toBeUndefined(); // waiting gives nobody rights
    }
    expect(notes).toEqual(["pre a", "post a 403"]);
  });

  it("takes its operation from the content type that leaves, as middlewares set it", async () => {
    const { core, guard, journal, server } = await guarded();
    server.objects.set(path, map({ labels: ownedBy("a") }) as never);
    const merge = setHeaderOptions("Content-Type", PatchStrategy.MergePatch);
    const apply = setHeaderOptions("Content-Type", PatchStrategy.ServerSideApply);
    await guard.reconcile(subject("a"), async () => {
      await core.patchNamespacedConfigMap({ ...at, body: { data: { a: "b" } } }, merge);
      await core.patchNamespacedConfigMap({ ...at, body: map() }, apply);
    });
    const operations = journal.records.flatMap((record) => (record.type === "intent" ? [record.operation] : []));
    expect(operations).toEqual(["patch configmaps", "apply configmaps"]);
  });

  it("works with an address that has a path before the API's own", async () => {
    const { guard, journal, server } = await guarded();
    const configuration = createConfiguration({
      baseServer: new ServerConfiguration(`${server.url}/k8s/clusters/c-1`, {}),
      authMethods: { default: server.config },
    });
    const core = guard.wrap(new CoreV1Api(configuration), kubernetes());
    server.script = [{ reply: { status: 200, body: { kind: "NodeList", items: [] } } }];
    await core.listNode();
    expect(server.requests[0]?.path).toBe("/k8s/clusters/c-1/api/v1/nodes");
    expect(journal.records[0]).toMatchObject({ operation: "list nodes", target: { service: "core" } });
  });
});

describe("credentials", () => {
  /** A wait in the attempt ring, during which something happens. */
  const meanwhile = (happens: () => void): Interceptor => ({
    name: "meanwhile",
    ring: "attempt",
    before: "limit",
    async intercept(_attempt, next) {
      happens();
      return next();
    },
  });

  it("are applied again behind the waits: a call never leaves with a token that was replaced meanwhile", async () => {
    let rotate = () => {};
    const { core, objects, server } = await guarded({ guard: { interceptors: [meanwhile(() => rotate())] } });
    rotate = () => Object.assign(server.config.users[0] as object, { token: "token-2" });
    await core.listNode();
    Object.assign(server.config.users[0] as object, { token: "token-1" });
    await objects.list("v1", "ConfigMap", "default").catch(() => {});
    const tokens = server.requests.map(({ headers }) => headers.authorization);
    expect(tokens).toEqual(tokens.map(() => "Bearer token-2"));
  });

  it("that a middleware put in stay", async () => {
    const { core, server } = await guarded();
    await core.listNode({}, setHeaderOptions("Authorization", "Bearer somebody-else"));
    expect(server.requests[0]?.headers.authorization).toBe("Bearer somebody-else");
  });
});

describe("what comes back", () => {
  it("can be read by the guard and by client-node", async () => {
    const { core, server } = await guarded();
    server.objects.set(path, map() as never);
    const answer = await core.readNamespacedConfigMapWithHttpInfo(at);
    expect(answer.data.metadata?.name).toBe("one");
    expect(answer.httpStatusCode).toBe(200);
    expect(JSON.parse(await answer.body.text())).toMatchObject({ kind: "ConfigMap" });
    expect(JSON.parse(String(await answer.body.binary()))).toMatchObject({ kind: "ConfigMap" });
  });

  it("is left alone where it streams: the call has its answer while the body goes on", async () => {
    const { core, server, journal } = await guarded();
    let end = () => {};
    server.takeOver = (_request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.write(`${JSON.stringify({ type: "ADDED", object: map() })}\n`);
      end = () => response.end();
      return true;
    };
    const listing = core.listNamespacedConfigMap({ namespace: "default", watch: true }).catch(() => {});
    await expect.poll(() => journal.records).toMatchObject([{ operation: "watch configmaps", result: "ok" }]);
    end();
    await listing;
  });

  it("carries the id of Kubernetes' own audit log", async () => {
    const { core, server, journal } = await guarded();
    server.script = [{ reply: { status: 200, body: { items: [] }, headers: { "audit-id": "audit-1" } } }];
    await core.listNode();
    expect(journal.records[0]).toMatchObject({ attempts: [{ requestId: "audit-1", status: 200 }] });
  });
});

describe("records", () => {
  it("hold names and shapes, and nothing of what a Secret holds", async () => {
    const { core, guard, journal } = await guarded();
    const body = {
      metadata: { name: "s" },
      stringData: { name: "canary-1", password: "canary-2" },
      data: { resourceVersion: "canary-3" },
    };
    await guard.reconcile(subject("a"), () => core.createNamespacedSecret({ namespace: "default", body }));
    const written = JSON.stringify(journal.records);
    expect(written).toContain("core/v1/secrets/default/");
    expect(written).not.toContain("canary");
    expect(written).not.toContain("password");
  });
});
