import { deflateSync, gzipSync } from "node:zlib";
import { findSecrets } from "provider-guard/bootstrap";
import { describe, expect, it } from "vitest";
import { documents, joinToken, lines, pemKey } from "./user-data-secrets.ts";

const kindsIn = (data: Uint8Array | string) => findSecrets(data).map(({ kind }) => kind);

describe("a secret is found, and told by kind and place", () => {
  it.each(Object.keys(documents))("%s", (name) => {
    const { kind, where, make } = documents[name] as (typeof documents)[string];
    for (let round = 0; round < 20; round++) expect(findSecrets(make())).toContainEqual({ kind, where });
  });
});

describe("a secret is found in a line of a script", () => {
  it.each(Object.keys(lines))("%s", (name) => {
    const { kind, make } = lines[name] as (typeof lines)[string];
    for (let round = 0; round < 20; round++) expect(kindsIn(`#!/bin/sh\nset -e\n${make()}\n`)).toContain(kind);
  });
});

describe("what cannot be read is told", () => {
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));

  it.each<[string, Uint8Array | string]>([
    ["a bomb", bomb],
    ["a bomb in base64 in YAML", `#cloud-config\nwrite_files:\n  - content: ${bomb.toString("base64")}\n`],
    ["gzip that is cut off", gzipSync(pemKey.repeat(4)).subarray(0, 200)],
    ["gzip that is broken", Buffer.concat([gzipSync("a"), Buffer.from("what is this")])],
    ["zstd", Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 4, 0, 1, 2, 3])],
    ["xz", Buffer.from("fd377a585a000004e6d6b446", "hex")],
    ["bytes that are nothing known", Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 151 + 128) % 256))],
    ["JSON that is very deep", `${'{"a":'.repeat(200)}1${"}".repeat(200)}`],
  ])("%s", (_, data) => {
    expect(kindsIn(data)).toContain("unreadable");
  });

  it("is told of what is packed more often than anybody packs", () => {
    let data: Buffer = Buffer.from("#cloud-config\n");
    for (let i = 0; i < 20; i++) data = gzipSync(data);
    expect(kindsIn(data)).toEqual(["unreadable"]);
  });

  it("does not hide what could be read before it broke", () => {
    const packed = gzipSync(`${joinToken()}\n${"x".repeat(50)}${Array.from({ length: 4000 }, (_, i) => i).join(" ")}`);
    expect(kindsIn(packed.subarray(0, packed.length - 200))).toEqual(
      expect.arrayContaining(["unreadable", "kubeadm-token"]),
    );
  });

  it("finds what stands behind the end of gzip", () => {
    const data = Buffer.concat([gzipSync("#cloud-config\n"), Buffer.alloc(4), Buffer.from(joinToken())]);
    expect(kindsIn(data)).toContain("kubeadm-token");
  });
});

describe("a search", () => {
  it("reads zlib, several members of gzip, and UTF-16 with and without a mark", () => {
    const token = joinToken();
    expect(kindsIn(deflateSync(token))).toEqual(["kubeadm-token"]);
    expect(kindsIn(Buffer.concat([gzipSync("#!/bin/sh\n"), gzipSync(token)]))).toEqual(["kubeadm-token"]);
    expect(kindsIn(Buffer.from(`\ufeff${token}`, "utf16le"))).toEqual(["kubeadm-token"]);
    expect(kindsIn(Buffer.from(`echo ${token}`, "utf16le").swap16())).toEqual(["kubeadm-token"]);
  });

  it("leaves strings that look random alone when told so", () => {
    const { make } = lines["random base64"] as (typeof lines)[string];
    const text = `#!/bin/sh\n${make()}\n`;
    expect(kindsIn(text)).toEqual(["high-entropy"]);
    expect(findSecrets(text, { entropy: false })).toEqual([]);
  });

  it("is empty of empty data, and refuses options that it does not know", () => {
    expect(findSecrets("")).toEqual([]);
    expect(findSecrets(new Uint8Array())).toEqual([]);
    expect(() => findSecrets("", { entropie: true } as never)).toThrow(/findSecrets/);
  });

  it("tells at most 50 findings", () => {
    const text = Array.from({ length: 500 }, joinToken).join("\n");
    expect(findSecrets(text)).toHaveLength(50);
  });

  it("shows no key that the data made up", () => {
    const secret = "hunter2hunter2";
    const found = findSecrets(`#cloud-config\nacme:\n  ${secret}:\n    password: another-one\n`);
    expect(found).toEqual([{ kind: "password", where: "*.*.password, line 4" }]);
  });
});
