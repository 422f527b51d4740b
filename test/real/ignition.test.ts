import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { memoryState } from "provider-guard";
import { bootstrapVault } from "provider-guard/bootstrap";
import { afterEach, beforeAll, expect, it } from "vitest";
import { ignitionUserData } from "../../src/bootstrap/opener/ignition.ts";
import { type Served, type ServerTls, serve } from "../bootstrap/http/served.ts";
import { testBinding } from "../support/bootstrap-store-contract.ts";
import { buildIgnition, findIgnitionGo } from "./ignition/build.mjs";
import { createCertificateAuthority } from "./kubernetes/certificates.ts";
import { describeWithServer } from "./require-server.ts";

const program = {
  server: "what builds Ignition",
  program: findIgnitionGo(),
  hint: "Go 1.24 or later; Debian: apt-get install gcc libc6-dev libblkid-dev",
};

const config = JSON.stringify({
  ignition: { version: "3.4.0" },
  storage: {
    files: [
      { path: "/etc/kubernetes/pki/ca.key", mode: 0o600, contents: { source: "data:,CANARY-key-of-the-cluster" } },
      { path: "/etc/kubeadm.sh", mode: 0o700, contents: { source: "data:,kubeadm%20join" } },
    ],
  },
});
const digest = (text: string | Uint8Array) => createHash("sha512").update(text).digest("hex");

describeWithServer("the real Ignition", program, () => {
  let ignition: string;
  const ends: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    ignition = await buildIgnition();
  }, 20 * 60_000);
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
  });

  /** A machine with this user data; `root` is its disk. */
  async function machine(userData: Uint8Array) {
    const folder = await mkdtemp(join(tmpdir(), "provider-guard-ignition-"));
    ends.push(() => rm(folder, { recursive: true, force: true }));
    await chmod(folder, 0o755);
    const root = join(folder, "root");
    await writeFile(join(folder, "user-data"), userData);
    const stage = (name: string) =>
      new Promise<{ code: number | string; said: string }>((resolve) => {
        const args = ["-platform", "file", "-stage", name, "-root", root, "-log-to-stdout", "-fetch-timeout", "20s"];
        const files = ["-config-cache", join(folder, "cache"), "-state-file", join(folder, "state")];
        const env = {
          IGNITION_CONFIG_FILE: join(folder, "user-data"),
          IGNITION_SYSTEM_CONFIG_DIR: join(folder, "none"),
        };
        const options = { env: { ...process.env, ...env }, timeout: 50_000, killSignal: "SIGKILL" } as const;
        execFile(ignition, [...args, ...files, "-neednet", join(folder, "neednet")], options, (error, out, err) =>
          resolve({ code: error?.code ?? 0, said: out + err }),
        );
      });
    return { root, stage };
  }

  async function sealed(
    bytes: Uint8Array,
    options: Parameters<typeof serve>[0] = {},
    tls?: ServerTls,
  ): Promise<Served & { of: (sha512: string) => Uint8Array; id: string }> {
    const served = await serve(options, tls);
    ends.push(served.close);
    const binding = testBinding("mc-1", { format: "ignition" });
    await served.store.put(`${binding.id}/0`, bytes, binding);
    const compressed = bytes[0] === 0x1f;
    const of = (sha512: string) =>
      ignitionUserData({ source: served.store.ignition(binding), sha512, compressed, timeoutSeconds: 20 });
    return { ...served, of, id: binding.id };
  }

  it.each([
    ["gzip", gzipSync(config)],
    ["as it is", Buffer.from(config)],
  ])("fetches a config (%s), checks it, and applies it", async (_, bytes) => {
    const { of, events } = await sealed(bytes);
    const userData = of(digest(config));
    expect(Buffer.from(userData).toString()).not.toContain("CANARY");
    expect(userData.length).toBeLessThan(700);
    const { root, stage } = await machine(userData);
    expect(await stage("fetch")).toMatchObject({ code: 0 });
    expect(await stage("files")).toMatchObject({ code: 0 });
    expect(await readFile(join(root, "etc/kubernetes/pki/ca.key"), "utf8")).toBe("CANARY-key-of-the-cluster");
    expect((await stat(join(root, "etc/kubernetes/pki/ca.key"))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(root, "etc/kubeadm.sh"), "utf8")).toBe("kubeadm join");
    expect(events.map(({ type }) => type)).toEqual(["claimed"]);
  });

  it("writes neither the token nor the config into its log", async () => {
    const { of } = await sealed(gzipSync(config));
    const userData = of(digest(config));
    const token = /Bearer ([\w-]{43})/.exec(Buffer.from(userData).toString())?.[1] ?? "no token";
    const { stage } = await machine(userData);
    const { code, said } = await stage("fetch");
    expect(code).toBe(0);
    expect(said).toContain("/machines/");
    for (const hidden of [token, "CANARY"]) expect(said).not.toContain(hidden);
  });

  it.each([
    ["the digest of the gzip", gzipSync(config), digest(gzipSync(config))],
    ["another config's digest", gzipSync(config), digest("{}")],
    ["another config behind the same digest", gzipSync(config.replace("CANARY", "EVIL")), digest(config)],
  ])("takes nothing by %s", async (_, bytes, sha512) => {
    const { of } = await sealed(bytes);
    const { root, stage } = await machine(of(sha512));
    const { code, said } = await stage("fetch");
    expect(code).toBe(1);
    expect(said).toContain("hash verification failed");
    expect(await stage("files")).toMatchObject({ code: 1 });
    expect(await readdir(root).catch(() => [])).toEqual([]);
  });

  it("asks again while the handler is away, and is done with the first refusal", async () => {
    const { of, state, server, url, id } = await sealed(gzipSync(config));
    let away = 2;
    const get = state.get.bind(state);
    state.get = async (...request) => {
      if (away-- > 0) throw new Error("away");
      return get(...request);
    };
    let requests = 0;
    server.on("request", () => requests++);
    expect(await (await machine(of(digest(config)))).stage("fetch")).toMatchObject({ code: 0 });
    expect(requests).toBe(3);
    const forged = Buffer.from(of(digest(config)))
      .toString()
      .replace(/Bearer ./, "Bearer _");
    const { code, said } = await (await machine(Buffer.from(forged))).stage("fetch");
    expect([code, requests]).toEqual([1, 4]);
    expect(said).toContain(`${url}/${id}/0`);
  });

  it("trusts a certificate authority of the provider's own, and no server without", async () => {
    const authority = await createCertificateAuthority();
    const { certificate, key } = await authority.issueForLoopback();
    const tls = { cert: certificate, key };
    const known = await sealed(gzipSync(config), { certificateAuthority: authority.certificate }, tls);
    expect(known.url).toMatch(/^https:/);
    expect(await (await machine(known.of(digest(config)))).stage("fetch")).toMatchObject({ code: 0 });
    const unknown = await sealed(gzipSync(config), {}, tls);
    const userData = Buffer.from(unknown.of(digest(config)))
      .toString()
      .replace('"httpTotal":20', '"httpTotal":1');
    const { code, said } = await (await machine(Buffer.from(userData))).stage("fetch");
    expect(code).toBe(1);
    expect(said).toContain("certificate signed by unknown authority");
    expect(unknown.events).toEqual([]);
  });

  it("boots with what the vault made, whose clean-up leaves nothing", async () => {
    const served = await serve();
    ends.push(served.close);
    const { store, clock, state } = served;
    const vault = bootstrapVault({
      managementCluster: "mc-1",
      cloud: "aws",
      store,
      state: memoryState({ clock }),
      clock,
    });
    const owner = { namespace: "default", name: "prod", uid: "uid-1" };
    const made = await vault.seal({ cluster: owner, machine: owner, data: config, format: "ignition" });
    expect(made.mode).toBe("pointer");
    expect(Buffer.from(made.userData).toString()).not.toContain("CANARY");
    const { root, stage } = await machine(made.userData);
    expect(await stage("fetch")).toMatchObject({ code: 0 });
    expect(await stage("files")).toMatchObject({ code: 0 });
    expect(await readFile(join(root, "etc/kubeadm.sh"), "utf8")).toBe("kubeadm join");
    expect((await vault.status(owner)).stage).toBe("sealed"); // Ignition deletes nothing
    await vault.cleanup(owner, { reason: "node" });
    expect((await vault.status(owner)).stage).toBe("cleaned");
    const left: unknown[] = [];
    for await (const item of store.list({ managementCluster: "mc-1" })) left.push(item);
    expect(left).toEqual([]);
    expect(await (await machine(made.userData)).stage("fetch")).toMatchObject({ code: 1 });
    expect(served.events.map((event) => ("reason" in event ? event.reason : event.type))).toEqual(["claimed", "late"]);
    for await (const [, { value }] of state.scan("")) expect(value).not.toContain("CANARY");
  });

  it("fetches anew after a reboot, as long as the window is open", async () => {
    const { of, clock, events } = await sealed(gzipSync(config));
    const userData = of(digest(config));
    expect(await (await machine(userData)).stage("fetch")).toMatchObject({ code: 0 });
    await clock.advance(300_000);
    expect(await (await machine(userData)).stage("fetch")).toMatchObject({ code: 0 });
    await clock.advance(300_001);
    expect(await (await machine(userData)).stage("fetch")).toMatchObject({ code: 1 });
    expect(events.map(({ type }) => type)).toEqual(["claimed", "misused"]);
  });
});
