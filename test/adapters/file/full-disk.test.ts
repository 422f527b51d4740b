import { rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileState } from "provider-guard/file";
import { expect, it, onTestFinished } from "vitest";
import { smallFileSystem } from "./temporary.ts";

function fill(directory: string): void {
  const { bavail, bsize } = statfsSync(directory);
  writeFileSync(join(directory, "filler"), Buffer.alloc(bavail * bsize));
}

it("a disk that fills up: writes are refused, reads go on, nothing is lost, and room is enough to go on", async (test) => {
  const disk = smallFileSystem("600k");
  if (disk === undefined) return test.skip("mounting a small file system is not allowed here");
  const store = fileState({ directory: join(disk.directory, "state") });
  onTestFinished(() => store.close());
  let refusal: unknown;
  let written = 0;
  while (refusal === undefined && written < 1000) {
    await store.put(`k/${written}`, "x".repeat(3000)).then(
      () => written++,
      (error) => {
        refusal = error;
      },
    );
  }
  expect(refusal).toMatchObject({ code: "ERR_STATE_UNAVAILABLE", retryable: true });
  expect([5, 28]).toContain((refusal as { cause?: { code?: number } }).cause?.code); // cut short, or no room at all
  expect(written).toBeGreaterThan(20);
  const many = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => store.put(`more/${i}`, "x".repeat(3000))));
  expect(many.filter(({ status }) => status === "fulfilled")).toEqual([]);
  for (let i = 0; i < written; i++) expect((await store.get(`k/${i}`))?.value).toHaveLength(3000);

  disk.grow("4m");
  await store.put("again", "1");
  expect(await store.increment("n", 1)).toEqual({ applied: true, value: 1 });
  await store.close();
  const next = fileState({ directory: join(disk.directory, "state") });
  onTestFinished(() => next.close());
  let kept = 0;
  for await (const [key] of next.scan("")) {
    expect(key).not.toContain("more/");
    kept++;
  }
  expect(kept).toBe(written + 2);
});

it("a disk that is full from the start: the folder is refused, until there is room", async (test) => {
  const disk = smallFileSystem("600k");
  if (disk === undefined) return test.skip("mounting a small file system is not allowed here");
  const directory = join(disk.directory, "state");
  for (const room of [0, 4, 64, 76]) {
    writeFileSync(join(disk.directory, "room"), Buffer.alloc(room * 1024));
    fill(disk.directory);
    rmSync(join(disk.directory, "room"));
    expect(() => fileState({ directory })).toThrow(
      expect.objectContaining({ code: "ERR_STATE_UNAVAILABLE", message: expect.stringContaining("no space left") }),
    );
    rmSync(join(disk.directory, "filler"));
    rmSync(directory, { recursive: true, force: true });
  }
  const store = fileState({ directory });
  onTestFinished(() => store.close());
  await store.put("a", "1");
  expect((await store.get("a"))?.value).toBe("1");
});
