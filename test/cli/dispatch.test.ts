import { describe, expect, it } from "vitest";
import { read } from "../docs/repository.ts";
import { run } from "./support.ts";

const commands = ["verify", "tail", "show", "export", "prove", "report"];
const page = "docs/reference/cli.md";

describe("provider-guard", () => {
  it("lists its commands", async () => {
    expect((await run("--help")).stdout).toContain("audit");
    const { code, stdout, stderr } = await run("audit", "--help");
    expect([code, stderr]).toEqual([0, ""]);
    for (const name of commands) expect(stdout).toMatch(new RegExp(`^ {2}${name} `, "m"));
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

  it("shows no stack for anything that fails", async () => {
    const { code, stderr } = await run("audit", "tail", "/proc/self/mem");
    expect([code, stderr.split("\n").length]).toEqual([2, 2]);
  });
});
