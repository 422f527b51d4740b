import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { mountSmallDisk, type SmallDisk } from "../../support/small-disk.ts";

/** A directory that is removed with the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "file-state-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A small file system that goes with the test, or `undefined` where mounting is not allowed. */
export function smallFileSystem(size: string): SmallDisk | undefined {
  const disk = mountSmallDisk(size);
  if (disk !== undefined) onTestFinished(() => disk.remove());
  return disk;
}
