/**
 * Any client of Kubernetes' client-node: a generated class (`CoreV1Api`, `CustomObjectsApi`, …),
 * `KubernetesObjectApi`, `Watch`, `Log`, `Metrics`, `Health`, `Exec`, `Attach`, `PortForward`. By
 * shape: the adapter needs no package.
 */
export type KubernetesClient = object;

/** A request as client-node builds it. */
export interface RequestContext {
  getUrl(): string;
  getHttpMethod(): string;
  getHeaders(): Record<string, string>;
  getBody(): unknown;
  getSignal?(): AbortSignal | undefined;
  getAgent?(): unknown;
  setBody(body: string): void;
  setHeaderParam(name: string, value: string): void;
  setQueryParam(name: string, value: string): void;
  setSignal?(signal: AbortSignal): void;
}

/** An answer as client-node reads it; the body can be read once. */
export interface ResponseContext {
  readonly httpStatusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: { text(): Promise<string>; binary(): Promise<Buffer> };
}

/** client-node's own stand-in for RxJS. */
export interface Observable<T> {
  toPromise(): Promise<T>;
  pipe<R>(callback: (value: T) => R | PromiseLike<R>): Observable<Awaited<R>>;
}

/** What sends a request: `IsomorphicFetchHttpLibrary`, or somebody's own. */
export interface HttpApi {
  send(request: RequestContext): Observable<ResponseContext>;
}

/** Puts credentials into a request: a `KubeConfig`. */
export interface AuthMethod {
  applySecurityAuthentication(context: RequestContext): void | Promise<void>;
}

/** What a client is configured with; several clients may share one. */
export interface Configuration {
  readonly baseServer: { makeRequestContext(path: string, method: string): RequestContext };
  readonly httpApi: HttpApi;
  readonly middleware: readonly unknown[];
  readonly authMethods: Readonly<Record<string, unknown>> & { readonly default?: AuthMethod };
}

/** What a caller gives with one call. */
export type CallOptions = Partial<Configuration> & { readonly middlewareMergeStrategy?: string };

type Method = (...args: unknown[]) => unknown;

/** A generated class's insides. */
export interface GeneratedClient {
  api: Readonly<Record<string, unknown>> & {
    readonly configuration: Configuration;
    readonly responseProcessor: Readonly<Record<string, (response: ResponseContext) => Promise<unknown>>>;
  };
}

/** `KubernetesObjectApi`'s insides. */
export interface ObjectClient {
  configuration: Configuration;
  delete: Method;
  requestPromise: Method;
  processResponse(response: ResponseContext): Promise<unknown>;
}

/** A `KubeConfig`, as far as streams use it. */
export interface KubeConfig {
  getCurrentCluster(): { readonly server: string } | null;
  applyToHTTPSOptions(options: Record<string, unknown>): Promise<void>;
  makeApiClient<T>(type: new (configuration: Configuration) => T): T;
}

/** What `Exec`, `Attach` and `PortForward` connect with. */
export interface SocketHandler {
  readonly config?: KubeConfig;
  connect(path: string, ...handlers: unknown[]): Promise<unknown>;
}

const functionIn = (value: unknown, name: string) =>
  typeof (value as Record<string, unknown> | null | undefined)?.[name] === "function";

/** Which family a client is of. */
export type Family = "generated" | "object" | "watch" | "log" | "metrics" | "health" | "socket";

function familyOf(client: Record<string, unknown>): Family | undefined {
  const { api, configuration, config, handler } = client as { [name: string]: Record<string, unknown> | undefined };
  const inner = api?.configuration as Record<string, unknown> | undefined;
  if (functionIn(inner?.httpApi, "send") && typeof api?.responseProcessor === "object") return "generated";
  if (functionIn(configuration?.httpApi, "send") && functionIn(client, "requestPromise")) return "object";
  if (functionIn(config, "getCurrentCluster") && functionIn(config, "applyToHTTPSOptions")) {
    if (functionIn(client, "watch")) return "watch";
    if (functionIn(client, "log")) return "log";
    if (functionIn(client, "metricsApiRequest")) return "metrics";
    if (functionIn(client, "check") && functionIn(client, "readyz")) return "health";
  }
  const opens = functionIn(client, "exec") || functionIn(client, "attach") || functionIn(client, "portForward");
  return opens && functionIn(handler, "connect") && functionIn(handler?.config, "makeApiClient") ? "socket" : undefined;
}

/** Finds the family of a client; `undefined` for any other value. Never throws. */
export function family(client: unknown): Family | undefined {
  try {
    return typeof client === "object" && client !== null ? familyOf(client as Record<string, unknown>) : undefined;
  } catch {
    return undefined; // a getter or a proxy threw
  }
}
