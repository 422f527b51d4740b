import { CoreV1Api } from "@kubernetes/client-node";
import { managementClusterOf } from "provider-guard/kubernetes";
import { describe, expect, it } from "vitest";
import { httpApi, send } from "./http-api.ts";

async function core(status: number, body: unknown) {
  const urls: (string | undefined)[] = [];
  const { config } = await httpApi(({ url }, response) => {
    urls.push(url);
    send(response, status, body);
  });
  return { api: config.makeApiClient(CoreV1Api), urls };
}

describe("managementClusterOf", () => {
  it("reads the UID of kube-system", async () => {
    const { api, urls } = await core(200, { metadata: { name: "kube-system", uid: "6f9c2a51" } });
    expect(await managementClusterOf(api)).toBe("6f9c2a51");
    expect(urls).toEqual(["/api/v1/namespaces/kube-system"]);
  });

  it("says which rule is missing when it is forbidden", async () => {
    const { api } = await core(403, { kind: "Status", code: 403, message: "token-abc may not" });
    await expect(managementClusterOf(api)).rejects.toMatchObject({
      code: "ERR_CONFIG_INVALID",
      retryable: false,
      message: expect.stringMatching(/resourceNames \["kube-system"\], verbs \["get"\]/),
      cause: { code: 403 },
    });
  });

  it("passes other errors on, and refuses an answer without a UID", async () => {
    const unavailable = await core(503, {});
    await expect(managementClusterOf(unavailable.api)).rejects.toMatchObject({ code: 503 });
    const strange = await core(200, { metadata: { name: "kube-system" } });
    await expect(managementClusterOf(strange.api)).rejects.toMatchObject({ code: "ERR_CONFIG_INVALID" });
  });

  it("ends when its signal aborts", async () => {
    const controller = new AbortController();
    const waiting = managementClusterOf({ readNamespace: () => new Promise(() => {}) }, { signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
  });
});
