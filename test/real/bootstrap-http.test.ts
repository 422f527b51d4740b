import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { memoryState, type ObjectRef } from "provider-guard";
import { bootstrapVault, localKeyWrap, memoryStore } from "provider-guard/bootstrap";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Binding, OpenerPart } from "../../src/bootstrap/contract.ts";
import { stageOpener } from "../../src/bootstrap/opener/compose.ts";
import { ask, claimOf, headersOf, type ServerTls, serve } from "../bootstrap/http/served.ts";
import { describeOpener, type TestMachine, testMachine } from "./bootstrap-opener/machine.ts";
import { canary, imageKey, sampleScript, sealFor } from "./bootstrap-opener/sealed.ts";
import { createCertificateAuthority } from "./kubernetes/certificates.ts";

describeOpener("the opener and httpStore", (shell) => {
  let machine: TestMachine;
  const ends: (() => unknown)[] = [];
  beforeEach(() => {
    machine = testMachine(shell);
    ends.push(() => machine.remove());
  });
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  /** Seals a script into a store that is served, and gives the machine its user data. */
  async function install(options: Parameters<typeof serve>[0] = {}, changes: Partial<Binding> = {}, tls?: ServerTls) {
    const served = await serve(options, tls);
    ends.push(served.close);
    const { sealed, wrap } = await sealFor(machine.folder, sampleScript(machine.folder), {
      maxItemBytes: 512,
      ...changes,
    });
    const { binding, chunks } = sealed;
    const store = (await served.store.opener(binding)) as OpenerPart;
    const { opener, program } = stageOpener({ sealed, wrap, store }, 65_536);
    const items = [...chunks, ...program];
    for (const [index, bytes] of items.entries()) await served.store.put(`${binding.id}/${index}`, bytes, binding);
    machine.write(opener);
    const requests: string[] = [];
    served.server.prependListener("request", ({ method, url = "" }) => {
      requests.push(`${method} ${url.slice(url.lastIndexOf("/") + 1)}`);
    });
    const left = async () => {
      const names: string[] = [];
      for await (const { name } of served.store.list({ managementCluster: "mgmt" })) names.push(name);
      return names.length;
    };
    const types = () =>
      served.events.map((event) => ("reason" in event ? `${event.type} ${event.reason}` : event.type));
    return { ...served, binding, count: items.length, requests, left, types };
  }
  const effect = () => readFileSync(`${machine.folder}/effect`, "utf8");
  const everything = (count: number, verb: string) => Array.from({ length: count }, (_, index) => `${verb} ${index}`);

  it("fetches each chunk, runs the data once, and has every chunk deleted", async () => {
    const { count, requests, left, types } = await install();
    expect(count).toBeGreaterThan(2);
    expect(await machine.run()).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(effect()).toBe("ran 0022\n");
    expect(machine.status()).toBe("opened clean");
    const [...chunks] = everything(count, "GET");
    const program = chunks.splice(-1);
    expect(requests).toEqual([...program, ...chunks, ...everything(count, "DELETE")]);
    expect(await left()).toBe(0);
    expect(types()).toEqual(["claimed", "forgotten"]);
    expect(machine.holding(canary)).toEqual([]);
    expect(await machine.run()).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(requests).toHaveLength(2 * count);
  });

  it("comes again with the same claim when the answer was lost, in this boot and in the next", async () => {
    const { server, left, types } = await install();
    const lose = (times: number) => {
      let lost = 0;
      const cut = (_: unknown, response: ServerResponse) => {
        if (lost++ >= times) return;
        response.end = () => response.destroy();
      };
      server.prependListener("request", cut);
      return () => server.removeListener("request", cut);
    };
    const found = lose(1_000);
    expect((await machine.run("open", { PROVIDER_GUARD_SECONDS: "2" })).code).toBe(11);
    expect(machine.status()).toBe("failed store");
    expect(types()).toEqual(["claimed", "reported"]);
    machine.reboot();
    found();
    lose(1);
    expect((await machine.run()).code).toBe(0);
    expect(machine.status()).toBe("opened clean");
    expect(types()).toEqual(["claimed", "reported", "forgotten"]);
    expect(await left()).toBe(0);
  });

  it("is done when somebody else was first, and says so; the controller hears it", async () => {
    const { url, store, binding, left, types, count } = await install();
    const thief = { headers: await headersOf(store, binding, claimOf("b")) };
    expect(await ask(`${url}/${binding.id}/0`, thief)).toMatchObject({ status: 200 });
    expect(await machine.run()).toEqual({ code: 10, stdout: "", stderr: "" });
    expect(machine.status()).toBe("refused gone");
    expect(machine.console()).toEqual([`provider-guard: bootstrap data ${binding.id} refused: gone`]);
    expect(types()).toEqual(["claimed", "misused other-claim", "misused other-claim"]); // its report is refused, too
    expect(await left()).toBe(count);
  });

  it("gives a thief who comes second nothing, with all that any process of the machine can read", async () => {
    const { url, store, binding } = await install();
    expect((await machine.run("open")).code).toBe(0);
    const thief = { headers: await headersOf(store, binding, claimOf("b")) };
    expect(await ask(`${url}/${binding.id}/0`, thief)).toMatchObject({ status: 403 });
    expect((await machine.run("done")).code).toBe(0);
    expect(await ask(`${url}/${binding.id}/0`, thief)).toMatchObject({ status: 403 });
    const [file] = readdirSync(`${machine.folder}/state/bootstrap`).filter((name) => name.startsWith("http-claim"));
    const mode = execFileSync("stat", ["-c", "%a", `${machine.folder}/state/bootstrap/${file}`], { encoding: "utf8" });
    expect(mode.trim()).toBe("600");
  });

  it("tries again while the handler or a proxy in front of it is away, and after a deletion by the controller not", async () => {
    const state = memoryState();
    const { server, store, binding, requests, types } = await install({ state, backing: memoryStore() });
    const statuses = [503, 404, 403, 429, 502];
    server.removeAllListeners("request");
    server.on("request", (_, response: ServerResponse) => {
      const status = statuses.shift();
      if (status !== undefined) response.writeHead(status).end("<html>default backend</html>");
      else void store.handler(_, response);
    });
    const run = () =>
      machine.run("open", { PROVIDER_GUARD_SECONDS: "60", ...machine.path({ scripts: { sleep: "#!/bin/sh\n" } }) });
    expect((await run()).code).toBe(0);
    expect(statuses).toEqual([]);
    expect(requests).toEqual([]);
    machine.reboot();
    await store.delete(`${binding.id}/0`);
    expect((await run()).code).toBe(10);
    expect(machine.status()).toBe("refused gone");
    expect(types()).toEqual(["claimed", "reported"]);
  });

  it("trusts a certificate authority of the provider's own", async () => {
    const authority = await createCertificateAuthority();
    const { certificate: cert, key } = await authority.issueForLoopback();
    const { types } = await install({ certificateAuthority: authority.certificate }, {}, { cert, key });
    expect((await machine.run()).code).toBe(0);
    expect(types()).toEqual(["claimed", "forgotten"]);
  });

  it("asks no server that it cannot trust", async () => {
    const { certificate: cert, key } = await (await createCertificateAuthority()).issueForLoopback();
    const { requests } = await install({}, {}, { cert, key });
    expect((await machine.run("open", { PROVIDER_GUARD_SECONDS: "2" })).code).toBe(11);
    expect(machine.status()).toBe("failed store");
    expect(requests).toEqual([]);
  });

  it("reports how far it is, under its own claim", async () => {
    const { store, binding, events, url } = await install();
    const part = await store.opener(binding);
    const settings = Object.entries(part?.settings ?? {}).map(([name, value]) => `${name}='${value}'`);
    const http = readFileSync(new URL("../../src/bootstrap/opener/http.sh", import.meta.url), "utf8");
    const lines = ["_left() { _seconds=20; }", `pg_tmp=${machine.folder}/tmp pg_id=${binding.id}`, 'mkdir "$pg_tmp"'];
    const folder = 'mkdir -p "$PROVIDER_GUARD_STATE" && umask 077';
    machine.write([...settings, http, part?.script, ...lines, folder, "pg_report refused no-openssl"].join("\n"));
    expect(await machine.run()).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(await store.report(binding.id)).toMatchObject({ state: "refused", reason: "no-openssl" });
    expect(events.map(({ type }) => type)).toEqual(["reported"]);
    expect(
      await ask(`${url}/${binding.id}/0`, { headers: await headersOf(store, binding, claimOf("b")) }),
    ).toMatchObject({
      status: 200, // a report claims nothing
    });
  });

  it("has the vault tell why a machine failed, and that it will try again", async () => {
    const { store, close } = await serve();
    ends.push(close);
    const path = `${machine.folder}/image.key`; // which is not there yet
    const wrap = localKeyWrap({ publicKey: imageKey.publicKey, path });
    const vault = bootstrapVault({ managementCluster: "mgmt", cloud: "hetzner", state: memoryState(), store, wrap });
    ends.push(() => vault.close());
    const [cluster, target] = ["prod", "prod-1"].map((name) => ({ namespace: "default", name, uid: `uid-of-${name}` }));
    const subject = { cluster: cluster as ObjectRef, machine: target as ObjectRef };
    const { userData } = await vault.seal({ ...subject, data: sampleScript(machine.folder), format: "script" });
    machine.write(userData);
    expect((await machine.run()).code).toBe(11);
    const report = { state: "failed", reason: expect.stringMatching(/^[a-z-]+$/) };
    expect(await vault.status(subject.machine)).toMatchObject({ stage: "sealed", report });
    expect(machine.status()).toMatch(/^failed /);

    writeFileSync(path, imageKey.privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
    expect((await machine.run()).code).toBe(0);
    expect((await vault.status(subject.machine)).stage).toBe("opened");
  });

  it("shows neither token nor claim in the process list", async () => {
    const { store, binding } = await install();
    const token = (await store.opener(binding))?.settings?.pg_store_token ?? "no token";
    const trace = `${machine.folder}/trace`;
    expect((await machine.run(undefined, machine.tracedPath(trace))).code).toBe(0);
    const claim = readFileSync(`${machine.folder}/state/bootstrap/http-claim.${binding.id}`, "utf8").trim();
    expect(claim).toMatch(/^[0-9a-f]{64}$/);
    const seen = readFileSync(trace, "latin1");
    expect(seen).toContain("curl -q -K");
    for (const hidden of [token, claim]) expect(seen).not.toContain(hidden);
  });
});
