import { conditionFrom } from "provider-guard/cluster-api";
import { describe, expect, it } from "vitest";

/** As client-node throws it. */
function forbidden(message: unknown, reason = "Forbidden") {
  const body = JSON.stringify({ kind: "Status", apiVersion: "v1", status: "Failure", message, reason, code: 403 });
  return Object.assign(new Error("HTTP-Code: 403"), { code: 403, body, headers: {} });
}

const said = (error: unknown) => conditionFrom(error, { type: "Ready" }).message;
const user = 'User "system:serviceaccount:acme-system:acme-provider"';

describe("a right that RBAC denied", () => {
  it.each([
    [
      "in the core group",
      `secrets "s3cr3t" is forbidden: ${user} cannot get resource "secrets" in API group "" in the namespace "a"`,
      "get secrets",
    ],
    [
      "of a subresource",
      `x is forbidden: ${user} cannot patch resource "acmemachines/status" in API group "acme.example" in the namespace "a"`,
      "patch acmemachines.acme.example/status",
    ],
    [
      "at the cluster's scope",
      `x is forbidden: ${user} cannot list resource "machines" in API group "cluster.x-k8s.io" at the cluster scope`,
      "list machines.cluster.x-k8s.io",
    ],
  ])("is named %s, and nothing else of the message", (_where, message, right) => {
    expect(said(forbidden(message))).toBe(`The service denied access (Forbidden, HTTP 403, ${right})`);
  });

  it.each([
    ["a policy's refusal", forbidden('secrets "a" is forbidden: ValidatingAdmissionPolicy said canary')],
    ["no text", forbidden({ text: "canary" })],
    ["free text where words should be", forbidden('cannot get resource "canary canary" in API group "canary!"')],
    ["another reason", forbidden('cannot get resource "canary" in API group ""', "Canary")],
    ["no Status", Object.assign(new Error('cannot get resource "canary" in API group ""'), { code: 403 })],
  ])("is not guessed from %s", (_what, error) => {
    expect(said(error)).not.toMatch(/canary/);
    expect(said(error)).toMatch(/^The service denied access \(/);
  });
});
