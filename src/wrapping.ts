import type { Adapter, Attachment, Binding } from "./core/adapter.ts";
import { createBinding } from "./core/binding.ts";
import { GuardError } from "./core/errors.ts";
import { type Wrapped, wrappedClients } from "./core/registry.ts";
import type { WrapOptions } from "./guard-interface.ts";
import type { Runner } from "./runner.ts";

/** Puts one guard's hooks into clients and takes them out again. */
export interface Wrapping {
  wrap<T extends C, C extends object>(client: T, adapter: Adapter<C>, options?: WrapOptions): T;
  unwrap<T extends object>(client: T): T;
  /** @throws {@link GuardError} `ERR_ADAPTER_MISMATCH` where this guard did not wrap the client. */
  bindingOf(client: object): Binding;
}

/**
 * @param guard - Whose wrapping this is, as seen by other guards.
 * @param wrapping - Is told of each client that is about to be wrapped, and may refuse it by throwing.
 */
export function createWrapping(guard: () => object, runner: Runner, wrapping: (binding: Binding) => void): Wrapping {
  const bindings = new WeakMap<Wrapped, Binding>();

  /** What is known of a client that this guard wrapped, if it did. */
  function mine(client: object, verb: string): Wrapped | undefined {
    const known = wrappedClients.get(client);
    if (known === undefined || known.guard === guard()) return known;
    const message = `guard.${verb}: another guard has wrapped this client; unwrap it there, or share one guard`;
    throw new GuardError("ERR_GUARD_ALREADY_WRAPPED", message);
  }

  // A function is not hooked but stood in for, and may be everybody's, as the global fetch is.
  const faces = ({ original, attachment }: Wrapped) =>
    typeof original === "function" ? [attachment.client] : [original, attachment.client];

  return {
    wrap<T extends C, C extends object>(client: T, adapter: Adapter<C>, options: WrapOptions = {}): T {
      if (runner.draining) throw new GuardError("ERR_GUARD_CLOSED", "guard.wrap: the guard is closed");
      if (!["object", "function"].includes(typeof client) || client === null || !adapter.accepts(client)) {
        const message = `guard.wrap: the adapter "${adapter.name}" is for another kind of client`;
        throw new GuardError("ERR_ADAPTER_MISMATCH", message);
      }
      const known = mine(client, "wrap");
      if (known !== undefined) return known.attachment.client as T;
      const binding = createBinding(adapter as unknown as Adapter, client, options.credentials);
      wrapping(binding);
      const attachment = adapter.attach(client, runner.port(binding));
      const entry = { guard: guard(), original: client, attachment: attachment as Attachment<object> };
      bindings.set(entry, binding);
      for (const face of faces(entry)) wrappedClients.set(face, entry);
      return attachment.client as T;
    },
    unwrap<T extends object>(client: T): T {
      const wrapped = mine(client, "unwrap");
      if (wrapped === undefined) return client;
      wrapped.attachment.detach();
      for (const face of faces(wrapped)) wrappedClients.delete(face);
      return wrapped.original as T;
    },
    bindingOf(client) {
      const wrapped = wrappedClients.get(client);
      const binding = wrapped && bindings.get(wrapped);
      if (binding !== undefined) return binding;
      throw new GuardError("ERR_ADAPTER_MISMATCH", "guard.explain: client: not wrapped by this guard");
    },
  };
}
