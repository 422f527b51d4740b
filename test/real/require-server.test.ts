import { expect, it } from "vitest";
import { describeWithServer } from "./require-server.ts";

it("tests without their server fail where servers are required", () => {
  const missing = { server: "nosuchd", program: undefined, hint: "install nosuchd" };
  const group = () => describeWithServer("x", missing, () => {}, "required");
  expect(group).toThrow("nosuchd is not installed, and REAL_SERVERS=required: install nosuchd");
});
