import { expect, it } from "vitest";
import { outputs } from "../../scripts/build.mjs";
import { read } from "./repository.ts";

it("a build is up to date only with all that the manifest names and the programs start", () => {
  const { exports, bin } = JSON.parse(read("package.json"));
  const made = outputs();
  expect(made).toContain(bin["provider-guard"]);
  expect(made).toContain(exports["./audit"].types);
  expect(made).toContain("bench/dist/main.js");
  expect(made).toContain("bench/dist/rows/replica.process.js");
  expect(made).toContain("examples/quickstart/dist/main.js");
});
