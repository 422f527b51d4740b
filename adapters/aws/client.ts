/**
 * Any client of the AWS SDK for JavaScript v3, by shape: the adapter needs no package of the SDK.
 */
export interface AwsClient {
  readonly config: object;
  readonly middlewareStack: object;
  send(...args: never[]): unknown;
}

/** What the middleware is given; the SDK has many more members. */
export interface Arguments {
  readonly input?: unknown;
  readonly request?: unknown;
}

/** One step of a resolved stack. */
export type Handler = (args: Arguments) => Promise<{ readonly response?: unknown; readonly output?: unknown }>;

/** What the SDK says about the command whose stack is being resolved. */
export interface Context {
  readonly clientName?: string;
  readonly commandName?: string;
  readonly __smithy_context?: {
    readonly service?: string;
    readonly operation?: string;
    readonly operationSchema?: unknown;
  };
}

/** A middleware as the SDK's stacks take it. */
export type Middleware = (next: Handler, context: Context) => Handler;

/** The part of a middleware stack that the hooks use. */
export interface Stack {
  add(middleware: Middleware, options: object): void;
  addRelativeTo(middleware: Middleware, options: object): void;
  remove(name: string): boolean;
  identify?(): readonly string[];
}

/** The part of a resolved configuration that the hooks use. */
export interface Config {
  region?: string | (() => Promise<string>);
  credentials?: unknown;
  signer?: unknown;
  readonly cacheMiddleware?: boolean;
}

/** A client with the insides that {@link AwsClient} keeps out of the public types. */
export interface OpenClient {
  readonly config: Config;
  readonly middlewareStack: Stack;
  send(...args: unknown[]): unknown;
  /** Handlers that `cacheMiddleware: true` resolved earlier. */
  handlers?: unknown;
}

/** A command, as far as it is sent by hand. */
export interface Command {
  resolveMiddleware(stack: Stack, config: Config, options: object): Handler;
}

/** Whether this looks like a client of the AWS SDK v3. Never throws. */
export function isAwsClient(value: unknown): boolean {
  try {
    const { middlewareStack, config, send } = value as Partial<OpenClient>;
    return (
      typeof send === "function" &&
      typeof config === "object" &&
      config !== null &&
      typeof middlewareStack?.add === "function" &&
      typeof middlewareStack.addRelativeTo === "function"
    );
  } catch {
    return false; // nothing at all, or a getter that threw
  }
}
