import { spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Binding, OpenerPart } from "../../src/bootstrap/contract.ts";
import { composeOpener } from "../../src/bootstrap/opener/compose.ts";
import type { SealedData } from "../../src/bootstrap/sealed-data.ts";
import { type ChunkServer, chunkServer, type Spoil, token } from "./bootstrap-opener/chunk-server.ts";
import { describeOpener, type TestMachine, testMachine } from "./bootstrap-opener/machine.ts";
import { canary, sampleScript, sealFor } from "./bootstrap-opener/sealed.ts";

// bash takes its part in the other files: two shells of different parents are enough of so many cases.
describeOpener("an opener that fails", failing, ["dash", "busybox sh"]);

function failing(shell: string) {
  let machine: TestMachine;
  let server: ChunkServer | undefined;
  let sealed: SealedData;
  let secret = "";
  beforeEach(() => {
    machine = testMachine(shell);
  });
  afterEach(async () => {
    machine.remove();
    await server?.close();
    server = undefined;
  });

  async function install(options: Partial<Binding> & { maxItemBytes?: number } = {}, spoil?: Spoil, wrap?: OpenerPart) {
    const made = await sealFor(machine.folder, sampleScript(machine.folder), { maxItemBytes: 512, ...options });
    sealed = made.sealed;
    server = await chunkServer(sealed.chunks, spoil);
    machine.write(composeOpener({ sealed, wrap: wrap ?? made.wrap, store: server.part }));
    const key = readFileSync(`${machine.folder}/image.key`, "utf8");
    secret = key.split("\n")[1] as string;
  }

  /** What every failure leaves: one line on the console and in the status, everything in the store, nothing here. */
  async function fails(code: 10 | 11, reason: string, env: Readonly<Record<string, string>> = {}) {
    expect(await machine.run(undefined, env)).toEqual({ code, stdout: "", stderr: "" });
    const state = code === 10 ? "refused" : "failed";
    expect(machine.status()).toBe(`${state} ${reason}`);
    expect(machine.console().at(-1)).toBe(`provider-guard: bootstrap data ${sealed.binding.id} ${state}: ${reason}`);
    leavesNothing();
  }
  function leavesNothing() {
    expect(existsSync(`${machine.folder}/effect`)).toBe(false);
    expect(machine.mounts()).toEqual([]);
    expect(existsSync(`${machine.folder}/run/bootstrap`)).toBe(false);
    expect(machine.holding(canary)).toEqual([]);
    expect(machine.holding(secret)).toEqual([`${machine.folder}/image.key`]);
    expect(machine.holding(token)).toEqual([`${machine.folder}/opener`]);
    expect(server?.held.size).toBe(sealed.chunks.length);
  }
  /** The same machine, once what was wrong is right: the data is opened. */
  async function worksLater() {
    expect(await machine.run()).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(machine.status()).toBe("opened clean");
    expect(server?.held.size).toBe(0);
  }

  it.each(["openssl", "gzip", "curl", "tail"])("says that %s is missing", async (missing) => {
    await install();
    await fails(10, `no-${missing}`, machine.path({ missing }));
    expect(machine.console().length).toBe(1);
    expect(server?.asked).toEqual([]);
  });

  it.each(["OpenSSL 1.1.1k  FIPS 25 Mar 2021", "LibreSSL 3.3.6", ""])("refuses %j", async (version) => {
    await install();
    await fails(10, "old-openssl", machine.path({ scripts: { openssl: `#!/bin/sh\necho "${version}"\n` } }));
  });

  it("refuses data that has expired", async () => {
    const sealedAt = Math.floor(Date.now() / 1000) * 1000 - 7_200_000;
    await install({ sealedAt, expiresAt: sealedAt + 3_600_000 });
    await fails(10, "expired");
    expect(server?.asked).toEqual([]);
  });

  it("refuses what another key opens", async () => {
    await install();
    const other = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    const mine = readFileSync(`${machine.folder}/image.key`);
    secret = other.export({ type: "pkcs8", format: "pem" }).toString().split("\n")[1] as string;
    writeFileSync(`${machine.folder}/image.key`, other.export({ type: "pkcs8", format: "pem" }));
    await fails(10, "decrypt");
    writeFileSync(`${machine.folder}/image.key`, mine);
    secret = mine.toString().split("\n")[1] as string;
    await worksLater();
  });

  it.each([
    [1, 11, "key"],
    [2, 10, "unwrap"],
    [9, 10, "unwrap"],
  ] as const)("tells what the key's owner will do later (%i) from what it never will", async (answer, code, reason) => {
    await install({}, undefined, { script: `pg_unwrap() { echo half a key >"$1"; return ${answer}; }` });
    await fails(code, reason, { PROVIDER_GUARD_SECONDS: "1" });
  });

  it("does not ask for the passphrase of a key that has one", async () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const pem = privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" });
    await install();
    secret = pem.toString().split("\n")[1] as string;
    writeFileSync(`${machine.folder}/image.key`, pem);
    await fails(10, "decrypt");
  });

  it("says when the tmpfs has no room, before it asks for anything", async () => {
    await install();
    mkdirSync(`${machine.folder}/run/bootstrap`, { recursive: true });
    machine.mount("8k", "run/bootstrap");
    await fails(11, "no-room");
    expect(server?.asked).toEqual([]);
    await worksLater();
  });

  it("takes a tmpfs that fills up meanwhile for what it is, not for tampering", async () => {
    await install({}, ({ index, earlier }) => {
      const ballast = `${machine.folder}/run/bootstrap/ballast`;
      if (index === 2 && earlier === 0) spawnSync("dd", ["if=/dev/zero", `of=${ballast}`, "bs=1k", "count=256"]);
      return false;
    });
    mkdirSync(`${machine.folder}/run/bootstrap`, { recursive: true });
    machine.mount("128k", "run/bootstrap");
    await fails(11, "no-room");
    await worksLater();
  });

  it("gives a store up that is not there, and finds it at the next boot", async () => {
    await install();
    const port = new URL(server?.part.settings?.pg_url as string).port;
    const program = readFileSync(`${machine.folder}/opener`, "utf8");
    machine.write(program.replace(`:${port}`, ":1"));
    await fails(11, "store", { PROVIDER_GUARD_SECONDS: "1" });
    machine.write(program);
    await worksLater();
  });

  it("refuses where the store says that it has nothing", async () => {
    await install({}, ({ index }, response) => index === 1 && Boolean(response.writeHead(404).end()));
    await fails(10, "gone");
    expect(server?.asked.map(({ index }) => index)).toEqual([0, 1]);
  });

  it.each([500, 503, 429, 403])(
    "waits while the store answers %i for a while",
    async (status) => {
      await install({}, ({ index, earlier }, response) => {
        return index === 0 && earlier === 0 && Boolean(response.writeHead(status).end("later"));
      });
      expect(await machine.run(undefined, { PROVIDER_GUARD_SECONDS: "30" })).toMatchObject({ code: 0, stderr: "" });
      expect(machine.console().length).toBe(1);
    },
    120_000,
  );

  it("asks again for what arrives truncated, and never puts two halves together", async () => {
    await install({ maxItemBytes: 65_536 }, ({ method, earlier }, response) => {
      if (earlier > 0 || method !== "GET") return false;
      const [chunk] = sealed.chunks as [Uint8Array];
      response.writeHead(200, { "content-length": chunk.length }).write(chunk.subarray(0, chunk.length / 2), () => {
        response.destroy();
      });
      return true;
    });
    await worksLater();
  });

  it("gives up what drips, in bounded time", async () => {
    await install({}, (_, response) => {
      void (async () => {
        while (!response.destroyed) {
          response.write("x");
          await sleep(100);
        }
      })();
      return true;
    });
    await fails(11, "store", { PROVIDER_GUARD_SECONDS: "2" });
  });

  it("takes no more from the store than what the manifest promises", async () => {
    let sent = 0;
    await install({}, (_, response) => {
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536))) sent += 65_536;
      };
      response.on("drain", more);
      more();
      return true;
    });
    await fails(11, "store", { PROVIDER_GUARD_SECONDS: "1" });
    expect(sent).toBeLessThan(64 * 1024 ** 2);
  });

  it("asks for nothing behind the first bad chunk", async () => {
    await install({}, ({ index }, response) => index === 1 && Boolean(response.end("pgc1 1 4 -\nforged")));
    await fails(10, "chunk");
    expect(server?.asked.map(({ index }) => index)).toEqual([0, 1]);
  });

  it("says that it cannot keep its state", async () => {
    await install();
    writeFileSync(`${machine.folder}/state`, "a file");
    expect((await machine.run()).code).toBe(11);
    expect(machine.console()).toEqual([`provider-guard: bootstrap data ${sealed.binding.id} failed: state`]);
    expect(existsSync(`${machine.folder}/effect`)).toBe(false);
  });

  it("does nothing at all when its own end is missing", async () => {
    await install();
    const program = readFileSync(`${machine.folder}/opener`);
    for (let cut = program.length - 10; cut > 0; cut -= Math.ceil(program.length / 12)) {
      machine.write(program.subarray(0, cut));
      await machine.run();
      expect(existsSync(`${machine.folder}/effect`)).toBe(false);
      expect(server?.asked).toEqual([]);
    }
  });

  it("shows no secret in arguments or environment of what it starts", async () => {
    await install();
    const trace = `${machine.folder}/trace`;
    expect(await machine.run(undefined, machine.tracedPath(trace))).toEqual({ code: 0, stdout: "", stderr: "" });
    const seen = readFileSync(trace, "latin1");
    expect(seen).toMatch(/^curl -q/m);
    expect(seen).toMatch(/^openssl cms -decrypt/m);
    for (const text of [canary, token, secret]) expect(seen.includes(text), text).toBe(false);
  });
}
