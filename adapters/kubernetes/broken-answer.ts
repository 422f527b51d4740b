import { fieldsOf } from "../../src/core/kubernetes-status.ts";

/** A connection of Node's HTTP client, with the request that it carries. */
interface Connection {
  readonly destroyed?: boolean;
  readonly _httpMessage?: { readonly res?: { readonly complete: boolean } };
  once(event: "close", listener: () => void): unknown;
  off(event: "close", listener: () => void): unknown;
}

/**
 * Ends the reading of an answer whose connection breaks off: node-fetch 2.7 notices that only where the
 * answer comes in chunks, and waits for ever for the rest of one with a length.
 *
 * @param agent - The request's; client-node makes one for each request, so that its one connection is ours.
 * @returns What `read` settles to.
 * @throws An error with the code `ECONNRESET`.
 */
export function unlessBroken<T>(read: Promise<T>, agent: unknown): Promise<T> {
  const connections = Object.values(fieldsOf(fieldsOf(agent).sockets)).flat() as Connection[];
  const [connection] = connections;
  const answer = connection?._httpMessage?.res;
  if (connection === undefined || answer === undefined || connections.length > 1) return read;
  return new Promise((resolve, reject) => {
    const closed = () => {
      if (answer.complete) return; // all is there, and perhaps still being unpacked
      const error = Object.assign(new Error("the connection broke off within the answer"), { code: "ECONNRESET" });
      setImmediate(reject, error); // node-fetch's own error comes first where it has one
    };
    connection.once("close", closed);
    if (connection.destroyed) closed();
    read.then(resolve, reject).finally(() => connection.off("close", closed));
  });
}
