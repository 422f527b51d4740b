import { describe, expect, it } from "vitest";
import { headerReader } from "../../src/core/header-reader.ts";
import { readRetryAfter } from "../../src/core/retry-after.ts";

const read = (headers: Record<string, unknown>) => readRetryAfter(headerReader(headers));

describe("Retry-After", () => {
  const date = "Wed, 21 Oct 2026 07:28:00 GMT";

  it.each([
    ["2", 2000],
    ["0", 0],
    ["1.5", 1500],
    ["Wed, 21 Oct 2026 07:28:10 GMT", 10_000],
    ["Wed, 21 Oct 2026 07:00:00 GMT", 0],
    ["999999999", 86_400_000],
    ["Fri, 21 Oct 2099 07:28:00 GMT", 86_400_000],
    ["-1", undefined],
    ["1e9", undefined],
    ["0x10", undefined],
    ["Infinity", undefined],
    ["NaN", undefined],
    ["soon", undefined],
    ["soon GMT", undefined],
    ["", undefined],
    ["9".repeat(10_240), undefined],
  ])("%.40s", (value, ms) => {
    expect(read({ "retry-after": value, date })).toBe(ms);
  });

  it("reads a date by the server's own clock, never by ours", () => {
    expect(read({ "retry-after": "Wed, 21 Oct 2026 07:28:10 GMT" })).toBeUndefined();
  });

  it.each(["retry-after-ms", "x-ms-retry-after-ms", "x-amz-retry-after"])("prefers %s, in milliseconds", (name) => {
    expect(read({ [name]: "250", "retry-after": "1" })).toBe(250);
    expect(read({ [name]: "soon", "retry-after": "1" })).toBe(1000);
    expect(read({ [name]: "-250", "retry-after": "1" })).toBe(1000);
  });
});

describe("headers", () => {
  it.each([
    ["Headers", new Headers({ "Retry-After": "3" })],
    ["a Map", new Map([["retry-after", "3"]])],
    ["an object", { "Retry-After": "3" }],
    ["an object of lists", { "retry-after": ["3"] }],
  ])("are read from %s", (_name, headers) => {
    expect(readRetryAfter(headerReader(headers))).toBe(3000);
  });

  it.each([undefined, null, "retry-after: 3", 3, [], { "retry-after": 3 }, { get: () => 3 }])(
    "that cannot be read are none: %j",
    (headers) => {
      expect(readRetryAfter(headerReader(headers))).toBeUndefined();
    },
  );
});
