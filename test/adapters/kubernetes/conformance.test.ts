import {
  CoreV1Api,
  CustomObjectsApi,
  createConfiguration,
  IsomorphicFetchHttpLibrary,
  type KubeConfig,
  KubernetesObjectApi,
  Observable,
  type RequestContext,
  ServerConfiguration,
  Watch,
} from "@kubernetes/client-node";
import type { Adapter } from "provider-guard";
import { kubernetes } from "provider-guard/kubernetes";
import type { ConformanceSubject, InputExtras, SubjectOperation, Wire } from "provider-guard/testing";
import { afterAll } from "vitest";
import { conforms } from "../../support/conformance.ts";
import { asks, decode, kitServer, seenKitObject } from "./kit-server.ts";

const server = await kitServer();
afterAll(server.close);

/** client-node's own HTTP library to a real server, after the kit has said what that one is to answer. */
function configurationOn(wire: Wire) {
  const http = new IsomorphicFetchHttpLibrary();
  const config = server.config();
  return createConfiguration({
    baseServer: new ServerConfiguration(config.getCurrentCluster()?.server ?? "", {}),
    authMethods: { default: config },
    httpApi: {
      send: (context: RequestContext) =>
        new Observable(
          wire.send(decode(context)).then((reply) => {
            context.setHeaderParam(...asks(reply));
            return http.send(context).toPromise();
          }),
        ),
    },
  });
}

/** The only way to give client-node a signal. */
const abortableBy = (signal: AbortSignal | undefined) =>
  signal && {
    middleware: [
      {
        pre(context: RequestContext) {
          context.setSignal(signal);
          return new Observable(Promise.resolve(context));
        },
        post: <T>(response: T) => new Observable(Promise.resolve(response)),
      },
    ],
  };

function body({ tags, token }: InputExtras, more: object = {}) {
  const annotations = token === undefined ? {} : { annotations: { "idempotency.provider-guard/token": token } };
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "one", namespace: "kit", ...(tags && { labels: tags }), ...annotations },
    ...more,
  };
}

const secret = { data: { name: "kit-secret" } };
const secrets = ["kit-secret"];

interface Facts<C> {
  readonly operation: string;
  readonly service: string;
  readonly input?: (extras: InputExtras) => unknown;
  // biome-ignore lint/suspicious/noExplicitAny: each operation knows its own input
  readonly invoke: (client: C, input: any, options: ReturnType<typeof abortableBy>) => Promise<unknown>;
  readonly more?: Partial<SubjectOperation<C>>;
}

const operation = <C>({
  operation,
  service,
  input = (extras) => body(extras),
  invoke,
  more,
}: Facts<C>): SubjectOperation<C> => ({
  operation,
  service,
  input,
  invoke: (client, given, signal) => invoke(client, given, abortableBy(signal)),
  ...more,
});

const at = { name: "one", namespace: "kit" };
const skips = {
  "the client's own retries are attempts of the same call": "the client has no retries of its own",
  "resources can be listed for the collector": "the adapter offers no inventory",
};
const skipped = (name: string, more: Record<string, string> = {}) =>
  Object.fromEntries(Object.entries({ ...skips, ...more }).map(([title, reason]) => [`${name}: ${title}`, reason]));

function subject<C extends object>(
  name: string,
  makeClient: (wire: Wire) => C,
  resource: string,
  operations: ConformanceSubject<C>["operations"],
  more: Partial<ConformanceSubject<C>> = {},
): ConformanceSubject<C> {
  return {
    name,
    adapter: () => kubernetes() as unknown as Adapter<C>,
    makeClient,
    operations,
    foreign: [{}, [], new Map(), { api: {} }, { config: {}, watch() {} }, server],
    readable: seenKitObject(resource),
    credentials: [
      { value: "key-a", name: "Bearer key-a" },
      { value: "key-b", name: "Bearer key-b" },
    ],
    ...more,
  };
}

const maps = "core/configmaps";
const seen = [seenKitObject(maps)];
const mapTarget = { targets: ["core/configmaps/kit/one"] };

conforms(
  subject<CoreV1Api>("CoreV1Api", (wire) => new CoreV1Api(configurationOn(wire)), maps, {
    read: operation({
      operation: "get configmaps",
      service: "core",
      input: () => at,
      invoke: (client, input, options) => client.readNamespacedConfigMap(input, options),
      more: { seen, resourceType: "configmaps" },
    }),
    create: operation({
      operation: "create configmaps",
      service: "core",
      input: (extras) => body(extras, secret),
      invoke: (client, map, options) => client.createNamespacedConfigMap({ namespace: "kit", body: map }, options),
      more: { seen, secrets, resourceType: "configmaps" },
    }),
    update: operation({
      operation: "update configmaps",
      service: "core",
      invoke: (client, map, options) => client.replaceNamespacedConfigMap({ ...at, body: map }, options),
      more: mapTarget,
    }),
    delete: operation({
      operation: "delete configmaps",
      service: "core",
      input: () => at,
      invoke: (client, input, options) => client.deleteNamespacedConfigMap(input, options),
      more: mapTarget,
    }),
  }),
  skipped("CoreV1Api"),
);

const group = "infrastructure.acme.io";
const machine = { group, version: "v1", namespace: "kit", plural: "acmemachines" };
const machines = `${group}/acmemachines`;
const machineTarget = { targets: [`${machines}/kit/one`] };

conforms(
  subject<CustomObjectsApi>("CustomObjectsApi", (wire) => new CustomObjectsApi(configurationOn(wire)), machines, {
    read: operation({
      operation: "get acmemachines",
      service: group,
      input: () => ({ ...machine, name: "one" }),
      invoke: (client, input, options) => client.getNamespacedCustomObject(input, options),
      more: { seen: [seenKitObject(machines)] },
    }),
    create: operation({
      operation: "create acmemachines",
      service: group,
      input: (extras) => body(extras, { spec: secret.data }),
      invoke: (client, object, options) => client.createNamespacedCustomObject({ ...machine, body: object }, options),
      more: { seen: [seenKitObject(machines)], secrets },
    }),
    update: operation({
      operation: "patch acmemachines/status",
      service: group,
      input: () => [{ op: "replace", path: "/status/ready", value: true }],
      invoke: (client, patch, options) =>
        client.patchNamespacedCustomObjectStatus({ ...machine, name: "one", body: patch }, options),
      more: machineTarget,
    }),
    delete: operation({
      operation: "delete acmemachines",
      service: group,
      input: () => ({ ...machine, name: "one" }),
      invoke: (client, input, options) => client.deleteNamespacedCustomObject(input, options),
      more: machineTarget,
    }),
  }),
  skipped("CustomObjectsApi"),
);

class PreparedObjectApi extends KubernetesObjectApi {
  constructor(wire: Wire) {
    super(configurationOn(wire));
    const resources = [{ kind: "ConfigMap", name: "configmaps", namespaced: true, singularName: "", verbs: [] }];
    this.apiVersionResourceCache.v1 = { groupVersion: "v1", resources }; // discovery is not what is checked here
  }
}

const noSignal = "the client takes no signal";

conforms(
  subject<KubernetesObjectApi>(
    "KubernetesObjectApi",
    (wire) => new PreparedObjectApi(wire),
    maps,
    {
      read: operation({
        operation: "get configmaps",
        service: "core",
        invoke: (client, object) => client.read(object),
        more: { seen },
      }),
      create: operation({
        operation: "create configmaps",
        service: "core",
        input: (extras) => body(extras, secret),
        invoke: (client, object) => client.create(object),
        more: { seen, secrets },
      }),
      update: operation({
        operation: "update configmaps",
        service: "core",
        invoke: (client, object) => client.replace(object),
        more: mapTarget,
      }),
      delete: operation({
        operation: "delete configmaps",
        service: "core",
        invoke: (client, object) => client.delete(object),
        more: mapTarget,
      }),
    },
    { lacks: { signal: noSignal } },
  ),
  skipped("KubernetesObjectApi", {
    "the caller's signal reaches the call": noSignal,
    "an abort while a call waits in either ring sends nothing, and rejects with its reason": noSignal,
    "an abort in flight ends the call, and is read as one": noSignal,
  }),
);

const noFailureFacts = "client-node keeps no headers of a watch";
const noTags = "no create that carries tags";
const noToken = "no create that carries an idempotency token";

/** client-node's Watch asks its configuration for headers right before it connects. */
function watchOn(wire: Wire): Watch {
  const config = server.config();
  const apply = config.applyToFetchOptions;
  config.applyToFetchOptions = async function (this: KubeConfig, options) {
    const init = await apply.call(this, options);
    const headers = init.headers as unknown as Headers;
    headers.set(...asks(await wire.send({ credential: headers.get("authorization") ?? undefined })));
    return init;
  };
  return new Watch(config);
}

conforms(
  {
    name: "Watch",
    adapter: () => kubernetes() as unknown as Adapter<Watch>,
    makeClient: watchOn,
    operations: {
      read: {
        operation: "watch configmaps",
        service: "core",
        resourceType: "configmaps",
        input: () => ({ resourceVersion: "7" }),
        invoke: (client, query) =>
          new Promise((resolve, reject) => {
            const done = (error: unknown) => (error ? reject(error) : resolve(undefined));
            client.watch("/api/v1/namespaces/kit/configmaps", query, () => {}, done).catch(reject);
          }),
      },
    },
    foreign: [{ watch() {} }],
    credentials: [
      { value: "key-a", name: "Bearer key-a" },
      { value: "key-b", name: "Bearer key-b" },
    ],
    lacks: { signal: noSignal, "retry-after": noFailureFacts, "request-id": noFailureFacts, status: noFailureFacts },
  } satisfies ConformanceSubject<Watch>,
  skipped("Watch", {
    "a resource's tags are read past the rings; one that is not there is undefined":
      "the subject declares no readable resource",
    "a second attempt carries the same token and tags": noToken,
    "a token that the caller set stays, and is told": noToken,
    "an abort in flight ends the call, and is read as one": noSignal,
    "an abort while a call waits in either ring sends nothing, and rejects with its reason": noSignal,
    "an idempotency token reaches the wire, the same in every attempt": noToken,
    "an input that the operation ring replaces is what is sent": noTags,
    "owner tags reach the wire beside the caller's own": noTags,
    "request ids are read, of successes and failures, each attempt its own": noFailureFacts,
    "resources and their tags are found in answers": "the subject declares no resources in answers",
    "secrets in an input are never recorded": "the subject's inputs hold no secrets",
    "the caller's signal reaches the call": noSignal,
    "the status is read, of successes and failures": noFailureFacts,
    "two creates never share a token that nobody gave them": noToken,
    "updates and deletes tell which resources they name": "the subject declares no targets",
    "what the caller sets under the reserved prefix is seen": noTags,
    "what the cloud asks to wait is read": noFailureFacts,
  }),
);
