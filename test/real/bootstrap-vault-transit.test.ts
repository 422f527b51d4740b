import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import ts from "typescript";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { KeyWrap } from "../../src/bootstrap/contract.ts";
import { composeOpener } from "../../src/bootstrap/opener/compose.ts";
import { sealData } from "../../src/bootstrap/seal-data.ts";
import { describeOpener, type TestMachine, testMachine } from "./bootstrap-opener/machine.ts";
import { binding, canary, folderStore, sampleScript, signer } from "./bootstrap-opener/sealed.ts";

const guide = new URL("../../docs/guides/bootstrap-data.md", import.meta.url);
const controllerToken = "controller-token";

/** The guide's own code, for a Vault at this address. */
async function wrapOfGuide(address: string): Promise<KeyWrap> {
  const blocks = readFileSync(guide, "utf8").matchAll(/^```ts\n(.*?)^```$/gms);
  const [code = ""] = [...blocks].map(([, text = ""]) => text).filter((text) => text.includes("vault-transit"));
  const here = code.replace(/https:\/\/vault\.example\.com:8200/, address).replace(/^console\.log.*$/m, "");
  const typed = `const vaultToken = "${controllerToken}";\n${here}\nexport { transit };`;
  const target = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
  const { outputText } = ts.transpileModule(typed, { compilerOptions: target });
  const url = `data:text/javascript;base64,${Buffer.from(outputText).toString("base64")}`;
  return ((await import(/* @vite-ignore */ url)) as { transit: KeyWrap }).transit;
}

/**
 * Stands in for Vault, which cannot be had for tests: transit's encrypt and decrypt, and tokens with `num_uses`, by
 * its HTTP API's description.
 */
async function startVault() {
  const key = randomBytes(32);
  const uses = new Map<string, number>();
  const requests: string[] = [];
  function answer(path: string, token: string, body: Record<string, string>): [status: number, body: object] {
    if (path === "/v1/transit/decrypt/bootstrap" && (uses.get(token) ?? 0) > 0) {
      uses.set(token, (uses.get(token) as number) - 1);
      const bytes = Buffer.from(body.ciphertext?.replace("vault:v1:", "") ?? "", "base64");
      const cipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, 12)).setAuthTag(bytes.subarray(-16));
      const plaintext = Buffer.concat([cipher.update(bytes.subarray(12, -16)), cipher.final()]).toString("base64");
      return [200, { request_id: "r", data: { plaintext } }];
    }
    if (token !== controllerToken) return [403, { errors: ["permission denied"] }];
    if (path === "/v1/auth/token/create") {
      const client_token = `hvs.${randomBytes(12).toString("hex")}`;
      uses.set(client_token, Number(body.num_uses));
      return [200, { auth: { client_token, policies: body.policies } }];
    }
    if (path !== "/v1/transit/encrypt/bootstrap") return [404, { errors: [] }];
    const nonce = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", key, nonce);
    const sealed = [nonce, cipher.update(body.plaintext ?? "", "base64"), cipher.final(), cipher.getAuthTag()];
    return [200, { data: { ciphertext: `vault:v1:${Buffer.concat(sealed).toString("base64")}` } }];
  }
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const token = String(request.headers["x-vault-token"]);
    const [status, body] = answer(request.url ?? "", token, JSON.parse(Buffer.concat(chunks).toString()));
    requests.push(`${request.method} ${request.url} ${status}`);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, requests, uses, address: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

describeOpener("the guide's wrap by Vault's transit engine", (shell) => {
  let machine: TestMachine;
  let vault: Awaited<ReturnType<typeof startVault>>;
  beforeEach(async () => {
    machine = testMachine(shell);
    vault = await startVault();
  });
  afterEach(() => {
    vault.server.closeAllConnections();
    vault.server.close();
    machine.remove();
  });

  async function install() {
    const wrap = await wrapOfGuide(vault.address);
    const bound = binding();
    const data = sampleScript(machine.folder);
    const sealed = await sealData({ data, binding: bound, wrap, signer, maxItemBytes: 65_536, maxItems: 1 });
    const store = folderStore(machine.folder, sealed.chunks);
    machine.write(composeOpener({ sealed, wrap: wrap.opener(bound), store }));
  }

  it("opens what it sealed", async () => {
    await install();
    expect(await machine.run()).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(readFileSync(`${machine.folder}/effect`, "utf8")).toBe("ran 0022\n");
    expect(vault.requests.at(-1)).toBe("POST /v1/transit/decrypt/bootstrap 200");
    expect([...vault.uses.values()]).toEqual([4]);
  });

  it("opens nothing with a token that is used up", async () => {
    await install();
    for (const token of vault.uses.keys()) vault.uses.set(token, 0);
    expect((await machine.run()).code).toBe(11);
    expect(vault.requests.at(-1)).toBe("POST /v1/transit/decrypt/bootstrap 403");
    expect(machine.holding(canary)).toEqual([]);
  });
});
