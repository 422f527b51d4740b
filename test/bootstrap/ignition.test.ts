import { memoryState } from "provider-guard";
import { bootstrapVault, httpStore, memoryStore } from "provider-guard/bootstrap";
import { describe, expect, it } from "vitest";
import { ignitionUserData } from "../../src/bootstrap/opener/ignition.ts";

const sha512 = "0".repeat(128);
const source = {
  source: "https://bootstrap.example.com/a/0",
  httpHeaders: [{ name: "Authorization", value: "Bearer x" }],
};
const read = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString());

describe("ignitionUserData", () => {
  it("names the source, what it must be, and how long to ask", () => {
    expect(read(ignitionUserData({ source, sha512, compressed: true }))).toEqual({
      ignition: {
        version: "3.1.0",
        config: { replace: { ...source, compression: "gzip", verification: { hash: `sha512-${sha512}` } } },
        timeouts: { httpResponseHeaders: 20, httpTotal: 600 },
      },
    });
    expect(
      read(ignitionUserData({ source: { source: "s3://b/k" }, sha512, compressed: false, version: "3.4.0" })),
    ).toEqual({
      ignition: {
        version: "3.4.0",
        config: { replace: { source: "s3://b/k", verification: { hash: `sha512-${sha512}` } } },
        timeouts: { httpResponseHeaders: 20, httpTotal: 600 },
      },
    });
  });

  it("refuses what Ignition would not take, or what would say something else to it", () => {
    const cases = [
      [{ source: { source: "file:///etc/shadow" } }, "source.source"],
      [{ source: { ...source, httpHeaders: [{ name: "A: b\r\nC", value: "" }] } }, "source.httpHeaders[0].name"],
      [{ source: { ...source, httpHeaders: [{ name: "A", value: "b\r\nC: d" }] } }, "source.httpHeaders[0].value"],
      [{ source: { source: "s3://bucket/key" }, compressed: true }, "compressed"],
      [{ sha512: "0".repeat(64) }, "sha512"],
      [{ version: "2.3.0" }, "version"],
      [{ version: "3.0.0" }, "version"],
      [{ timeoutSeconds: 0 }, "timeoutSeconds"],
    ] as const;
    for (const [change, path] of cases) {
      expect(() => ignitionUserData({ source, sha512, compressed: false, ...change })).toThrow(
        `ignitionUserData.${path}`,
      );
    }
  });
});

describe("the vault and Ignition", () => {
  const owner = { namespace: "default", name: "prod", uid: "uid-1" };
  const store = httpStore({ url: "https://bootstrap.example.com/a", backing: memoryStore(), state: memoryState() });
  const data = JSON.stringify({ ignition: { version: "3.4.0" }, canary: "CANARY".repeat(100) });
  const sealBy = (of: typeof store) =>
    bootstrapVault({ managementCluster: "mc-1", cloud: "aws", store: of, state: memoryState() }).seal({
      cluster: owner,
      machine: { ...owner, name: "prod-1" },
      data,
      format: "ignition",
    });

  it("hands out gzip by HTTP, and the config as it is where Ignition unzips nothing", async () => {
    expect(read((await sealBy(store)).userData).ignition.config.replace.compression).toBe("gzip");
    const put: Uint8Array[] = [];
    const s3 = {
      ...store,
      ignition: () => ({ source: "s3://bucket/key" }),
      put: async (_: string, bytes: Uint8Array) => void put.push(bytes),
    };
    expect(read((await sealBy(s3)).userData).ignition.config.replace.compression).toBeUndefined();
    expect(Buffer.concat(put).toString()).toBe(data);
  });
});
