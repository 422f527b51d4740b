import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cutChunks, joinChunks } from "../../src/bootstrap/chunks.ts";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const bytes = (length: number) => Buffer.alloc(length, "0123456789").map((byte, index) => byte ^ (index >> 8));
const cut = (length: number, maxItemBytes = 256, maxItems = 100) =>
  cutChunks(bytes(length), { maxItemBytes, maxItems });
const firstLine = (chunk: Uint8Array) => Buffer.from(chunk).toString("latin1").split("\n")[0];
const invalid = (message: string) =>
  expect.objectContaining({ code: "ERR_BOOTSTRAP_INVALID", message: expect.stringContaining(message) });

type Header = (next: string) => string;

/** Header and chain of chunks made by hand, one payload each, so that digests never are what is wrong. */
function chain(headers: readonly Header[]) {
  const chunks: Uint8Array[] = [];
  let next = "-";
  for (const [index, header] of [...headers.entries()].reverse()) {
    chunks.unshift(Buffer.concat([Buffer.from(header(next)), Buffer.from(`payload ${index}`)]));
    next = sha256(chunks[0] as Uint8Array);
  }
  return { chunks, sha256: next };
}

describe("chunks", () => {
  it("name their place and the digest of the next one", () => {
    const { chunks, first } = cut(400);
    expect(chunks.map(firstLine)).toEqual([
      `pgc1 0 3 ${sha256(chunks[1] as Uint8Array)}`,
      `pgc1 1 3 ${sha256(chunks[2] as Uint8Array)}`,
      "pgc1 2 3 -",
    ]);
    expect(first).toBe(sha256(chunks[0] as Uint8Array));
  });

  it("are one where one is enough, to the last byte", () => {
    const room = 256 - "pgc1 0 1 -\n".length;
    expect(cut(room).chunks).toHaveLength(1);
    expect(cut(room).chunks[0]).toHaveLength(256);
    expect(cut(room + 1).chunks).toHaveLength(2);
    expect(cut(room, 256, 1).chunks).toHaveLength(1);
  });

  it("never exceed what the store takes, and join to what was cut", () => {
    const limits = fc.record({
      maxItemBytes: fc.integer({ min: 256, max: 5000 }),
      maxItems: fc.integer({ min: 1, max: 2000 }),
    });
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 20_000, size: "max" }),
        limits,
        (given, { maxItemBytes, maxItems }) => {
          const before = sha256(given);
          let made: ReturnType<typeof cutChunks>;
          try {
            made = cutChunks(given, { maxItemBytes, maxItems });
          } catch (error) {
            expect(error).toMatchObject({ code: "ERR_BOOTSTRAP_IMPOSSIBLE" });
            expect(given.length).toBeGreaterThan((maxItemBytes - 90) * maxItems); // only headers were in the way
            return;
          }
          expect(made.chunks.length).toBeLessThanOrEqual(maxItems);
          for (const chunk of made.chunks) expect(chunk.length).toBeLessThanOrEqual(maxItemBytes);
          const joined = joinChunks(made.chunks, { count: made.chunks.length, sha256: made.first });
          expect(joined.equals(given)).toBe(true);
          expect(sha256(given)).toBe(before);
        },
      ),
    );
  });

  it("are refused where they are too many, with both sizes", () => {
    expect(() => cut(10_000, 256, 4)).toThrowError(
      expect.objectContaining({
        code: "ERR_BOOTSTRAP_IMPOSSIBLE",
        message: expect.stringMatching(/10000 bytes.*4.*256 bytes/),
      }),
    );
  });

  it("join to nothing where any is damaged, missing, doubled, foreign, cut off or in another's place", () => {
    const { chunks, first } = cut(1200);
    const foreign = cutChunks(Buffer.alloc(1200, 1), { maxItemBytes: 256, maxItems: 100 }).chunks;
    const whole = { count: chunks.length, sha256: first };
    const join =
      (given: readonly Uint8Array[], cipher = whole) =>
      () =>
        joinChunks(given, cipher);
    expect(join(chunks)().equals(bytes(1200))).toBe(true);
    for (const [index, chunk] of chunks.entries()) {
      const next = chunks[index + 1] ?? (chunks[0] as Uint8Array);
      expect(join(chunks.with(index, foreign[index] as Uint8Array))).toThrowError(invalid(`chunk ${index}: `));
      expect(join(chunks.with(index, next))).toThrowError(invalid(`chunk ${index}: `));
      expect(join(chunks.with(index, chunk.subarray(0, -1)))).toThrowError(invalid(`chunk ${index}: `));
      expect(join(chunks.with(index, Buffer.concat([chunk, Buffer.of(0)])))).toThrowError(invalid(`chunk ${index}: `));
      expect(join(chunks.toSpliced(index, 1))).toThrowError(invalid("chunks, not"));
      expect(join(chunks.toSpliced(index, 1), { ...whole, count: whole.count - 1 })).toThrowError(invalid("chunk "));
      expect(join(chunks.toSpliced(index, 0, chunk), { ...whole, count: whole.count + 1 })).toThrowError(
        invalid("chunk "),
      );
    }
    expect(join([], { count: 0, sha256: first })).toThrowError();
  });

  it("join to nothing, whichever bit is flipped", () => {
    const { chunks, first } = cut(600);
    const bits = chunks.reduce((sum, { length }) => sum + length, 0) * 8;
    fc.assert(
      fc.property(fc.nat(bits - 1), (bit) => {
        let byte = bit >> 3;
        const index = chunks.findIndex(({ length }) => {
          if (byte < length) return true;
          byte -= length;
          return false;
        });
        const damaged = Buffer.from(chunks[index] as Uint8Array);
        damaged[byte] = (damaged[byte] as number) ^ (1 << (bit & 7));
        expect(() => joinChunks(chunks.with(index, damaged), { count: chunks.length, sha256: first })).toThrowError(
          invalid(`chunk ${index}: not the one that was sealed`),
        );
      }),
    );
  });

  const digest = "0".repeat(64);
  it.each<[string, number, readonly Header[]]>([
    ["another index", 2, [(next) => `pgc1 1 2 ${next}\n`, () => "pgc1 1 2 -\n"]],
    ["another count", 2, [(next) => `pgc1 0 3 ${next}\n`, () => "pgc1 1 2 -\n"]],
    ["leading zeros", 1, [() => "pgc1 00 1 -\n"]],
    ["an end too early", 2, [() => "pgc1 0 2 -\n", () => "pgc1 1 2 -\n"]],
    ["no end", 1, [() => `pgc1 0 1 ${digest}\n`]],
    ["another version", 1, [() => "pgc2 0 1 -\n"]],
    ["two spaces", 1, [() => "pgc1  0 1 -\n"]],
    ["a carriage return", 1, [() => "pgc1 0 1 -\r\n"]],
    ["no line", 1, [() => "pgc1 0 1 -"]],
    ["a line that does not end", 1, [() => `pgc1 0 1 ${"-".repeat(500)}\n`]],
    ["nothing", 1, [() => ""]],
  ])("join to nothing where a header has %s, though its digest is right", (_name, count, headers) => {
    const { chunks, sha256: first } = chain(headers);
    expect(() => joinChunks(chunks, { count, sha256: first })).toThrowError(
      invalid("its header is not that of its place"),
    );
  });
});
