import { generateKeyPairSync, sign } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { memoryState, type StateStore } from "provider-guard";
import {
  type BootstrapEvent,
  type BootstrapSigner,
  type BootstrapStore,
  type BootstrapVault,
  type BootstrapVaultOptions,
  bootstrapVault,
  type KeyWrap,
  localKeyWrap,
  memoryStore,
  type ReadableBootstrapStore,
} from "provider-guard/bootstrap";
import { type SimulatedClock, simulatedClock } from "provider-guard/testing";

const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });

const signing = generateKeyPairSync("ed25519");
const localWrap = localKeyWrap({ publicKey, path: "/etc/acme/image.key" });

/** Sealings that are on the thread pool: virtual time stands still for them. */
const busy = new Set<string>();

const wrap: KeyWrap = {
  ...localWrap,
  opener(binding) {
    busy.add(binding.id);
    return localWrap.opener(binding);
  },
};
const signer: BootstrapSigner = {
  publicKey: signing.publicKey.export({ format: "pem", type: "spki" }) as string,
  async sign(bytes) {
    busy.delete(/^id (\S+)$/m.exec(Buffer.from(bytes).toString())?.[1] ?? "");
    return sign(null, bytes, signing.privateKey);
  },
};

/** For `advance` and `runUntil` of the clock where something may be sealed meanwhile. */
export const settling = {
  async settle(): Promise<boolean> {
    await setImmediate();
    return busy.size > 0;
  },
};

export const managementCluster = "6f9c2a51-7d0e-4a3b-9f0a-2c1d5e8b7a90";
export const cluster = { namespace: "default", name: "prod", uid: "uid-prod" };
export const machineNamed = (name: string) => ({ namespace: "default", name, uid: `uid-${name}` });
export const machine = machineNamed("prod-1");
export const minute = 60_000;
export const hour = 60 * minute;

/** Stands for everything that must not be found anywhere: also within a chunk's size of random text. */
export const canary = "CANARY-5f1d0c";
export const tokenId = "abcdef";
export const token = `${tokenId}.0123456789abcdef`;

/** Bootstrap data like kubeadm's, as long as asked for and hard to compress. */
export function kubeadmData(bytes = 500, seed = "a"): string {
  let state = [...seed].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) >>> 0, 7);
  let filler = "";
  while (filler.length < bytes) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    filler += state.toString(36);
  }
  return `#cloud-config\n# ${canary}\nruncmd:\n- kubeadm join --token ${token}\n# ${filler.slice(0, bytes)}\n`;
}

export const request = (changes: object = {}) =>
  ({ cluster, machine, data: kubeadmData(), format: "cloud-config", ...changes }) as const;

/** A store in memory that machines reach, with items so small that data has several. */
export function smallStore(clock: SimulatedClock, maxItemBytes = 300): ReadableBootstrapStore {
  const store = memoryStore({ clock });
  const script = "pg_fetch() { return 1; }\npg_forget() { return 0; }\n";
  return { ...store, name: "small", maxItemBytes, maxItems: 50, opener: async () => ({ script }) };
}

export async function itemsOf(store: BootstrapStore, of = managementCluster): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of store.list({ managementCluster: of })) names.push(name);
  return names.sort();
}

/** What a promise rejects with; `undefined` where it does not. */
export const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

/** The id of a sealing: the items of it begin so. */
export const idOf = (handle: string) => handle.split("/")[1] as string;

/** What a state holds, as one text. */
export async function textOf(state: StateStore): Promise<string> {
  let text = "";
  for await (const [key, { value }] of state.scan("")) text += `${key}=${value}\n`;
  return text;
}

/** A vault, with what it stands on and what it said. */
export interface World {
  readonly clock: SimulatedClock;
  readonly state: StateStore;
  readonly store: ReadableBootstrapStore;
  readonly vault: BootstrapVault;
  readonly events: BootstrapEvent[];
  /** Tokens that were revoked, in order. */
  readonly revoked: string[];
  /** Another vault on the same state and store, as another replica or the next process has it. */
  again(changes?: Partial<BootstrapVaultOptions>): BootstrapVault;
  eventsOf(type: BootstrapEvent["type"]): BootstrapEvent[];
}

export function makeWorld(changes: Partial<BootstrapVaultOptions> = {}): World {
  const clock = simulatedClock();
  const state = memoryState({ clock });
  const store = smallStore(clock);
  const events: BootstrapEvent[] = [];
  const revoked: string[] = [];
  const again = (more: Partial<BootstrapVaultOptions> = {}) =>
    bootstrapVault({
      managementCluster,
      cloud: "aws",
      state,
      store,
      wrap,
      signer,
      clock,
      onEvent: (event) => events.push(event),
      revokeToken: async (id) => {
        revoked.push(id);
      },
      ...changes,
      ...more,
    });
  return {
    clock,
    state,
    store,
    vault: again(),
    events,
    revoked,
    again,
    eventsOf: (type) => events.filter((event) => event.type === type),
  };
}

/** Metadata of machines that can be overwritten; a machine has what it was started with. */
export function fakeMetadata() {
  const userData = new Map<string, string>();
  const calls: string[] = [];
  return {
    userData,
    calls,
    metadata: {
      overwrite: async ({ machine: { uid } }: { machine: { uid: string } }) => {
        calls.push("overwrite");
        if (userData.has(uid)) userData.set(uid, "#cloud-config\n");
      },
      isClean: async ({ machine: { uid } }: { machine: { uid: string } }) => {
        calls.push("isClean");
        return !(userData.get(uid) ?? "").includes(canary);
      },
    },
  };
}
