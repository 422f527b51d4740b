import { memoryState } from "../../src/core/memory-state.ts";
import { simulatedClock } from "../../src/testing/index.ts";
import { stateStoreContract } from "../support/state-store-contract.ts";

stateStoreContract("memory", async () => {
  const clock = simulatedClock();
  return { store: memoryState({ clock }), clock };
});
