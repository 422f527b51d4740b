import type { CredentialLease } from "../../src/core/credential.ts";
import type { AuthMethod, Configuration, RequestContext } from "./client.ts";

type Methods = Configuration["authMethods"];

const name = "authorization";

/** The header, whatever the case it was written in. */
const authorizationOf = (context: RequestContext) =>
  Object.entries(context.getHeaders()).find(([key]) => key.toLowerCase() === name)?.[1];

/** Sees to it that a request leaves with a credential that is valid when it leaves. */
export interface Authentication {
  /** What client-node is given in place of the methods: it applies them before the request comes to the guard. */
  readonly methods: Methods;
  /** Applies them to a request of our own. */
  apply(context: RequestContext): Promise<void>;
  /** Applies them once more, unless a middleware has put its own credential in their place. */
  renew(context: RequestContext): Promise<void>;
}

/** @param lease - Its token goes before the client's own credential. */
export function authentication(methods: Methods, lease: CredentialLease | undefined): Authentication {
  const applied = new WeakMap<RequestContext, string | undefined>();
  const own = Object.values(methods).filter(
    (method): method is AuthMethod =>
      typeof (method as AuthMethod | undefined)?.applySecurityAuthentication === "function",
  );
  const remembering = (method: AuthMethod): AuthMethod =>
    Object.assign(Object.create(method) as AuthMethod, {
      async applySecurityAuthentication(context: RequestContext) {
        await method.applySecurityAuthentication(context);
        applied.set(context, authorizationOf(context));
      },
    });

  async function lend(context: RequestContext, from: CredentialLease): Promise<void> {
    const { value } = from.peek() ?? (await from.get(context.getSignal?.()));
    const headers = context.getHeaders();
    for (const key of Object.keys(headers)) if (key.toLowerCase() === name) delete headers[key];
    context.setHeaderParam("Authorization", `Bearer ${String(value)}`);
  }

  async function apply(context: RequestContext): Promise<void> {
    for (const method of own) await method.applySecurityAuthentication(context);
    if (lease !== undefined) await lend(context, lease);
  }

  return {
    methods: methods.default === undefined ? methods : { ...methods, default: remembering(methods.default) },
    apply,
    async renew(context) {
      if (lease !== undefined) await lend(context, lease);
      else if (methods.default !== undefined && applied.get(context) === authorizationOf(context)) {
        await methods.default.applySecurityAuthentication(context);
      }
    },
  };
}
