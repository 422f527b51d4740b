import type { Port } from "../../src/core/adapter.ts";
import { locate } from "../../src/core/locate.ts";
import type { ObjectAdapterOptions } from "./options.ts";

function signalIn(args: readonly unknown[]): AbortSignal | undefined {
  const last = args.at(-1);
  const signal = last instanceof AbortSignal ? last : (last as { signal?: unknown } | null | undefined)?.signal;
  return signal instanceof AbortSignal ? signal : undefined;
}

/** A stand-in whose methods go through the guard; the object itself stays as it is. */
export function standIn(client: object, options: ObjectAdapterOptions, port: Port): { proxy: object; stop(): void } {
  const { passThrough = [], signal = signalIn } = options;
  const place = { service: options.cloud, ...locate(options) };
  const skipped = new Set<PropertyKey>(["constructor", "then", "toString", "toJSON", "valueOf", ...passThrough]);
  const methods = new Map<PropertyKey, { readonly original: unknown; readonly guarded: unknown }>();
  let active = true;

  function guarded(name: string, original: (...args: unknown[]) => unknown) {
    return (...args: unknown[]) => {
      if (!active) return original.apply(client, args);
      const own = signal(args);
      const draft = {
        operation: name,
        input: args,
        ...place,
        ...(own === undefined ? {} : { signal: own }),
      };
      return port.call(draft, (call) =>
        port.attempt(call, () => original.apply(client, call.input as unknown[]) as Promise<unknown>),
      );
    };
  }

  const proxy = new Proxy(client, {
    get(target, key) {
      const value = Reflect.get(target, key, target); // with the real object as receiver: #private fields need it
      if (typeof value !== "function") return value;
      const known = methods.get(key);
      if (known !== undefined && known.original === value) return known.guarded;
      const made = typeof key === "symbol" || skipped.has(key) ? value.bind(target) : guarded(key, value);
      const fixed = Reflect.getOwnPropertyDescriptor(target, key);
      if (fixed?.configurable === false && fixed.writable === false) return value; // a proxy may not answer otherwise
      methods.set(key, { original: value, guarded: made });
      return made;
    },
    set: (target, key, value) => Reflect.set(target, key, value, target),
  });
  return {
    proxy,
    stop() {
      active = false;
    },
  };
}
