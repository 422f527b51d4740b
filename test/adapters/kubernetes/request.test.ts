import { describe, expect, it } from "vitest";
import { classify } from "../../../adapters/kubernetes/classify.ts";
import { refText } from "../../../adapters/kubernetes/object-ref.ts";
import { inputOf, readRequest } from "../../../adapters/kubernetes/request.ts";

const apply = "application/apply-patch+yaml";
const merge = "application/merge-patch+json";
const acme = "infrastructure.acme.io";

describe("a request", () => {
  it.each([
    ["GET", "/api/v1/namespaces/a/secrets/s", "", "core", "get secrets", "read", "core/v1/secrets/a/s"],
    ["GET", "/api/v1/namespaces/a/secrets", "", "core", "list secrets", "read", "core/v1/secrets/a/"],
    ["GET", "/api/v1/nodes", "", "core", "list nodes", "read", "core/v1/nodes//"],
    ["GET", "/api/v1/pods?watch=true", "", "core", "watch pods", "read", "core/v1/pods//"],
    ["GET", "/api/v1/watch/pods", "", "core", "watch pods", "read", "core/v1/pods//"],
    ["GET", "/api/v1/namespaces/a", "", "core", "get namespaces", "read", "core/v1/namespaces//a"],
    [
      "PUT",
      "/api/v1/namespaces/a/finalize",
      "",
      "core",
      "update namespaces/finalize",
      "update",
      "core/v1/namespaces//a",
    ],
    ["POST", "/api/v1/namespaces/a/secrets", "", "core", "create secrets", "create", "core/v1/secrets/a/"],
    [
      "POST",
      "/api/v1/namespaces/a/secrets?dryRun=All",
      "",
      "core",
      "dry-run create secrets",
      "read",
      "core/v1/secrets/a/",
    ],
    ["DELETE", "/api/v1/namespaces/a/secrets/s", "", "core", "delete secrets", "delete", "core/v1/secrets/a/s"],
    ["DELETE", "/api/v1/namespaces/a/secrets", "", "core", "deletecollection secrets", "delete", "core/v1/secrets/a/"],
    [
      "PATCH",
      `/apis/${acme}/v1/namespaces/a/acmemachines/m/status`,
      merge,
      acme,
      "patch acmemachines/status",
      "update",
      `${acme}/v1/acmemachines/a/m`,
    ],
    [
      "PATCH",
      "/api/v1/namespaces/a/configmaps/c",
      apply,
      "core",
      "apply configmaps",
      "create",
      "core/v1/configmaps/a/c",
    ],
    [
      "PATCH",
      `/apis/${acme}/v1/namespaces/a/acmemachines/m/status`,
      apply,
      acme,
      "apply acmemachines/status",
      "update",
      `${acme}/v1/acmemachines/a/m`,
    ],
    ["POST", "/api/v1/namespaces/a/pods/p/eviction", "", "core", "create pods/eviction", "delete", "core/v1/pods/a/p"],
    ["POST", "/api/v1/namespaces/a/pods/p/binding", "", "core", "create pods/binding", "update", "core/v1/pods/a/p"],
    ["GET", "/api/v1/namespaces/a/pods/p/exec?command=x", "", "core", "create pods/exec", "update", "core/v1/pods/a/p"],
    ["GET", "/api/v1/nodes/n/proxy/run/a/b", "", "core", "get nodes/proxy", "update", "core/v1/nodes//n"],
    ["GET", "/api/v1/namespaces/a/pods/p/log", "", "core", "get pods/log", "read", "core/v1/pods/a/p"],
    [
      "POST",
      "/api/v1/namespaces/a/serviceaccounts/s/token",
      "",
      "core",
      "create serviceaccounts/token",
      "update",
      "core/v1/serviceaccounts/a/s",
    ],
    [
      "POST",
      "/apis/authentication.k8s.io/v1/tokenreviews",
      "",
      "authentication.k8s.io",
      "create tokenreviews",
      "read",
      "authentication.k8s.io/v1/tokenreviews//",
    ],
    [
      "POST",
      "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
      "",
      "authorization.k8s.io",
      "create selfsubjectaccessreviews",
      "read",
      "authorization.k8s.io/v1/selfsubjectaccessreviews//",
    ],
    [
      "POST",
      "/apis/coordination.k8s.io/v1/namespaces/a/leases",
      "",
      "coordination.k8s.io",
      "create leases",
      "update",
      "coordination.k8s.io/v1/leases/a/",
    ],
    ["POST", "/api/v1/namespaces/a/events", "", "core", "create events", "update", "core/v1/events/a/"],
    ["GET", "/version", "", "nonResourceURLs", "get /version", "read", undefined],
    ["GET", "/apis/apps/v1", "", "nonResourceURLs", "get /apis", "read", undefined],
    ["POST", "/logs/x", "", "nonResourceURLs", "create /logs", "update", undefined],
    ["GET", "/", "", "nonResourceURLs", "get /", "read", undefined],
    [
      "GET",
      "/api/v1/namespaces/a%2Fb/secrets/%E0%A4%A",
      "",
      "core",
      "get secrets",
      "read",
      "core/v1/secrets/a/b/%E0%A4%A",
    ],
  ] as const)("%s %s (%s)", (method, path, contentType, service, operation, kind, ref) => {
    const request = readRequest(method, path, contentType);
    expect([request.service, request.operation]).toEqual([service, operation]);
    expect(request.ref && refText(request.ref)).toBe(ref);
    expect(classify(request.operation, request.service)).toMatchObject({ kind, known: true });
  });

  it("that takes a secret away goes on during an emergency stop; nothing else does", () => {
    expect(classify("delete secrets", "core").revokes).toBe(true);
    for (const [operation, service] of [
      ["deletecollection secrets", "core"],
      ["delete secrets", acme],
      ["delete rolebindings", "rbac.authorization.k8s.io"],
      ["delete configmaps", "core"],
    ] as const) {
      expect(classify(operation, service).revokes).toBeUndefined();
    }
  });

  it("keeps the command of an exec to itself", () => {
    const request = readRequest("GET", "/api/v1/namespaces/a/pods/p/exec?command=canary&container=main");
    expect(inputOf(request, undefined)).toEqual({ objectRef: "core/v1/pods/a/p", query: { container: "main" } });
  });
});
