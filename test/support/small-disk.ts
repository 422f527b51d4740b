import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A file system of its own, which can be filled. */
export interface SmallDisk {
  readonly directory: string;
  grow(size: string): void;
  /** Takes it away, whoever still has a file on it open. */
  remove(): void;
}

/** Mounts a file system of e.g. `64k`; `undefined` where mounting is not allowed. */
export function mountSmallDisk(size: string): SmallDisk | undefined {
  const directory = mkdtempSync(join(tmpdir(), "small-disk-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", directory], { stdio: "ignore" });
  } catch {
    rmSync(directory, { recursive: true });
    return undefined;
  }
  return {
    directory,
    grow: (to) => void execFileSync("mount", ["-o", `remount,size=${to}`, directory]),
    remove() {
      execFileSync("umount", ["-l", directory]);
      rmSync(directory, { recursive: true });
    },
  };
}
