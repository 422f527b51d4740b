import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A line to a server of loopback that can be cut. What passes, encrypted or not, is not looked at. */
export interface Wire {
  readonly port: number;
  /** Connections that were made through it so far. */
  readonly connections: number;
  /** Ends all connections, and refuses new ones (`ECONNREFUSED`). */
  cut(): Promise<void>;
  /** Lets connections through again, on the same port. */
  mend(): Promise<void>;
}

/**
 * Puts a line in front of a server; it is cut at first.
 *
 * @param to - The server's port.
 */
export async function startWire(to: number): Promise<Wire> {
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  let connections = 0;
  let port = 0;

  function join(near: Socket): void {
    connections++;
    const far = connect(to, "127.0.0.1");
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.pipe(other);
      one.on("error", () => {});
      one.once("close", () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  }

  const wire: Wire = {
    get port() {
      return port;
    },
    get connections() {
      return connections;
    },
    async cut() {
      const closing = server;
      server = undefined;
      for (const socket of sockets) socket.destroy();
      if (closing !== undefined) await new Promise((resolve) => closing.close(resolve));
    },
    async mend() {
      server ??= createServer(join).listen(port, "127.0.0.1");
      if (!server.listening) await once(server, "listening");
      port = (server.address() as AddressInfo).port;
    },
  };
  await wire.mend();
  await wire.cut();
  return wire;
}
