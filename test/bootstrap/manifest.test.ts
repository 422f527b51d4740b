import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Manifest, readManifest, writeManifest } from "../../src/bootstrap/manifest.ts";
import { binding } from "./sealing.ts";

const digest = "ab".repeat(32);
const manifest: Manifest = {
  binding,
  plain: { sha256: digest, bytes: 9000, unzippedBytes: 16_384 },
  cipher: { count: 3, sha256: "01".repeat(32) },
  key: { wrap: "local-key", sha256: "f0".repeat(32) },
};
const text = `provider-guard bootstrap data 1
machine 6f9c2a51-7d0e-4a3b-9f0a-2c1d5e8b7a90 default prod-control-plane-abc12 0b9e9b1c-2f6e-4a54-9d8e-3f8d3c2b1a01
cluster default prod 0b9e9b1c-2f6e-4a54-9d8e-3f8d3c2b1a00
id 00112233445566778899aabbccddeeff
format cloud-config
mode pointer
sealed 1790000000
expires 1790003600
plain ${digest} 9000 16384
cipher 3 ${"01".repeat(32)}
key local-key ${"f0".repeat(32)}
`;

/** The manifest with one field, by its path, replaced. */
function withField(path: string, value: unknown): Manifest {
  const copy = structuredClone(manifest) as unknown as Record<string, unknown>;
  const keys = path.split(".");
  const last = keys.pop() as string;
  const parent = keys.reduce((object, key) => object[key] as Record<string, unknown>, copy);
  parent[last] = value;
  return copy as unknown as Manifest;
}

function paths(value: object, before = ""): string[] {
  return Object.entries(value).flatMap(([key, inner]) =>
    typeof inner === "object" ? paths(inner, `${before}${key}.`) : [`${before}${key}`],
  );
}

const refusal = (path: string) =>
  expect.objectContaining({ code: "ERR_CONFIG_INVALID", message: expect.stringMatching(`^manifest\\.${path}: `) });

describe("a manifest", () => {
  it("is written as the design says", () => {
    expect(writeManifest(manifest)).toBe(text);
    expect(readManifest(text)).toEqual(manifest);
  });

  const hostile = [
    "",
    " ",
    "a b",
    "a\nb",
    "a\n",
    "\na",
    "a\tb",
    "a\rb",
    "a\0b",
    "ä",
    "a\u2028b",
    "$(id)",
    "`id`",
    "'",
    '"',
  ];
  const wrong: unknown[] = [
    ...hostile,
    "x".repeat(300),
    undefined,
    null,
    {},
    [],
    ["a"],
    1.5,
    -1,
    Number.NaN,
    1e300,
    true,
  ];

  it.each(paths(manifest))("refuses anything but what belongs into %s", (path) => {
    for (const value of wrong) {
      expect(() => writeManifest(withField(path, value)), JSON.stringify(value)).toThrowError(refusal(path));
    }
  });

  it("refuses objects in the place of words, however they print", () => {
    const sly = { toString: () => "default" };
    expect(() => writeManifest(withField("binding.machine.machine.name", sly))).toThrowError();
    expect(() => writeManifest(withField("binding.id", [binding.id]))).toThrowError(refusal("binding.id"));
  });

  it.each([
    ["binding.mode", "plain"],
    ["binding.format", "cloud-config\n"],
    ["binding.id", binding.id.toUpperCase().replace("00", "AA")],
    ["binding.sealedAt", 1_790_000_000_500],
    ["binding.expiresAt", binding.sealedAt],
    ["binding.expiresAt", 1e15],
    ["plain.bytes", 0],
    ["plain.unzippedBytes", 0],
    ["cipher.count", 0],
    ["cipher.count", 2 ** 53],
    ["key.wrap", "Local"],
    ["key.wrap", "-x"],
  ])("refuses %s %s", (path, value) => {
    expect(() => writeManifest(withField(path, value))).toThrowError(refusal(path));
  });

  it("is read back, whatever its names and numbers are", () => {
    const letters = "abcXYZ019".split("");
    const inner = fc.array(fc.constantFrom(...letters, "-", ".", "_"), { maxLength: 60, size: "max" });
    const name = fc
      .tuple(fc.constantFrom(...letters), inner, fc.constantFrom(...letters))
      .map(([first, rest, last]) => `${first}${rest.join("")}${last}`);
    const ref = fc.record({ namespace: name, name, uid: name });
    const hex = (bytes: number) =>
      fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((all) => Buffer.from(all).toString("hex"));
    const count = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
    const seconds = fc.integer({ min: 0, max: 2 ** 31 });
    const any = fc.record({
      binding: fc
        .record({
          machine: fc.record({ managementCluster: name, machine: ref, cluster: ref }),
          id: hex(16),
          format: fc.constantFrom("cloud-config" as const, "ignition" as const, "script" as const),
          mode: fc.constantFrom("pointer" as const, "inline" as const),
          sealedAt: seconds,
          expiresAt: fc.integer({ min: 1, max: 1e6 }),
        })
        .map((given) => ({
          ...given,
          sealedAt: given.sealedAt * 1000,
          expiresAt: (given.sealedAt + given.expiresAt) * 1000,
        })),
      plain: fc.record({ sha256: hex(32), bytes: count, unzippedBytes: count }),
      cipher: fc.record({ count, sha256: hex(32) }),
      key: fc.record({ wrap: fc.constantFrom("aws-kms", "local-key", "0"), sha256: hex(32) }),
    });
    fc.assert(
      fc.property(any, (given) => {
        const written = writeManifest(given);
        expect(written).toMatch(/^(?:[\x21-\x7e]+(?: [\x21-\x7e]+)*\n){11}$/);
        expect(readManifest(written)).toEqual(given);
      }),
    );
  });
});

describe("what is read as a manifest", () => {
  const unreadable = (given: string) =>
    expect(() => readManifest(given), JSON.stringify(given)).toThrowError(
      expect.objectContaining({ code: "ERR_BOOTSTRAP_INVALID" }),
    );

  it("is nothing but the one text", () => {
    const lines = text.split("\n");
    unreadable("");
    unreadable(text.slice(0, -1));
    unreadable(`${text}\n`);
    unreadable(`\ufeff${text}`);
    unreadable(text.replaceAll("\n", "\r\n"));
    unreadable(text.replace("data 1", "data 2"));
    unreadable(text.replace("9000", "09000"));
    unreadable(text.replace("9000", "9e3"));
    unreadable(text.replace("9000", "0x2328"));
    unreadable(text.replace("9000", "+9000"));
    unreadable(text.replace("1790000000", "1790000000.0"));
    unreadable(text.replace("mode pointer", "mode plain"));
    unreadable(text.replace(" default", "  default"));
    unreadable(text.replace(digest, digest.toUpperCase()));
    for (let index = 0; index < lines.length - 1; index++) {
      unreadable(lines.toSpliced(index, 1).join("\n"));
      unreadable(lines.toSpliced(index, 0, lines[index] as string).join("\n"));
      unreadable(lines.map((line, at) => (at === index ? `${line} ` : line)).join("\n"));
      unreadable(lines.map((line, at) => (at === index ? `${line} more` : line)).join("\n"));
    }
    for (let index = 1; index < lines.length - 1; index++) {
      unreadable(lines.toSpliced(index - 1, 2, lines[index] as string, lines[index - 1] as string).join("\n"));
    }
  });

  it("is another manifest or none, whichever character is changed", () => {
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom(..." \n0aZ-.\0é"), (at, character) => {
        const changed = text.slice(0, at) + character + text.slice(at + 1);
        try {
          expect(writeManifest(readManifest(changed))).toBe(changed);
        } catch (error) {
          expect(error).toMatchObject({ code: "ERR_BOOTSTRAP_INVALID" });
        }
      }),
      { numRuns: 1000 },
    );
  });
});
