import type { CallDraft, Port } from "../../src/core/adapter.ts";
import type { Call } from "../../src/core/call.ts";
import { GuardError, isGuardError } from "../../src/core/errors.ts";
import type { Arguments, Context, Middleware, OpenClient, Stack } from "./client.ts";
import { markUserAgent, streams } from "./request.ts";

/** A wrapped client whose calls go through one stack of middleware. */
export interface Member {
  readonly client: OpenClient;
  readonly port: Port;
  /** Names the account, and settles the input before anybody else sees it. */
  draft(context: Context, input: unknown): Omit<CallDraft, "region" | "signal">;
  region(): string | undefined | Promise<string | undefined>;
}

/** Who resolves a command's handler right now: resolving is synchronous, so nobody else can be meant. */
interface Sending {
  readonly member: Member;
  readonly signal?: AbortSignal;
  /** Past the rings: the adapter's own reading. */
  readonly past?: true;
}

/** What travels with the middleware's arguments, so that no two calls are ever taken for each other. */
interface Ticket {
  readonly call: Call | undefined;
  readonly port: Port;
  /** Requests of this call that the attempt ring has let through and that are on their way. */
  open: number;
  /** The request whose user agent names the call already: a retry sends the same one again. */
  marked?: unknown;
}

const ticketKey = Symbol("provider-guard.ticket");

interface Ticketed extends Arguments {
  readonly [ticketKey]?: Ticket;
}

interface TicketedContext extends Context {
  [ticketKey]?: Ticket;
}

/** Carries what the guard threw past the SDK's retries, which would try it again or write into it. */
class Halt extends Error {
  readonly reason: unknown;
  constructor(reason: unknown) {
    super(reason instanceof Error ? reason.message : "stopped by the guard");
    this.name = "ProviderGuardHalt";
    this.reason = reason;
  }
}

const names = {
  operation: "providerGuardOperation",
  attempt: "providerGuardAttempt",
  gate: "providerGuardGate",
} as const;

/** The guard's middleware in one stack, which several clients may share. */
export interface StackHooks {
  join(member: Member): void;
  leave(member: Member): void;
  /** Resolves and sends a command in somebody's name. */
  as<R>(sending: Sending, run: () => R): R;
}

const installed = new WeakMap<Stack, StackHooks>();

/** The hooks of a stack; the first call puts them in. */
export function hooksOf(stack: Stack): StackHooks {
  let hooks = installed.get(stack);
  if (hooks === undefined) {
    if (stack.identify?.().some((entry) => entry.startsWith(names.operation))) {
      const message = "guard.wrap: another copy of provider-guard has wrapped this client; unwrap it there";
      throw new GuardError("ERR_GUARD_ALREADY_WRAPPED", message);
    }
    hooks = install(stack);
    installed.set(stack, hooks);
  }
  return hooks;
}

function install(stack: Stack): StackHooks {
  const members: Member[] = [];
  let sending: Sending | undefined;
  // The context is for middleware of the user's that makes new arguments. A cached handler's context
  // serves many calls at once, so there only the ticket in the arguments counts.
  const ticketOf = (args: Ticketed, context: TicketedContext) => args[ticketKey] ?? context[ticketKey];

  function carry(args: Arguments, context: TicketedContext, input: unknown, ticket: Ticket, member: Member): Ticketed {
    if (member.client.config.cacheMiddleware !== true) context[ticketKey] = ticket;
    return { ...args, input, [ticketKey]: ticket };
  }

  const operation: Middleware = (next, context) => {
    const sender = sending;
    return (args) => {
      // A command in the arguments comes from `send` of a client that shares this stack and is not wrapped
      // itself. Anything else, such as a presigner, runs through; the gate is what stands before the wire.
      const member = sender?.member ?? ("middlewareStack" in args ? members[0] : undefined);
      if (member === undefined) return next(args);
      if (sender?.past) {
        return next(carry(args, context, args.input, { call: undefined, port: member.port, open: 1 }, member));
      }
      const run = (region: string | undefined) => {
        const draft: { -readonly [K in keyof CallDraft]: CallDraft[K] } = member.draft(context, args.input);
        if (region !== undefined) draft.region = region;
        if (sender?.signal !== undefined) draft.signal = sender.signal;
        return member.port.call(draft, (call) => {
          const ticket = { call, port: member.port, open: 0 };
          return next(carry(args, context, call.input, ticket, member)).catch(unhalt);
        });
      };
      try {
        const region = member.region();
        return typeof region === "object" ? region.then(run) : run(region);
      } catch (error) {
        return Promise.reject(error); // a hostile input must not throw out of `send`
      }
    };
  };

  const attempt: Middleware = (next, context) => (args) => {
    const ticket = ticketOf(args, context);
    if (ticket?.call === undefined) return next(args);
    const { call, port } = ticket;
    if (ticket.marked !== args.request) markUserAgent(args.request, call.id);
    ticket.marked = args.request;
    let wire: { readonly error: unknown } | undefined;
    const send = () => {
      ticket.open++;
      return next(args).then(
        (answer) => {
          ticket.open--;
          return answer;
        },
        (error) => {
          ticket.open--;
          wire = { error };
          throw error;
        },
      );
    };
    return port.attempt(call, send, { repeatable: !streams(args.request) }).catch((error) => {
      if (wire !== undefined && wire.error === error && !isGuardError(error)) throw error;
      throw new Halt(error);
    });
  };

  const gate: Middleware = (next, context) => (args) => {
    if ((ticketOf(args, context)?.open ?? 0) > 0) return next(args);
    const name = context.commandName?.replace(/Command$/, "") ?? "a command";
    const message = `${name}: about to be sent around the guard; call the client's send`;
    return Promise.reject(new GuardError("ERR_ADAPTER_BYPASSED", message));
  };

  return {
    as(who, run) {
      const outer = sending;
      sending = who;
      try {
        return run();
      } finally {
        sending = outer;
      }
    },
    join(member) {
      members.push(member);
      if (members.length > 1) return;
      stack.add(operation, { step: "initialize", priority: "high", name: names.operation, override: true });
      const inside = { relation: "after", toMiddleware: "retryMiddleware", name: names.attempt, override: true };
      stack.addRelativeTo(attempt, inside);
      stack.add(gate, { step: "deserialize", priority: "low", name: names.gate, override: true });
    },
    leave(member) {
      const index = members.indexOf(member);
      if (index < 0) return;
      members.splice(index, 1);
      if (members.length > 0) return;
      for (const name of Object.values(names)) stack.remove(name);
      installed.delete(stack);
    },
  };
}

function unhalt(error: unknown): never {
  throw error instanceof Halt ? error.reason : error;
}
