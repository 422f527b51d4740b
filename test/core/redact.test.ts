import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRedactor } from "../../src/core/redact.ts";

const { redact } = createRedactor();
const allow = (...keys: string[]) => ({ allow: new Set(keys) });

describe("the redactor", () => {
  it("records only the shape of what nobody allowed", () => {
    expect(redact({ ImageId: "ami-1", Count: 3, DryRun: true, Tags: [{ Key: "a" }] })).toEqual({
      value: { ImageId: "[string]", Count: "[number]", DryRun: "[boolean]", Tags: [{ Key: "[string]" }] },
      truncated: false,
    });
  });

  it("records allowed keys as they are, without regard to case and at any depth", () => {
    const value = { ImageId: "ami-1", Spec: { COUNT: 3, other: "x" } };
    expect(redact(value, allow("imageid", "count")).value).toEqual({
      ImageId: "ami-1",
      Spec: { COUNT: 3, other: "[string]" },
    });
  });

  it.each([
    "Password",
    "masterUserPassword",
    "SecretString",
    "token",
    "ClientToken",
    "AUTHORIZATION",
    "Cookie",
    "privateKey",
    "UserData",
    "user_data",
    "customData",
    "bootstrapData",
    "sshKey",
    "SSH_KEY_BODY",
    "apiKey",
    "AccessKeyId",
    "Plaintext",
    "KeyMaterial",
    "sessionId",
    "X-Amz-Signature",
  ])("never records %s, allowed or not, whatever it holds", (key) => {
    for (const value of ["s3cr3t", { inner: "s3cr3t" }, ["s3cr3t"], 42]) {
      const text = JSON.stringify(redact({ [key]: value }, allow(key.toLowerCase(), "inner")).value);
      expect(text).not.toContain("s3cr3t");
      expect(text).not.toContain("42");
    }
  });

  it.each([
    "-----BEGIN RSA PRIVATE KEY-----",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2ln",
    "AKIAIOSFODNN7EXAMPLE",
    "Bearer abcdefghijkl",
  ])("recognises a secret under an innocent key: %s", (text) => {
    expect(redact({ name: text }, allow("name")).value).toEqual({ name: "[redacted]" });
  });

  it("denies what the caller or the SDK's schema adds", () => {
    const strict = createRedactor({ denyKeys: ["licence"] });
    const policy = { allow: new Set(["name", "licencekey", "note"]), deny: new Set(["note"]) };
    expect(strict.redact({ name: "a", LicenceKey: "b", note: "c" }, policy).value).toEqual({
      name: "a",
      LicenceKey: "[redacted]",
      note: "[redacted]",
    });
  });

  it("keeps keys out that are data themselves", () => {
    expect(redact({ "my password is hunter2": 1, ["k".repeat(65)]: 2 }).value).toEqual({ "[key]": "[redacted]" });
  });

  it("says when it cut something", () => {
    const long = redact({ name: "x".repeat(300) }, allow("name"));
    expect(long.truncated).toBe(true);
    expect((long.value as { name: string }).name).toHaveLength(257);
    expect(redact(Array.from({ length: 40 }, () => 1)).truncated).toBe(true);
    let deep: unknown = 1;
    for (let i = 0; i < 20; i++) deep = { deep };
    expect(redact(deep).truncated).toBe(true);
  });

  it("survives hostile values", () => {
    const circular: Record<string, unknown> = { a: 1 };
    circular.self = circular;
    expect(redact(circular).value).toEqual({ a: "[number]", self: "[circular]" });
    const getter = Object.defineProperty({}, "boom", {
      enumerable: true,
      get() {
        throw new Error("boom");
      },
    });
    expect(redact(getter)).toEqual({ value: "[unreadable]", truncated: true });
    const proxy = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error("trap");
        },
      },
    );
    expect(redact({ proxy }).value).toBe("[unreadable]");
    class Box {
      secret = "s";
    }
    expect(redact({ box: new Box(), buffer: Buffer.from("s"), map: new Map(), big: 10n ** 40n, f() {} }).value).toEqual(
      {
        box: "[object]",
        buffer: "[bytes]",
        map: "[object]",
        big: "[bigint]",
        f: "[function]",
      },
    );
  });

  it("always answers with small JSON, for any value at all", () => {
    fc.assert(
      fc.property(
        fc.anything({
          withBigInt: true,
          withDate: true,
          withMap: true,
          withTypedArray: true,
          withNullPrototype: true,
          withSparseArray: true,
        }),
        (value) => {
          const text = JSON.stringify(redact(value, { allow: new Set(["a", "b", ""]) }));
          expect(text.length).toBeLessThan(200_000);
        },
      ),
    );
  });
});
