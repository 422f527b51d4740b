import { randomBytes } from "node:crypto";
import type { Binding, BootstrapStore, StoredItem } from "provider-guard/bootstrap";
import { describe, expect, it } from "vitest";

/** A store with nothing in it of the management clusters that the tests use. */
export interface MadeBootstrapStore {
  readonly store: BootstrapStore;
  /** Reads an item the way a machine does, or the store's users do: `undefined` where it is not there. */
  readonly read?: (name: string, binding: Binding) => Promise<Uint8Array | undefined>;
  /** Lets every request fail from now on, as if the service were gone. */
  readonly breakDown?: () => void | Promise<void>;
  /** Ends what this store needs. */
  readonly end?: () => void | Promise<void>;
}

/** Options of {@link bootstrapStoreContract}. */
export interface BootstrapStoreContractOptions {
  /** How many items one sealing has in the test of many. @defaultValue 25, or as many as the store takes */
  readonly many?: number;
  /** Largest item that is tried. @defaultValue the store's maxItemBytes, at most 1 MiB */
  readonly largest?: number;
}

const now = Math.floor(Date.now() / 1000) * 1000;

/** A binding of a machine of its own. */
export function testBinding(managementCluster = "mc-1", changes: Partial<Binding> = {}): Binding {
  const id = randomBytes(16).toString("hex");
  return {
    machine: {
      managementCluster,
      cluster: { namespace: "default", name: "prod", uid: "uid-prod" },
      machine: { namespace: "default", name: `prod-${id.slice(0, 5)}`, uid: `uid-${id}` },
    },
    id,
    format: "cloud-config",
    mode: "pointer",
    sealedAt: now,
    expiresAt: now + 3_600_000,
    ...changes,
  };
}

/** What is no item's name, and must not become a path, a query or somebody else's item. */
const hostileNames = [
  "",
  "..",
  "../../etc/passwd",
  `${"0".repeat(32)}`,
  `${"0".repeat(32)}/`,
  `${"0".repeat(32)}/../0`,
  `${"0".repeat(32)}/0\n`,
  `${"0".repeat(32)}/0?x=1`,
  `${"A".repeat(32)}/0`,
  `${"0".repeat(32)}/-1`,
  `${"0".repeat(32)}/01`,
  "*/0",
];

const all = async (items: AsyncIterable<StoredItem>) => {
  const found: StoredItem[] = [];
  for await (const item of items) found.push(item);
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
};
const namesOf = async (items: AsyncIterable<StoredItem>) => (await all(items)).map(({ name }) => name);

/** What every store of bootstrap data promises; each implementation runs it. */
export function bootstrapStoreContract(
  title: string,
  make: () => Promise<MadeBootstrapStore>,
  options: BootstrapStoreContractOptions = {},
): void {
  const using = (work: (made: MadeBootstrapStore) => Promise<void>) => async () => {
    const made = await make();
    try {
      await work(made);
    } finally {
      await made.end?.();
    }
  };

  describe(`the ${title} store of bootstrap data`, () => {
    it(
      "says what it is",
      using(async ({ store }) => {
        expect(store.name).toMatch(/^[a-z0-9][a-z0-9-]{0,62}$/);
        expect(Number.isSafeInteger(store.maxItemBytes) && store.maxItemBytes >= 1024).toBe(true);
        expect(Number.isSafeInteger(store.maxItems) && store.maxItems >= 1).toBe(true);
        expect(typeof store.expires).toBe("boolean");
      }),
    );

    it(
      "has what was put, and nothing else",
      using(async ({ store, read }) => {
        const binding = testBinding();
        const name = `${binding.id}/0`;
        const bytes = Uint8Array.from({ length: 1024 }, (_, index) => index % 256);
        expect(await store.has(name)).toBe(false);
        await store.put(name, bytes, binding);
        expect(await store.has(name)).toBe(true);
        expect(await store.has(`${binding.id}/1`)).toBe(false);
        expect(await store.has(`${testBinding().id}/0`)).toBe(false);
        if (read !== undefined) expect(Buffer.compare((await read(name, binding)) ?? Buffer.of(), bytes)).toBe(0);
      }),
    );

    it(
      "takes the largest item that it says it takes",
      using(async ({ store, read }) => {
        const binding = testBinding();
        const name = `${binding.id}/0`;
        const bytes = randomBytes(options.largest ?? Math.min(store.maxItemBytes, 2 ** 20));
        await store.put(name, bytes, binding);
        expect(await store.has(name)).toBe(true);
        if (read !== undefined) expect(Buffer.compare((await read(name, binding)) ?? Buffer.of(), bytes)).toBe(0);
      }),
    );

    it(
      "refuses an item that is larger, and has nothing of it",
      using(async ({ store }) => {
        const binding = testBinding();
        const name = `${binding.id}/0`;
        await expect(store.put(name, new Uint8Array(store.maxItemBytes + 1), binding)).rejects.toThrow();
        expect(await store.has(name)).toBe(false);
        expect(await namesOf(store.list({ managementCluster: "mc-1", id: binding.id }))).toEqual([]);
      }),
    );

    it(
      "takes the same item again, at the same time too, and no other one of its name",
      using(async ({ store, read }) => {
        const binding = testBinding();
        const name = `${binding.id}/0`;
        const bytes = randomBytes(300);
        await Promise.all([store.put(name, bytes, binding), store.put(name, bytes, binding)]);
        await store.put(name, bytes, binding);
        await expect(store.put(name, randomBytes(300), binding)).rejects.toThrow();
        if (read !== undefined) expect(Buffer.compare((await read(name, binding)) ?? Buffer.of(), bytes)).toBe(0);
      }),
    );

    it(
      "deletes for good, and says whether there was something",
      using(async ({ store, read }) => {
        const binding = testBinding();
        const names = [`${binding.id}/0`, `${binding.id}/1`] as const;
        for (const name of names) await store.put(name, randomBytes(100), binding);
        expect(await store.delete(names[0])).toBe(true);
        expect(await store.has(names[0])).toBe(false);
        expect(await store.has(names[1])).toBe(true);
        if (read !== undefined) expect(await read(names[0], binding)).toBeUndefined();
        expect(await store.delete(names[0])).toBe(false);
        expect(await store.delete(`${testBinding().id}/0`)).toBe(false);
        expect(await namesOf(store.list({ managementCluster: "mc-1", id: binding.id }))).toEqual([names[1]]);
        expect(await store.delete(names[1])).toBe(true);
        expect(await namesOf(store.list({ managementCluster: "mc-1", id: binding.id }))).toEqual([]);
      }),
    );

    it(
      "lists a management cluster's items, or one sealing's, with what they were put with",
      using(async ({ store }) => {
        const [mine, also, theirs] = [testBinding(), testBinding(), testBinding("mc-2")];
        for (const binding of [mine, also, theirs]) await store.put(`${binding.id}/0`, randomBytes(50), binding);
        const ids = [mine.id, also.id].sort();
        expect(await namesOf(store.list({ managementCluster: "mc-1" }))).toEqual(ids.map((id) => `${id}/0`));
        expect(await namesOf(store.list({ managementCluster: "mc-2" }))).toEqual([`${theirs.id}/0`]);
        expect(await namesOf(store.list({ managementCluster: "mc-1", id: theirs.id }))).toEqual([]);
        expect(await namesOf(store.list({ managementCluster: "mc" }))).toEqual([]); // no prefix
        const [item] = await all(store.list({ managementCluster: "mc-1", id: mine.id }));
        expect(item?.name).toBe(`${mine.id}/0`);
        if (item?.machineUid !== undefined) expect(item.machineUid).toBe(mine.machine.machine.uid);
        if (item?.expiresAt !== undefined) expect(item.expiresAt).toBe(mine.expiresAt);
        // One of both must be known, or nothing ever tells that an item without a record is old.
        expect(item?.expiresAt ?? item?.createdAt).toBeTypeOf("number");
      }),
    );

    it(
      "lists more items than any page holds, each once",
      using(async ({ store }) => {
        const binding = testBinding();
        const count = Math.min(store.maxItems, options.many ?? 25);
        const names = Array.from({ length: count }, (_, index) => `${binding.id}/${index}`);
        for (const name of names) await store.put(name, Buffer.from(name), binding);
        const listed = await namesOf(store.list({ managementCluster: "mc-1", id: binding.id }));
        expect(listed).toEqual([...names].sort());
        expect(await namesOf(store.list({ managementCluster: "mc-1" }))).toEqual(listed);
      }),
    );

    it(
      "refuses names that are none, and touches nothing",
      using(async ({ store }) => {
        const binding = testBinding("mc-1", { id: "0".repeat(32) });
        await store.put(`${binding.id}/0`, randomBytes(50), binding);
        for (const name of hostileNames) {
          await expect(store.put(name, randomBytes(50), binding), name).rejects.toMatchObject({
            code: "ERR_CONFIG_INVALID",
          });
          expect(await store.has(name).catch(() => false), name).toBe(false);
          expect(await store.delete(name).catch(() => false), name).toBe(false);
        }
        expect(await namesOf(store.list({ managementCluster: "mc-1" }))).toEqual([`${binding.id}/0`]);
      }),
    );

    it(
      "does nothing for a signal that has aborted, and rejects with its reason",
      using(async ({ store }) => {
        const binding = testBinding();
        const name = `${binding.id}/0`;
        const reason = new Error("enough");
        const signal = AbortSignal.abort(reason);
        await expect(store.put(name, randomBytes(50), binding, { signal })).rejects.toBe(reason);
        expect(await store.has(name)).toBe(false);
        await store.put(name, randomBytes(50), binding);
        await expect(store.delete(name, { signal })).rejects.toBe(reason);
        await expect(store.has(name, { signal })).rejects.toBe(reason);
        await expect(namesOf(store.list({ managementCluster: "mc-1", signal }))).rejects.toBe(reason);
        expect(await store.has(name)).toBe(true);
      }),
    );

    it(
      "rejects, never answers, while it cannot be reached",
      using(async ({ store, breakDown }) => {
        if (breakDown === undefined) return;
        const binding = testBinding();
        const name = `${binding.id}/0`;
        await store.put(name, randomBytes(50), binding);
        await breakDown();
        const operations = [
          () => store.put(`${binding.id}/1`, randomBytes(50), binding),
          () => store.delete(name),
          () => store.has(name),
          () => namesOf(store.list({ managementCluster: "mc-1" })),
        ];
        for (const operation of operations) {
          const error = await operation().then(
            () => undefined,
            (failure: { code?: string; retryable?: boolean }) => failure,
          );
          expect(error).toBeDefined();
          if (error?.code === "ERR_BOOTSTRAP_STORE_UNAVAILABLE") expect(error.retryable).toBe(true);
        }
      }),
    );

    it(
      "tells a machine how to fetch and to forget, or that it cannot",
      using(async ({ store }) => {
        const part = await store.opener(testBinding());
        if (part === undefined) return;
        expect(part.script).toMatch(/^pg_fetch\(\)/m);
        expect(`${part.script}${part.later ?? ""}`).toMatch(/^pg_forget\(\)/m);
        for (const name of Object.keys(part.settings ?? {})) expect(name).toMatch(/^pg_[a-z0-9_]+$/);
      }),
    );
  });
}
