import { describe, expect, it } from "vitest";
import { plainTags } from "../../src/ownership/plain-tags.ts";

const owner = {
  managementCluster: "mc-uid",
  provider: "infrastructure-acme",
  cluster: { namespace: "default", name: "a", uid: "uid-a" },
  machine: { namespace: "default", name: "m", uid: "uid-m" },
};

describe("plain owner tags", () => {
  it("say again what they were told", () => {
    expect(plainTags.decode(plainTags.encode(owner, 1_700_000_000_999, "intent-1"))).toEqual({
      managementCluster: "mc-uid",
      provider: "infrastructure-acme",
      clusterNamespace: "default",
      clusterName: "a",
      clusterUid: "uid-a",
      machineName: "m",
      machineUid: "uid-m",
      createdAt: 1_700_000_000,
      intent: "intent-1",
    });
  });

  it("keep every key and value within what clouds with plain tags allow", () => {
    for (const [key, value] of Object.entries(plainTags.encode(owner, 0, "x"))) {
      expect(key).toMatch(/^provider-guard\/[a-z-]{1,63}$/);
      expect(value).toMatch(/^[A-Za-z0-9._-]{1,256}$/);
    }
  });

  it("name no owner where half of it is missing, and no time where it is not a time", () => {
    expect(plainTags.decode({ "provider-guard/provider": "x" })).toBeUndefined();
    expect(plainTags.decode({ name: "x" })).toBeUndefined();
    const tags = { ...plainTags.encode(owner, 5000, "x"), "provider-guard/created-at": "soon" };
    expect(plainTags.decode(tags)).not.toHaveProperty("createdAt");
  });
});
