import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileState } from "provider-guard/file";
import { simulatedClock } from "provider-guard/testing";
import { onTestFinished } from "vitest";
import { stateStoreContract } from "../../support/state-store-contract.ts";

stateStoreContract("file", async () => {
  const directory = mkdtempSync(join(tmpdir(), "file-state-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const clock = simulatedClock();
  return { store: fileState({ directory, clock }), clock, another: async () => fileState({ directory, clock }) };
});
