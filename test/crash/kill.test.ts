import { randomInt } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileJournal, systemClock, verifyJournal } from "provider-guard";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundle, startChild } from "../support/bundle.ts";
import type { Child } from "../support/child.ts";
import { moments as kills } from "./moments.ts";

const lanes = 2;
const program = new URL("provider.ts", import.meta.url);

/** Call ids of mutating requests as they reached the server, by the journal they should be in. */
const arrived = new Map<string, Set<string>>();
const server = createServer((request, response) => {
  const lane = request.url?.split("/")[1] ?? "";
  if (request.method !== "GET") arrived.get(lane)?.add(String(request.headers["x-intent"]));
  request.resume();
  response.setHeader("content-type", "application/json");
  response.end("{}");
});
let url: string;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await bundle(program);
}, 120_000);
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function intentsIn(directory: string): Promise<Set<string>> {
  const intents = new Set<string>();
  for (const name of (await readdir(directory)).filter((file) => file.endsWith(".jsonl"))) {
    for (const line of (await readFile(join(directory, name), "utf8")).split("\n")) {
      if (!line.includes('"type":"intent"') || !line.endsWith("}")) continue; // a torn last line is no record
      intents.add((JSON.parse(line) as { call: string }).call);
    }
  }
  return intents;
}

/** Waits until the provider has made some more requests, then kills it in whatever it is doing. */
async function killSometime(child: Child, log: Set<string>): Promise<void> {
  await child.printed(1);
  const enough = log.size + randomInt(1, 60);
  while (log.size < enough && child.process.exitCode === null) await new Promise((resolve) => setImmediate(resolve));
  child.process.kill("SIGKILL");
  expect(await child.ended).toBe("SIGKILL");
}

describe(`a provider that is killed at ${kills} random moments`, () => {
  it.concurrent.each(Array.from({ length: lanes }, (_, lane) => [`lane-${lane}`]))(
    "never had a mutating request on the wire without its intent in the journal (%s)",
    async (lane) => {
      const directory = await mkdtemp(join(tmpdir(), "crash-"));
      const log = new Set<string>();
      arrived.set(lane, log);
      let checked = 0;
      try {
        for (let round = 0; round < kills / lanes; round++) {
          const child = await startChild(program, [directory, `${url}/${lane}`]);
          await killSometime(child, log);
          const intents = await intentsIn(directory);
          expect([...log].filter((call) => !intents.has(call))).toEqual([]);
          checked = log.size;
        }
        const { ok, unfinished, segments } = await verifyAfterRestart(directory);
        expect(ok).toBe(true);
        expect(segments).toBeGreaterThan(1);
        expect(unfinished).toBeGreaterThan(0); // kills did hit calls in flight
        expect(checked).toBeGreaterThan(kills);
      } finally {
        await rm(directory, { recursive: true });
      }
    },
    1_800_000,
  );
});

/** The next start repairs a torn last line; then everything must verify. */
async function verifyAfterRestart(directory: string) {
  const principal = { managementCluster: "mc-uid", provider: "infrastructure-acme" };
  const journal = await fileJournal({ directory }).open({ clock: systemClock, random: Math.random, principal });
  await journal.close();
  return verifyJournal({ directory });
}
