import { fileState } from "provider-guard/file";
import { simulatedClock } from "provider-guard/testing";
import { expect, it, onTestFinished, vi } from "vitest";
import { enter } from "../../../adapters/file/environment.ts";
import { temporaryDirectory } from "./temporary.ts";

/** A store, and how many records its folder holds, notes of when entries end included. */
function made() {
  const directory = temporaryDirectory();
  const clock = simulatedClock();
  const store = fileState({ directory, clock });
  const environment = enter(directory);
  onTestFinished(async () => {
    await store.close();
    await environment.release();
  });
  // One record is the head.
  const records = () => environment.read((database) => [...database.getKeys()].length - 1);
  return { store, clock, records };
}

it("entries whose time is over are removed though nobody asks for them", async () => {
  const { store, clock, records } = made();
  await Promise.all(Array.from({ length: 1200 }, (_, i) => store.put(`k/${i}`, "v", { ttlMs: 1010 + i * 20 })));
  await store.put("kept", "v");
  await store.put("late", "v", { ttlMs: 3_600_000 });
  expect(records()).toBe(2403);
  for (let second = 1; second <= 26; second++) {
    await clock.advance(1_000);
    // One record for each entry, and one more for its end.
    const left = 3 + 2 * Math.min(1200, Math.max(0, 1250 - second * 50));
    await vi.waitFor(() => expect([records(), clock.pending]).toEqual([left, 1]), { timeout: 30_000 });
  }
  await clock.advance(3_600_000);
  await vi.waitFor(() => expect(records()).toBe(1), { timeout: 30_000 });
  expect((await store.get("kept"))?.value).toBe("v");
});

it("an entry that was written anew, or deleted, leaves nothing of its former end behind", async () => {
  const { store, clock, records } = made();
  await store.put("a", "v", { ttlMs: 1000 });
  await store.put("a", "v", { ttlMs: 2000 });
  expect(records()).toBe(2);
  await store.put("a", "v");
  expect(records()).toBe(1);
  await clock.advance(120_000);
  expect((await store.get("a"))?.value).toBe("v");
  await store.put("b", "v", { ttlMs: 1000 });
  await store.delete("b");
  await store.delete("a");
  expect(records()).toBe(0);
});

it("nothing is timed where nothing ends", async () => {
  const { store, clock } = made();
  await store.put("a", "v");
  await clock.advance(2_000);
  await vi.waitFor(() => expect(clock.pending).toBe(0), { timeout: 30_000 });
  await store.put("b", "v", { ttlMs: 10_000 });
  expect(clock.pending).toBe(1);
  await store.close();
  expect(clock.pending).toBe(0);
});
