import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A TCP proxy on loopback that can part both ends. */
export interface TcpProxy {
  readonly port: number;
  /**
   * Nothing passes any more, and nobody is told: as behind a broken switch. What was sent meanwhile
   * arrives after `heal`, even from a sender that is gone.
   */
  part(which?: "requests" | "answers" | "both"): void;
  heal(): void;
  stop(): Promise<void>;
}

/** Starts a proxy in front of a port of loopback. */
export async function startProxy(target: number): Promise<TcpProxy> {
  const pairs = new Set<{ readonly front: Socket; readonly back: Socket }>();
  let parted: "requests" | "answers" | "both" | undefined;
  const flow = ({ front, back }: { readonly front: Socket; readonly back: Socket }) => {
    if (parted === "requests" || parted === "both") front.pause();
    else front.resume();
    if (parted === "answers" || parted === "both") back.pause();
    else back.resume();
  };
  const server = createServer({ allowHalfOpen: true }, (front) => {
    const back = connect({ port: target, host: "127.0.0.1", allowHalfOpen: true });
    const pair = { front, back };
    pairs.add(pair);
    for (const [from, to] of [
      [front, back],
      [back, front],
    ] as const) {
      from.on("data", (bytes) => to.writable && to.write(bytes));
      from.on("end", () => to.end());
      from.on("error", () => to.destroy());
      from.on("close", () => pairs.delete(pair));
    }
    flow(pair);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as { port: number }).port,
    part(which = "both") {
      parted = which;
      for (const pair of pairs) flow(pair);
    },
    heal() {
      parted = undefined;
      for (const pair of pairs) flow(pair);
    },
    async stop() {
      for (const { front, back } of pairs) {
        front.destroy();
        back.destroy();
      }
      server.close();
      await once(server, "close");
    },
  };
}
