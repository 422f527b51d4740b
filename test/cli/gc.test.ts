import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { GarbageCollector } from "provider-guard/garbage";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { dispatch } from "../../src/cli/command.ts";
import { gc } from "../../src/cli/gc/index.ts";
import { Interrupted, type Terminal } from "../../src/cli/terminal.ts";
import { cloudWorld, everything, hour, tagsOf } from "../garbage/cloud-world.ts";

const root = { name: "provider-guard", summary: "Tools.", commands: [gc] };

declare global {
  // A configuration file is another module, loaded by its path: it finds the test's collector here.
  var collectorOfTest: GarbageCollector | undefined;
}

let folder: string;
let config: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gc-"));
  config = join(folder, "gc.mjs");
  await writeFile(config, "export default async () => ({ collector: globalThis.collectorOfTest, close() {} });");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(...args: string[]) {
  const out: string[] = [];
  const said: string[] = [];
  const progress: string[] = [];
  const interrupted = new AbortController();
  const terminal: Terminal = {
    print: async (text) => void out.push(text),
    say: (line) => void said.push(line),
    progress(line) {
      progress.push(line);
      if (args.includes("--interrupt")) interrupted.abort(new Interrupted("SIGINT"));
    },
    showProgress() {},
    interrupted: interrupted.signal,
    unwatched: interrupted.signal,
    now: () => 0,
    sleep: async () => {},
  };
  const words = args.filter((arg) => arg !== "--interrupt");
  const code = await dispatch(root, () => "0", ["gc", ...words, "--config", config], terminal);
  return { code, out: out.join(""), said: said.join("\n"), progress };
}

describe("provider-guard gc", () => {
  let world: Awaited<ReturnType<typeof cloudWorld>>;
  let orphan: { readonly id: string };
  beforeEach(async () => {
    world = await cloudWorld({ policy: { ...everything, breakers: { maxCount: 2, maxPercent: 100 } } });
    orphan = world.place("machine", { ...tagsOf("dead"), "provider-guard/cluster-name": "<b>\u001b[2J" });
    globalThis.collectorOfTest = { ...world.collector, close() {} };
  });

  async function marked(passes = 30): Promise<void> {
    for (let pass = 0; pass < passes; pass++) {
      await world.pass(hour);
      await world.run(world.collector.scan());
    }
  }

  it("scans without a write until it is told to apply", async () => {
    await world.pass(hour);
    const dry = await run("scan");
    expect(dry).toMatchObject({ code: 0, out: expect.stringContaining("dry run: nothing was marked") });
    expect(dry.out).toContain("machine: 1 seen, 0 linked, 1 without an owner");
    expect((await world.collector.plan()).entries).toEqual([]);
    const applied = await run("scan", "--apply", "--json");
    expect(JSON.parse(applied.out).complete).toHaveLength(4);
    expect((await world.collector.plan()).entries).toHaveLength(1);
    expect(applied.progress.some((line) => line.includes("1 seen, 1 without an owner"))).toBe(true);
  });

  it("ends with 3 where a pass is not complete, and names the code alone", async () => {
    world.cloud.addFault({ effect: "denied", operations: ["describeMachines"] });
    const { code, out } = await run("scan", "--json");
    expect(code).toBe(3);
    expect(JSON.parse(out).incomplete).toEqual([{ scope: world.inventory.scope, type: "machine", code: "Denied" }]);
  });

  it("shows the plan as table, JSON and lines, without letting names move the cursor", async () => {
    await marked();
    const table = await run("plan");
    expect(table).toMatchObject({ code: 0, out: expect.stringContaining("1 to delete") });
    expect(table.out).not.toContain("\u001b");
    expect(JSON.parse((await run("plan", "--json")).out).entries).toMatchObject([
      { id: orphan.id, decision: "delete" },
    ]);
    const lines = (await run("plan", "--ndjson")).out.trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line).reasons.length)).toEqual([3]);
  });

  it("sweeps a kept plan, dry until it is told to apply", async () => {
    await marked();
    const file = join(folder, "plan.json");
    await writeFile(file, (await run("plan", "--json")).out);
    const dry = await run("sweep", "--plan", file);
    expect(dry).toMatchObject({ code: 0, out: expect.stringContaining(`would be deleted: machine ${orphan.id}`) });
    expect(world.exists(orphan.id)).toBe(true);
    const applied = await run("sweep", "--plan", file, "--apply");
    expect(applied).toMatchObject({ code: 0, out: expect.stringContaining("1 deleted") });
    expect(applied.progress).toEqual([expect.stringMatching(/^\[#{24}\] 1\/1 machine/)]);
    expect(world.exists(orphan.id)).toBe(false);
  });

  it("ends with 1 where a breaker trips, which ack accepts with a name and a reason", async () => {
    for (let made = 0; made < 3; made++) world.place("machine", tagsOf("dead"));
    await marked();
    expect(await run("sweep", "--apply")).toMatchObject({ code: 1, out: expect.stringContaining("breaker:") });
    expect(await run("status")).toMatchObject({ code: 1, out: expect.stringContaining("breaker latched") });
    expect(await run("ack", "--by", "ann")).toMatchObject({ code: 2, said: expect.stringContaining("--reason") });
    expect(await run("ack", "--by", "ann", "--reason", "looked")).toMatchObject({
      code: 0,
      out: expect.stringContaining("acknowledged"),
    });
    expect(await run("sweep", "--apply")).toMatchObject({ code: 0, out: expect.stringContaining("4 deleted") });
    expect((await run("ack", "--by", "ann", "--reason", "again")).out).toBe("nothing is latched\n");
  });

  it("explains a resource, takes its mark away, and says where there is none", async () => {
    await marked();
    const { code, out } = await run("explain", orphan.id);
    expect([code, out]).toEqual([0, expect.stringContaining("unlinked: its cluster is gone")]);
    expect(out).toContain("delete: its cluster is gone; seen so in");
    expect(await run("unmark", orphan.id, "--by", "ann", "--reason", "mine")).toMatchObject({ code: 0 });
    expect((await run("explain", orphan.id)).out).toContain("not marked");
    expect(await run("explain", "machine-00000099")).toMatchObject({ code: 4 });
    expect(await run("unmark", orphan.id, "--by", "ann", "--reason", "mine")).toMatchObject({ code: 4 });
    expect(await run("explain")).toMatchObject({ code: 2, said: expect.stringContaining("name one resource") });
  });

  it("makes one page that loads and runs nothing, and shows names as text", async () => {
    await marked();
    const file = join(folder, "report.html");
    expect(await run("report", "--output", file)).toMatchObject({ code: 0 });
    const page = await readFile(file, "utf8");
    expect(page).toContain(orphan.id);
    expect(page).toContain("1 to delete, 0 waiting");
    expect(page).toContain("default/&lt;b&gt;");
    expect(page).not.toMatch(/<script|<b>|src=|href=/);
  });

  it("is interrupted between two requests", async () => {
    for (let made = 0; made < 150; made++) world.place("machine", tagsOf("dead"));
    expect(await run("scan", "--apply", "--interrupt")).toMatchObject({ code: 130 });
  });

  it.each([
    ["export default 1;", "has to be a collector"],
    ["export const other = 1;", "has to be a collector"],
    ["throw new Error('no credentials');", "no credentials"],
    ["export default () => { throw new Error('no cluster'); };", "no cluster"],
  ])("refuses a configuration that makes no collector: %s", async (text, said) => {
    const file = join(folder, `bad-${text.length}.mjs`);
    await writeFile(file, text);
    config = file;
    const { code, said: line } = await run("plan");
    config = join(folder, "gc.mjs");
    expect([code, line]).toEqual([2, expect.stringContaining(said)]);
    expect(line).toContain(file);
  });

  it("refuses a file that is no plan, and another collector's", async () => {
    const file = join(folder, "none.json");
    for (const text of ["", "[]", '{"collector":"default"}', '{"collector":"other","entries":[]}']) {
      await writeFile(file, text);
      expect((await run("sweep", "--plan", file, "--apply")).code, text).toBe(2);
    }
  });
});
