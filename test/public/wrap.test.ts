import { createGuard, memoryState } from "provider-guard";
import { fetchAdapter } from "provider-guard/fetch";
import { object } from "provider-guard/object";
import { describe, expect, expectTypeOf, it } from "vitest";
import { AcmeClient, acme, acmeOptions, managementCluster, subject } from "../support/acme.ts";

describe("guard.wrap", () => {
  it("keeps the client's type, private fields, values and synchronous methods", async () => {
    const { client, raw } = await acme();
    expectTypeOf(client).toEqualTypeOf<AcmeClient>();
    expect(client).toBeInstanceOf(AcmeClient);
    expect(client.endpoint()).toBe("acme.example");
    expect(client.sent).toBe(raw.sent);
    expect(client.createServer).toBe(client.createServer);
  });

  it("returns the same client when it wraps again, the original or the wrapped one", async () => {
    const { guard, raw, client } = await acme();
    expect(guard.wrap(raw, object(acmeOptions))).toBe(client);
    expect(guard.wrap(client, object(acmeOptions))).toBe(client);
    await guard.reconcile(subject("a"), () => client.createServer({ name: "one" }));
    expect(raw.sent).toHaveLength(1);
  });

  it("refuses a client that another guard has wrapped", async () => {
    const { raw, client } = await acme();
    const { guard: other } = await acme();
    for (const face of [raw, client]) {
      expect(() => other.wrap(face, object(acmeOptions))).toThrow(
        expect.objectContaining({ code: "ERR_GUARD_ALREADY_WRAPPED" }),
      );
      expect(() => other.unwrap(face)).toThrow(expect.objectContaining({ code: "ERR_GUARD_ALREADY_WRAPPED" }));
    }
  });

  it("gives the client back as it was", async () => {
    const { guard, raw, client, journal } = await acme();
    expect(guard.unwrap(client)).toBe(raw);
    await client.createServer({ name: "by hand" });
    expect(raw.sent).toEqual([{ operation: "createServer", input: { name: "by hand" } }]);
    expect(journal.records.filter((record) => record.type !== "notice")).toEqual([]);
    const again = guard.wrap(raw, object(acmeOptions));
    await expect(again.createServer({ name: "outside" })).rejects.toMatchObject({ code: "ERR_OWNER_MISSING" });
  });

  it("leaves a client alone that was never wrapped", async () => {
    const { guard } = await acme();
    const stranger = new AcmeClient();
    expect(guard.unwrap(stranger)).toBe(stranger);
  });

  it("refuses an adapter for another kind of client", async () => {
    const { guard } = await acme();
    const routes = fetchAdapter({ cloud: "acme", routes: [] });
    // @ts-expect-error an object is no fetch, and the compiler says so as well
    expect(() => guard.wrap(new AcmeClient(), routes)).toThrow(
      expect.objectContaining({ code: "ERR_ADAPTER_MISMATCH", message: expect.stringContaining("fetch") }),
    );
    expect(() => guard.wrap(null as unknown as object, object(acmeOptions))).toThrow(
      expect.objectContaining({ code: "ERR_ADAPTER_MISMATCH" }),
    );
  });
});

describe("an adapter's own limits", () => {
  it.each([
    [{ name: "x", ratePerSecond: -1, burst: 1 }, "object.limits[0].ratePerSecond"],
    [{ name: "x", ratePerSecond: 1, burst: 0 }, "object.limits[0].burst"],
    [{ name: "x", ratePerSecond: Number.POSITIVE_INFINITY, burst: 1 }, "object.limits[0].ratePerSecond"],
    [{ name: "x", ratePerSecond: 1, burst: 1, per: ["hour" as never] }, "object.limits[0]"],
  ])("are checked before the client is hooked: %#", async (limit, path) => {
    const { guard } = await acme();
    const client = new AcmeClient();
    const wrap = () => guard.wrap(client, object({ ...acmeOptions, limits: [limit] }));
    expect(wrap).toThrow(
      expect.objectContaining({ code: "ERR_CONFIG_INVALID", message: expect.stringContaining(path) }),
    );
    expect(guard.unwrap(client)).toBe(client);
    expect(guard.wrap(client, object(acmeOptions))).not.toBe(client);
  });
});

describe("createGuard", () => {
  const owner = { managementCluster, provider: "infrastructure-acme" };
  it.each([
    [{}, "ERR_CONFIG_INVALID", "audit"],
    [{ owner, audit: false, limit: {} }, "ERR_CONFIG_INVALID", '"limit"'],
    [{ audit: false }, "ERR_OWNER_INVALID", "owner.managementCluster"],
    [{ owner: { ...owner, provider: "" }, audit: false }, "ERR_OWNER_INVALID", "owner.provider"],
    [{ owner, audit: false, mode: { own: "off" } }, "ERR_CONFIG_INVALID", "mode"],
    [
      { owner, audit: false, rateLimit: { rules: [{ name: "r", ratePerSecond: -1, burst: 1 }] } },
      "ERR_CONFIG_INVALID",
      "rateLimit.rules[0].ratePerSecond",
    ],
    [
      { owner, audit: false, rateLimit: { rules: [{ name: "r", ratePerSecond: 1, burst: Number.NaN }] } },
      "ERR_CONFIG_INVALID",
      "rateLimit.rules[0].burst",
    ],
    [{ owner, audit: false, circuitBreaker: { openMs: -5 } }, "ERR_CONFIG_INVALID", "circuitBreaker.openMs"],
    [{ owner, audit: false, ownership: { maxKnown: 0 } }, "ERR_CONFIG_INVALID", "ownership.maxKnown"],
    [{ owner, audit: "journal" }, "ERR_CONFIG_INVALID", "audit"],
    [{ owner, audit: false, interceptors: [{ name: "x", ring: "attempt" }] }, "ERR_CONFIG_INVALID", "interceptors[0]"],
  ])("names the path of a mistake: %#", async (options, code, path) => {
    await expect(createGuard(options as never)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(path),
    });
  });

  it("lets go of the journal when something fails once it is open", async () => {
    const { journal } = await acme();
    journal.closed = false;
    const state = memoryState();
    await state.close();
    await expect(createGuard({ owner, audit: journal, state })).rejects.toMatchObject({
      code: "ERR_STATE_UNAVAILABLE",
    });
    expect(journal.closed).toBe(true);
  });

  it("does not change the caller's options", async () => {
    const options = Object.freeze({ owner: Object.freeze({ ...owner }), audit: false, rateLimit: Object.freeze({}) });
    await expect(createGuard(options as never)).resolves.toBeDefined();
  });
});
