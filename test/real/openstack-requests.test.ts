import { afterAll, beforeAll, expect, it } from "vitest";
import { alice, tokenOf } from "./openstack/cloud.ts";
import { describeWithOpenStack, type OpenStack, startOpenStack } from "./openstack.ts";

describeWithOpenStack("OpenStack's own trail", (versions) => {
  let cloud: OpenStack;
  beforeAll(async () => {
    cloud = await startOpenStack(versions);
  }, 400_000);
  afterAll(() => cloud?.stop());

  it("names a request in the answer and in the log by the same id", async () => {
    const { endpoints, flavor, image } = cloud;
    const { token } = await tokenOf(endpoints, alice);
    const answer = await fetch(`${endpoints.compute}/servers`, {
      method: "POST",
      headers: { "x-auth-token": token, "content-type": "application/json", "openstack-api-version": "compute 2.90" },
      body: JSON.stringify({ server: { name: "one", flavorRef: flavor, imageRef: image, networks: "none" } }),
    });
    expect(answer.status).toBe(202);
    expect(cloud.log("nova")).toContain(`${answer.headers.get("x-openstack-request-id")}`);
  });
});
