import { gzipSync } from "node:zlib";
import { findSecrets } from "provider-guard/bootstrap";
import { describe, expect, it } from "vitest";
import { publicValues, safe } from "./user-data-corpus.ts";

describe("user data without secrets passes", () => {
  it.each(Object.keys(safe))("%s", (name) => {
    for (let round = 0; round < 5; round++) {
      const data = Buffer.from(safe[name]?.(publicValues()) as string);
      expect(findSecrets(data)).toEqual([]);
      expect(findSecrets(data.toString("base64"))).toEqual([]);
      expect(findSecrets(gzipSync(data))).toEqual([]);
    }
  });
});
