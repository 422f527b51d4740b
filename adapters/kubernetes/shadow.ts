type Method = (...args: unknown[]) => unknown;

/**
 * Puts a method of the instance over the one of its class.
 *
 * @param make - Makes it, from the one that was there, looked up at each call.
 * @returns What takes it away; a method that somebody has put over it since stays and passes on.
 */
export function shadow<C extends object>(
  client: C,
  name: string & keyof C,
  make: (original: Method) => Method,
): () => void {
  const own = Object.getOwnPropertyDescriptor(client, name);
  const original: Method = (...args) =>
    ((own?.value ?? (Object.getPrototypeOf(client) as C)[name]) as Method).apply(client, args);
  const made = make(original);
  let attached = true;
  const method: Method = (...args) => (attached ? made(...args) : original(...args));
  Object.defineProperty(client, name, { value: method, configurable: true, writable: true, enumerable: false });
  return () => {
    attached = false;
    if (client[name] !== (method as C[keyof C])) return;
    if (own === undefined) delete client[name];
    else Object.defineProperty(client, name, own);
  };
}
