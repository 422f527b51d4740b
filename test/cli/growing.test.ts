import { appendFileSync, readFileSync } from "node:fs";
import { verifyJournal } from "provider-guard";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { hashLine } from "../../src/audit/line.ts";
import { audit } from "../../src/cli/audit/index.ts";
import { type Command, exitCodes } from "../../src/cli/command.ts";
import type { Terminal } from "../../src/cli/terminal.ts";
import { startChild } from "../support/bundle.ts";
import type { Child } from "../support/child.ts";
import { controllersDay, folder, headOf, linesIn, parsed, removeFolders, run, segmentOf } from "./support.ts";

const writer = new URL("../audit/child.ts", import.meta.url);

let directory: string;
beforeEach(() => {
  directory = folder();
});
afterAll(removeFolders);

/** Appends lines that continue the chain to a journal of one segment. */
function grower() {
  const path = segmentOf(directory);
  let seq = linesIn(directory).length - 1;
  let last = Buffer.from(`\0${linesIn(directory).at(-1)}`);
  return (count: number) => {
    let text = "";
    for (let i = 0; i < count; i++) {
      const prev = hashLine(last, 1, last.length);
      const line = `{"seq":${++seq},"prev":"${prev}","type":"notice","at":1,"event":"grown","details":{}}`;
      last = Buffer.from(`\0${line}`);
      text += `${line}\n`;
    }
    appendFileSync(path, text);
  };
}

describe("a journal that grows as fast as it is read", () => {
  const grownAtMost = 30;
  let grown: number;
  let printed: string;

  /** Runs a command in this process; whatever it shows, the journal grows by more than it can have read since. */
  async function whileGrowing(name: string, ...args: string[]): Promise<number> {
    const command = audit.commands.find((each) => each.name === name) as Command;
    const grow = grower();
    grow(20_000);
    grown = 0;
    printed = "";
    const enough = new AbortController();
    const more = () => {
      if (grown++ < grownAtMost) grow(10_000);
      else enough.abort(new Error("it reads on for ever"));
    };
    const terminal: Terminal = {
      print: async (text) => {
        printed += text;
        more();
      },
      say: (line) => expect.unreachable(line),
      progress: more,
      showProgress() {},
      interrupted: enough.signal,
      unwatched: enough.signal,
      now: () => 0,
      sleep: async () => {},
    };
    return command.run(args, terminal);
  }

  beforeEach(() => controllersDay(directory));

  it.each([
    ["verify", ["--allow-unpinned", "--json"]],
    ["report", ["--allow-unpinned"]],
    ["export", ["--format", "jsonl"]],
    ["export", ["--format", "csv"]],
    ["export", ["--format", "ocsf"]],
    ["show", ["3"]],
    ["tail", ["-n", "10"]],
  ])("is read by audit %s up to where it ended at first", async (name, options) => {
    expect(await whileGrowing(name, directory, ...options)).toBe(exitCodes.ok);
    expect(grown).toBeGreaterThan(0);
    expect(grown).toBeLessThan(grownAtMost / 2);
  });

  it("is told of as it was when reading began: what came later is in none of the figures", async () => {
    const before = linesIn(directory).length;
    await whileGrowing("verify", directory, "--allow-unpinned", "--json");
    expect(JSON.parse(printed)).toMatchObject({ status: "ok", head: { seq: before + 20_000 - 1 } });
    expect(linesIn(directory).length).toBeGreaterThan(before + 20_000);
    const whole = await verifyJournal({ directory });
    expect(whole).toMatchObject({ ok: true, head: { seq: linesIn(directory).length - 1 } });
  });
});

describe("a journal that a process keeps appending to, and rotates", () => {
  let child: Child;
  beforeEach(async () => {
    child = await startChild(writer, ["write", directory, "1", "65536"]);
    await child.printed(2_000);
  });
  afterEach(async () => {
    child.process.kill("SIGKILL");
    await child.ended;
  });

  it("verifies, with the head that was noted before", async () => {
    const head = await headOf(directory);
    const { code, stdout, stderr } = await run("audit", "verify", directory, "--head", head, "--json");
    expect([code, stderr]).toEqual([0, ""]);
    expect(JSON.parse(stdout).records).toBeGreaterThan(2_000);
    expect(child.process.exitCode).toBeNull();
  });

  it("is reported", async () => {
    const { code, stdout, stderr } = await run("audit", "report", directory, "--allow-unpinned");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("</html>");
  });

  it.each(["jsonl", "csv", "ocsf"])("is exported as %s, without a line in part", async (format) => {
    const acknowledged = child.lines[0] as string;
    const { code, stdout, stderr } = await run("audit", "export", directory, "--format", format);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain(acknowledged);
    expect(stdout.endsWith("\n")).toBe(true);
    if (format === "csv") return;
    const found = parsed(stdout);
    expect(found.length).toBeGreaterThan(2_000);
    const order = found.map((line) => line.seq ?? line.unmapped.seq);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(readFileSync(segmentOf(directory), "utf8")).toContain(acknowledged);
  });
});
