import { hash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { toOcsf } from "provider-guard/audit";
import { expect, it } from "vitest";
import { run } from "../../cli/support.ts";

/**
 * The last segments of a journal with every kind of call and answer, and with lines as later versions, other
 * writers and nobody would write them; and the events that the first version made of them.
 */
const directory = fileURLToPath(new URL("varied-journal", import.meta.url));
const events = readFileSync(new URL("varied-events.jsonl", import.meta.url), "utf8");

it("audit export writes the events of a varied journal as it always did, to the byte", async () => {
  const { code, stdout, stderr } = await run("audit", "export", directory, "--format", "ocsf");
  expect(stdout).toBe(events);
  expect([code, stderr]).toEqual([0, "4 lines left out: not of a form that this version writes\n"]);
});

it.each([
  [10_000, "b64a64a2f14cf777e0c131bec797db9ee1745ef7ee66f4b2cf88d4de08150284"],
  [2, "14b074cf91873908cab9ea9ef61af79e88e91b0092df42234815e2ceaa1e8671"],
])("toOcsf does, too, with up to %d open intents", async (maxOpen, digest) => {
  const lines = readdirSync(directory)
    .sort()
    .flatMap((name) => readFileSync(join(directory, name), "utf8").trimEnd().split("\n"));
  const skipped: string[] = [];
  let text = "";
  for await (const event of toOcsf(lines, { maxOpen, onSkipped: (reason) => skipped.push(reason) })) {
    text += `${JSON.stringify(event)}\n`;
  }
  expect(text.split("\n")).toHaveLength(events.split("\n").length);
  expect(hash("sha256", text, "hex")).toBe(digest);
  expect(skipped).toHaveLength(5);
  expect(skipped).toContain("unknown type witness");
});
