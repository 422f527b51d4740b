import { gunzipSync } from "node:zlib";
import type { BootstrapStore, BootstrapVaultOptions } from "provider-guard/bootstrap";
import { describe, expect, it } from "vitest";
import {
  canary,
  fakeMetadata,
  itemsOf,
  kubeadmData,
  machine,
  makeWorld,
  request,
  smallStore,
  textOf,
} from "./vault-world.ts";

type Changes = Partial<BootstrapVaultOptions>;

const { metadata } = fakeMetadata();
const noStore = "no store is given";
const noWrap = "no wrap is given";
const notAws = "user data of a running machine cannot be overwritten on aws";
const notAllowed = "it is not allowed (allowPlain)";
const nobody = "nothing is given that overwrites user data (metadata)";
const without = { store: undefined as never, wrap: undefined as never };
const ignition = { format: "ignition", data: '{"ignition":{"version":"3.4.0"}}' };
const source = () => ({ source: "https://bootstrap.example.com/1", httpHeaders: [{ name: "X-Token", value: "t" }] });
const plain: Changes = { cloud: "azure", allowPlain: true, metadata };
const openssl1 = "the image's OpenSSL is 1.1.1n, and only 3.0 or later decrypts AuthEnvelopedData";
const cloudInit = "the image's cloud-init is 20.4.1, older than 21.4, the oldest that the opener was run on";
const lacks = "the image lacks mount, umount";

const withStore = (changes: Partial<BootstrapStore>): Changes => {
  const store = smallStore(makeWorld().clock);
  return { store: { ...store, ...changes } };
};

/** Says which options and request, and the mode that comes of it, or the reason for each: pointer, inline, plain. */
const table: readonly (readonly [string, Changes, object, string | readonly (string | RegExp)[]])[] = [
  ["all there is", {}, {}, "pointer"],
  ["all there is, and plain allowed", plain, {}, "pointer"],
  ["no store", { store: without.store }, {}, "inline"],
  ["no wrap", { wrap: without.wrap }, {}, [noWrap, noWrap, notAws]],
  ["neither", without, {}, [noStore, noWrap, notAws]],
  ["neither, on azure", { ...without, cloud: "azure" }, {}, [noStore, noWrap, nobody]],
  ["neither, with metadata", { ...without, cloud: "azure", metadata }, {}, [noStore, noWrap, notAllowed]],
  [
    "neither, plain allowed without metadata",
    { ...without, cloud: "gcp", allowPlain: true },
    {},
    [noStore, noWrap, nobody],
  ],
  ["neither, plain allowed", { ...without, ...plain }, {}, "plain"],
  ["neither, plain allowed, on gcp", { ...without, ...plain, cloud: "gcp" }, {}, "plain"],
  ["neither, plain allowed, on vsphere", { ...without, ...plain, cloud: "vsphere" }, {}, "plain"],
  ...(["aws", "hetzner", "openstack"] as const).map(
    (cloud) =>
      [
        `neither, plain allowed, on ${cloud}`,
        { ...without, ...plain, cloud },
        {},
        [noStore, noWrap, `user data of a running machine cannot be overwritten on ${cloud}`],
      ] as const,
  ),
  [
    "a cloud of one's own",
    { ...without, ...plain, cloud: { name: "acme", maxUserDataBytes: 2048, overwritable: true } },
    {},
    "plain",
  ],
  [
    "a cloud of one's own that keeps user data",
    { ...without, ...plain, cloud: { name: "acme", maxUserDataBytes: 2048 } },
    {},
    [noStore, noWrap, "user data of a running machine cannot be overwritten on acme"],
  ],
  [
    "a cloud without room",
    { cloud: { name: "acme", maxUserDataBytes: 1024 } },
    {},
    [/^user data would have \d+ bytes; acme takes 1024$/, /^user data would have|too many/, "acme"],
  ],
  ["an image with OpenSSL 1.1", {}, { image: { openssl: "1.1.1n" } }, [openssl1, openssl1, notAws]],
  ["an image with OpenSSL 1.1, plain allowed", plain, { image: { openssl: "1.1.1n" } }, "plain"],
  ["an image with OpenSSL 3.0", {}, { image: { openssl: "3.0.11" } }, "pointer"],
  ["an image with OpenSSL 10", {}, { image: { openssl: "10.1" } }, "pointer"],
  ["an image with an old cloud-init", {}, { image: { cloudInit: "20.4.1" } }, [cloudInit, cloudInit, notAws]],
  ["an image with a cloud-init that will do", {}, { image: { cloudInit: "21.4" } }, "pointer"],
  ["a script, whatever cloud-init there is", {}, { format: "script", image: { cloudInit: "20.4.1" } }, "pointer"],
  ["an image without mount", {}, { image: { tools: ["openssl", "gzip"] } }, [lacks, lacks, notAws]],
  ["an image with all tools", {}, { image: { tools: ["openssl", "gzip", "mount", "umount"] } }, "pointer"],
  [
    "a store that needs curl, and an image without",
    withStore({ opener: async () => ({ script: "pg_fetch() { :; }\npg_forget() { :; }", needs: ["http"] }) }),
    { image: { tools: ["openssl", "gzip", "mount", "umount"] } },
    "inline",
  ],
  ["a store that no machine reaches", withStore({ opener: async () => undefined }), {}, "inline"],
  ["a store without room", withStore({ maxItems: 1, maxItemBytes: 256 }), {}, "inline"],
  [
    "a store and user data without room",
    withStore({ maxItems: 1, maxItemBytes: 256 }),
    { data: kubeadmData(60_000) },
    ["too many for 1 of 256 bytes", "too many for 1 of 16384 bytes", notAws],
  ],
  [
    "cloud-config for an image with Ignition",
    {},
    { image: { opener: "ignition" } },
    ["the image's opener, ignition, does not take cloud-config", "does not take cloud-config", notAws],
  ],
  ["a script for an image with cloud-init", {}, { format: "script", image: { opener: "cloud-init" } }, "pointer"],
  ["Ignition without a store", { store: without.store }, ignition, [noStore, "Ignition decrypts nothing", notAws]],
  [
    "Ignition with a store that it cannot read",
    {},
    ignition,
    ["Ignition cannot read from the store small", "Ignition decrypts nothing", notAws],
  ],
  [
    "Ignition with its store, and no wrap",
    { ...withStore({ ignition: source }), wrap: without.wrap },
    ignition,
    "pointer",
  ],
  ["Ignition, plain allowed", { ...without, ...plain }, ignition, "plain"],
  [
    "Ignition for an image with cloud-init",
    withStore({ ignition: source }),
    { ...ignition, image: { opener: "cloud-init" } },
    ["the image's opener, cloud-init, does not take ignition", "Ignition decrypts nothing", notAws],
  ],
  [
    "Ignition with more than an item holds",
    withStore({ ignition: source }),
    { ...ignition, data: kubeadmData(5000) },
    ["are too many for an item of the store small: 300", "Ignition decrypts nothing", notAws],
  ],
  ["inline, asked for", {}, { mode: "inline" }, "inline"],
  ["plain, asked for and allowed", plain, { mode: "plain" }, "plain"],
  ["plain, asked for", {}, { mode: "plain" }, ["possible, and not asked for", "possible, and not asked for", notAws]],
  [
    "pointer, asked for without a store",
    { ...plain, store: without.store },
    { mode: "pointer" },
    [noStore, "possible, and not asked for", "possible, and not asked for"],
  ],
];

describe("the mode", () => {
  it.each(table)("with %s", async (_, options, changes, expected) => {
    const { vault, state, store } = makeWorld(options);
    const sealing = vault.seal(request(changes)).then(
      ({ mode }) => mode,
      (error: unknown) => error,
    );
    const result = await sealing;
    if (typeof expected === "string") return expect(result).toBe(expected);
    expect(result).toMatchObject({ code: "ERR_BOOTSTRAP_IMPOSSIBLE", retryable: false });
    const { message } = result as Error;
    const [, pointer, inline, plainly] = /: pointer: (.*); inline: (.*); plain: (.*)$/.exec(message) ?? [];
    for (const [index, reason] of [pointer, inline, plainly].entries()) {
      const wanted = expected[index] as string | RegExp;
      expect(reason).toEqual(
        typeof wanted === "string" ? expect.stringContaining(wanted) : expect.stringMatching(wanted),
      );
    }
    expect(message).toContain("default/prod-1");
    expect(message).not.toContain(canary);
    expect(await textOf(state)).toBe("");
    expect(await itemsOf(store)).toEqual([]);
    return undefined;
  });

  it.each([
    ["aws", 16_384],
    ["azure", 65_535],
    ["gcp", 196_608],
    ["hetzner", 24_576],
    ["openstack", 49_149],
    ["vsphere", 393_216],
  ] as const)("inline on %s keeps within the cloud's limit to the byte", async (cloud, room) => {
    const sizeOf = async (data: string, bytes: number) => {
      const { vault } = makeWorld({ store: undefined as never, cloud: { name: "acme", maxUserDataBytes: bytes } });
      const made = await vault.seal(request({ data, format: "script" })).catch(() => undefined);
      return made?.userData.length;
    };
    const data = kubeadmData(5_000);
    const size = (await sizeOf(data, 1_000_000)) as number;
    expect(await sizeOf(data, size + 64)).toBeGreaterThan(0); // ciphertexts differ by a few bytes of DER
    expect(await sizeOf(data, size - 64)).toBeUndefined();
    const { vault } = makeWorld({ store: undefined as never, cloud });
    const large = await vault.seal(request({ data: kubeadmData(room), format: "script" })).catch((error) => error);
    expect(large.code ?? large.userData.length <= room).toSatisfy(
      (seen: unknown) => seen === true || seen === "ERR_BOOTSTRAP_IMPOSSIBLE",
    );
  });

  it("hands Ignition a config without anything of the data, and the store what Ignition decompresses", async () => {
    const world = makeWorld();
    const store = { ...world.store, ignition: source };
    const data = JSON.stringify({ ignition: { version: "3.4.0" }, passwd: canary });
    const { userData } = await world.again({ store }).seal(request({ format: "ignition", data }));
    const text = Buffer.from(userData).toString();
    expect(text).not.toContain(canary);
    expect(JSON.parse(text).ignition.config.replace).toMatchObject({ compression: "gzip", ...source() });
    const [name] = await itemsOf(store);
    expect(gunzipSync((await store.get(name as string)) as Uint8Array).toString()).toBe(data);
  });

  it("plain gives the data as it is, says so each time it hands it out anew, and keeps none of it", async () => {
    const { vault, eventsOf, state, clock } = makeWorld({ ...without, ...plain });
    const first = await vault.seal(request());
    expect(Buffer.from(first.userData).toString()).toBe(kubeadmData());
    expect(await vault.seal(request())).toEqual(first);
    expect(eventsOf("plain")).toEqual([
      {
        type: "plain",
        machine,
        mode: "plain",
        message: "bootstrap data of default/prod-1 is in its user data unprotected until clean-up",
        expiresAt: clock.now() + 3_600_000,
      },
    ]);
    expect(eventsOf("sealed")).toEqual([]);
    expect(await textOf(state)).not.toContain(canary);
  });
});
