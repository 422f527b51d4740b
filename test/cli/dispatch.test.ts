import { spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { newKey } from "../audit/checkpoint/support.ts";
import { read } from "../docs/repository.ts";
import { bundle } from "../support/bundle.ts";
import { controllersDay, folder, removeFolders, run } from "./support.ts";

const key = newKey();
afterAll(removeFolders);

const commands = ["verify", "tail", "show", "export", "prove", "report"];
const page = "docs/reference/cli.md";

describe("provider-guard", () => {
  it("lists its commands", async () => {
    expect((await run("--help")).stdout).toContain("audit");
    const { code, stdout, stderr } = await run("audit", "--help");
    expect([code, stderr]).toEqual([0, ""]);
    for (const name of commands) expect(stdout).toMatch(new RegExp(`^ {2}${name} `, "m"));
    expect(await run("audit", "help")).toEqual({ code, stdout, stderr });
  });

  it.each(commands)("explains each option of audit %s, on the terminal and on its page", async (name) => {
    const { code, stdout, stderr } = await run("audit", name, "--help");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain(`Usage: provider-guard audit ${name} DIR`);
    expect(stdout).toContain("Exit code:");
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(120);
    const section =
      read(page)
        .split(/^## /m)
        .find((text) => text.startsWith(`audit ${name}`)) ?? "";
    const options = [...stdout.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(([, option]) => option as string);
    expect(options).toContain("--help");
    for (const option of options) if (option !== "--help") expect(section).toContain(`\`${option}`);
    const columns = [...stdout.matchAll(/^( {2}(?:-\w, )?--[a-z-]+(?: [A-Za-z:]+)* {2,})\S/gm)].map(
      ([, left = ""]) => left.length,
    );
    expect(columns).toHaveLength(options.length);
    expect(new Set(columns).size).toBe(1);
  });

  it("answers a mistake with exit code 2 and one line that says what to do", async () => {
    const mistakes = [
      [],
      ["--nonsense"],
      ["nonsense"],
      ["audit"],
      ["audit", "nonsense"],
      ...commands.flatMap((name) => [
        ["audit", name],
        ["audit", name, "."],
        ["audit", name, "--nonsense", "."],
        ["audit", name, "a", "b", "c"],
      ]),
      ["audit", "tail", ".", "--since", "yesterday"],
      ["audit", "tail", ".", "--lines", "-3"],
      ["audit", "tail", ".", "--lines", "many"],
      ["audit", "tail", ".", "--result", "good"],
      ["audit", "export", ".", "--format", "toString"],
    ].filter((args) => args.join(" ") !== "audit verify ."); // no journal at all is not a mistake
    for (const args of mistakes) {
      const { code, stdout, stderr } = await run(...args);
      expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: "" });
      expect(stderr).toMatch(/^provider-guard.*: .+\n$/);
    }
  });

  it.each([
    [["audit", "verify", ".", "--key", "PRIVATE+KEY+x+secret"], "--key: expected a public key"],
    [["audit", "verify", ".", "--key", key.publicKey, "--head", "package.json"], "--head: "],
    [["audit", "prove", "--check", "nowhere", "--key", key.publicKey], "--check nowhere: ENOENT"],
    [["audit", "report", ".", "--output", "nowhere/at-all.html"], "--output nowhere/at-all.html: ENOENT"],
  ])("names the option that is to blame: %j", async (args, text) => {
    const { code, stdout, stderr } = await run(...args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^provider-guard audit \w+: .+\n$/);
    expect(stderr).toContain(`: ${text}`);
    expect(stderr).not.toContain("secret");
  });

  it.runIf(existsSync("/dev/full"))("exits 2 where what it prints cannot be written", async () => {
    const full = openSync("/dev/full", "w");
    const directory = folder();
    await controllersDay(directory);
    const program = await bundle(new URL("../../src/cli/main.ts", import.meta.url));
    for (const args of [["verify"], ["tail"], ["show", "3"], ["export", "--format", "csv"], ["report"]]) {
      const [name = "", ...options] = args;
      const { status, stderr } = spawnSync(process.execPath, [program, "audit", name, directory, ...options], {
        encoding: "utf8",
        stdio: ["ignore", full, "pipe"],
      });
      expect([name, status, stderr]).toEqual([
        name,
        2,
        expect.stringMatching(/^provider-guard audit \w+: standard output: ENOSPC.*\n$/),
      ]);
    }
    closeSync(full);
  });

  it("shows no stack for anything that fails", async () => {
    const { code, stderr } = await run("audit", "tail", "/proc/self/mem");
    expect([code, stderr.split("\n").length]).toEqual([2, 2]);
  });
});
