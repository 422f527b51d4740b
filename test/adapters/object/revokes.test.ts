import { object } from "provider-guard/object";
import { expect, it } from "vitest";

const adapter = object({
  cloud: "acme",
  operations: {
    deleteToken: { kind: "delete", resourceType: "token", revokes: true },
    deleteServer: { kind: "delete", revokes: false },
  },
});

it("an operation revokes only where its user says so", () => {
  expect(adapter.classify("deleteToken", "acme")).toEqual({
    kind: "delete",
    known: true,
    resourceType: "token",
    revokes: true,
  });
  expect(adapter.classify("deleteServer", "acme")).toEqual({ kind: "delete", known: true });
  expect(adapter.classify("revokeEverything", "acme")).toEqual({ kind: "update", known: false });
});

it("what creates does not revoke", () => {
  expect(() => object({ cloud: "acme", operations: { createKey: { kind: "create", revokes: true } } })).toThrow(
    "object.operations.createKey.revokes: only an update or a delete takes something away, not a create",
  );
});
