import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { KubeConfig } from "@kubernetes/client-node";
import { onTestFinished } from "vitest";

/** A stand-in for an API server that shakes hands with websockets, and knows one pod. */
export interface SocketServer {
  readonly config: KubeConfig;
  /** Paths of handshakes. */
  readonly upgrades: string[];
  /** Paths that were read. */
  readonly reads: string[];
  readonly tokens: (string | undefined)[];
  /** Labels of the pod. */
  labels: Readonly<Record<string, string>>;
  /** Status with which handshakes are refused, if they are. */
  refuse: number;
  /** What a command writes to its standard output before it ends well; nothing, and no end, where it is empty. */
  says: string;
  arrived: () => void;
}

/** The remote command protocol that is in force since Kubernetes 1.30; a client offers it, or gets none. */
const protocol = "v5.channel.k8s.io";

/** RFC 6455, section 5.2: one short binary message. Its first byte is the channel: 1 stdout, 3 the status. */
const message = (channel: number, text: string) =>
  Buffer.concat([Buffer.from([0x82, Buffer.byteLength(text) + 1, channel]), Buffer.from(text)]);
const closing = Buffer.from([0x88, 0]);

/** RFC 6455, section 1.3. */
const acceptFor = (key: unknown) =>
  createHash("sha1")
    .update(`${String(key)}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest("base64");

export async function socketServer(): Promise<SocketServer> {
  const server = createServer((request, response) => {
    fake.reads.push(request.url ?? "");
    fake.tokens.push(request.headers.authorization);
    response.setHeader("content-type", "application/json");
    response.end(
      JSON.stringify({ kind: "Pod", metadata: { name: "one", namespace: "default", uid: "u", labels: fake.labels } }),
    );
  });
  server.on("upgrade", (request, socket) => {
    fake.arrived();
    fake.upgrades.push(request.url ?? "");
    fake.tokens.push(request.headers.authorization);
    if (fake.refuse > 0) return void socket.end(`HTTP/1.1 ${fake.refuse} no\r\ncontent-length: 0\r\n\r\n`);
    const head = ["HTTP/1.1 101 Switching Protocols", "upgrade: websocket", "connection: upgrade"];
    const accept = `sec-websocket-accept: ${acceptFor(request.headers["sec-websocket-key"])}`;
    const offered = String(request.headers["sec-websocket-protocol"]).split(/, */);
    if (!offered.includes(protocol)) return void socket.end("HTTP/1.1 400 no\r\ncontent-length: 0\r\n\r\n");
    socket.write([...head, accept, `sec-websocket-protocol: ${protocol}`, "", ""].join("\r\n"));
    if (fake.says !== "") {
      const status = JSON.stringify({ metadata: {}, status: "Success" });
      socket.write(Buffer.concat([message(1, fake.says), message(3, status), closing]));
    }
    socket.on("error", () => {});
    onTestFinished(() => void socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const config = new KubeConfig();
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  config.loadFromClusterAndUser({ name: "fake", server: url, skipTLSVerify: true }, { name: "tester", token: "own" });
  const fake: SocketServer = {
    config,
    upgrades: [],
    reads: [],
    tokens: [],
    labels: {},
    refuse: 0,
    says: "",
    arrived: () => {},
  };
  return fake;
}
