import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { httpOpener } from "../../../src/bootstrap/stores/http/opener.ts";
import { describeWithServer } from "../../real/require-server.ts";
import { findProgram } from "../../support/programs.ts";

const shellcheck = { server: "shellcheck", program: findProgram("shellcheck"), hint: "apt-get install shellcheck" };

describeWithServer("httpStore's opener", shellcheck, (program) => {
  it("has nothing that shellcheck finds, and is small", () => {
    const { script } = httpOpener("https://bootstrap.example.com/machines/id", "token", undefined);
    const { stdout } = spawnSync(program, ["-s", "sh", "-e", "SC2154", "-"], { input: script, encoding: "utf8" });
    expect(stdout).toBe("");
    expect(script.length).toBeLessThan(1_200);
  });
});
