import { createPublicKey, generateKeyPairSync, hash, type KeyObject, sign, verify } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { isConsistent } from "../../../src/audit/checkpoint/merkle.ts";
import { cleanup } from "../support.ts";

// A witness written from the text of C2SP's tlog-witness, tlog-cosignature and signed-note (read 2026-11),
// with parsing, key ids and signatures of its own. It shares with what is tested only the check of consistency
// paths, which is held against RFC 6962 elsewhere.

interface Seen {
  readonly size: number;
  readonly root: Buffer;
}

export interface WitnessServer {
  readonly url: string;
  readonly publicKey: string;
  /** Status of each answer. */
  readonly answers: number[];
  readonly bodies: string[];
  /** What it saw last; may be set. */
  seen: Seen | undefined;
  /** Answers in place of the protocol's, while set. */
  instead: { readonly status: number; readonly body: string; readonly type?: string } | undefined;
  /** Leaves requests without an answer, while set. */
  silent: boolean;
}

const keyOf = (publicKey: string): KeyObject => {
  const raw = Buffer.from(publicKey.split("+").slice(2).join("+"), "base64").subarray(1);
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: raw.toString("base64url") }, format: "jwk" });
};

/** @param log - The one log that it knows: origin and public key. */
export async function startWitness(
  log: { origin: string; publicKey: string },
  now: () => number,
): Promise<WitnessServer> {
  const name = "witness.example.com/w1";
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const raw = Buffer.from(String(publicKey.export({ format: "jwk" }).x), "base64url");
  const id = hash("sha256", Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(4), raw]), "buffer").subarray(0, 4);
  const logKey = keyOf(log.publicKey);

  function add(body: string): { status: number; body: string; type?: string } {
    const [head = "", text = "", signatures = ""] = body.split("\n\n");
    const [old = "", ...proof] = head.split("\n");
    const [origin, size, root] = text.split("\n");
    const from = Number(/^old (0|[1-9]\d*)$/.exec(old)?.[1]);
    if (origin !== log.origin) return { status: 404, body: "" };
    const own = signatures.split("\n").find((line) => line.startsWith(`— ${log.publicKey.split("+")[0]} `));
    const bytes = Buffer.from(own?.split(" ")[2] ?? "", "base64");
    const idOk = bytes.toString("hex", 0, 4) === log.publicKey.split("+")[1];
    if (!idOk || !verify(null, Buffer.from(`${text}\n`), logKey, bytes.subarray(4))) return { status: 403, body: "" };
    const to: Seen = { size: Number(size), root: Buffer.from(root ?? "", "base64") };
    if (!(from <= to.size)) return { status: 400, body: "" };
    const seen = server.seen ?? { size: 0, root: hash("sha256", "", "buffer") };
    if (from !== seen.size) return { status: 409, body: `${seen.size}\n`, type: "text/x.tlog.size" };
    const path = proof.map((line) => Buffer.from(line, "base64"));
    if (path.length > 63 || !isConsistent(from, seen.root, to.size, to.root, path)) return { status: 422, body: "" };
    server.seen = to;
    const time = Math.floor(now() / 1_000);
    const stamp = Buffer.alloc(8);
    stamp.writeBigUInt64BE(BigInt(time));
    const signature = sign(null, Buffer.from(`cosignature/v1\ntime ${time}\n${text}\n`), privateKey);
    return { status: 200, body: `— ${name} ${Buffer.concat([id, stamp, signature]).toString("base64")}\n` };
  }

  const http = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    server.bodies.push(body);
    if (server.silent) return;
    const wrong = request.method !== "POST" || request.url !== "/submit/add-checkpoint";
    const answer = server.instead ?? (wrong ? { status: 404, body: "" } : add(body));
    server.answers.push(answer.status);
    response.writeHead(answer.status, { "content-type": answer.type ?? "text/plain" }).end(answer.body);
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  cleanup(() => {
    http.closeAllConnections();
    http.close();
  });
  const server: WitnessServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/submit`,
    publicKey: `${name}+${id.toString("hex")}+${Buffer.concat([Buffer.of(4), raw]).toString("base64")}`,
    answers: [],
    bodies: [],
    seen: undefined,
    instead: undefined,
    silent: false,
  };
  return server;
}
