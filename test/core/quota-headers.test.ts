import { describe, expect, it } from "vitest";
import { headerReader } from "../../src/core/header-reader.ts";
import { readQuotaHeaders } from "../../src/core/quota-headers.ts";

const read = (headers: Record<string, string>) => readQuotaHeaders(headerReader(new Headers(headers)));

describe("what an answer says of the cloud's own limit", () => {
  it.each<[string, Record<string, string>, object]>([
    ["nothing", { "content-type": "text/plain" }, {}],
    ["RateLimit-*", { "ratelimit-remaining": "7", "ratelimit-reset": "30" }, { remaining: 7, resetMs: 30_000 }],
    ["X-RateLimit-*", { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1.5" }, { remaining: 0, resetMs: 1500 }],
    ["an epoch, as Hetzner's", { "ratelimit-remaining": "7", "ratelimit-reset": "1793520000" }, { remaining: 7 }],
    ["an epoch in ms", { "x-ratelimit-remaining": "7", "x-ratelimit-reset": "1793520000000" }, { remaining: 7 }],
    ["a reset alone", { "ratelimit-reset": "30" }, {}],
    ["the IETF's", { ratelimit: '"default";r=50;t=30' }, { remaining: 50, resetMs: 30_000 }],
    ["the IETF's without a time", { ratelimit: "default;r=50" }, { remaining: 50 }],
    ["parameters in any order", { ratelimit: '"a"; t=5 ; pk=:cHJl: ; r=3' }, { remaining: 3, resetMs: 5000 }],
    ["several policies", { ratelimit: '"hour";r=900;t=3000, "minute";r=4;t=12' }, { remaining: 4, resetMs: 12_000 }],
    ["a hostile name", { ratelimit: '"a,b;r=0;t=1\\"";r=9;t=2' }, { remaining: 9, resetMs: 2000 }],
    ["an open quote", { ratelimit: '"a;r=0' }, {}],
    ["the draft's older form", { ratelimit: "limit=100, remaining=50, reset=5" }, { remaining: 50, resetMs: 5000 }],
    ["Azure's reads", { "x-ms-ratelimit-remaining-subscription-reads": "11999" }, { remaining: 11_999 }],
    [
      "the tightest of Azure's",
      {
        "x-ms-ratelimit-remaining-subscription-writes": "199",
        "x-ms-ratelimit-remaining-subscription-global-writes": "2999",
        "x-ms-ratelimit-remaining-resource": "Microsoft.Compute/PutVM3Min;238,Microsoft.Compute/PutVM30Min;12",
      },
      { remaining: 12 },
    ],
    [
      "a reset with its own limit only",
      { "ratelimit-remaining": "50", "ratelimit-reset": "30", "x-ms-ratelimit-remaining-subscription-deletes": "3" },
      { remaining: 3 },
    ],
  ])("%s", (_name, headers, reading) => {
    expect(read(headers)).toEqual(reading);
  });

  it.each(["-1", "NaN", "Infinity", "1e3", "0x10", "1.5", "", "many", "9".repeat(10), "1".repeat(10_240)])(
    "%.40s is no number of requests",
    (value) => {
      for (const name of ["ratelimit-remaining", "x-ratelimit-remaining", "x-ms-ratelimit-remaining-tenant-reads"]) {
        expect(read({ [name]: value })).toEqual({});
      }
      expect(read({ ratelimit: `"default";r=${value};t=1` })).toEqual({});
      expect(read({ "x-ms-ratelimit-remaining-resource": `Microsoft.Compute/GetVM;${value}` })).toEqual({});
    },
  );

  it.each(["-1", "NaN", "Infinity", "1e3", "86401", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "9".repeat(10_240)])(
    "%.40s is no time until the next window",
    (value) => {
      expect(read({ "ratelimit-remaining": "1", "ratelimit-reset": value })).toEqual({ remaining: 1 });
    },
  );

  it("is not looked for in a header that is too long to be one", () => {
    const policies = (bytes: number) => "Microsoft.Compute/GetVM;9,".repeat(bytes / 26);
    expect(read({ "x-ms-ratelimit-remaining-resource": policies(520) })).toEqual({ remaining: 9 });
    expect(read({ "x-ms-ratelimit-remaining-resource": policies(10_400) })).toEqual({});
  });

  it("is not found in hostile headers", () => {
    const hostile = ['"\\'.repeat(512), ";".repeat(1024), '"'.repeat(1023), " ,".repeat(512), "remaining=".repeat(102)];
    for (const ratelimit of hostile)
      expect(readQuotaHeaders((name) => (name === "ratelimit" ? ratelimit : undefined))).toEqual({});
  });
});
