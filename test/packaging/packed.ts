import { inject } from "vitest";

/** Path of the packed package. */
export function tarball(): string {
  const path = inject("tarball");
  if (path === "") throw new Error("the package could not be built: see the start of this run's output");
  return path;
}
