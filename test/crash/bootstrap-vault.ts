import type { Clock, StateStore } from "provider-guard";
import { type BootstrapVault, bootstrapVault, directoryStore, localKeyWrap } from "provider-guard/bootstrap";

export const managementCluster = "mc-uid";
const cluster = { namespace: "default", name: "prod", uid: "uid-prod" };

export const machineOf = (name: string) => ({ namespace: "default", name, uid: `uid-${name}` });

/** Hard to compress, and long enough for several items. */
export const dataOf = (name: string) =>
  `#!/bin/sh\n# ${Array.from({ length: 400 }, (_, index) => Math.imul(index + name.length, 2_654_435_761).toString(36)).join("")}\n`;

export const request = (machine: ReturnType<typeof machineOf>, data: string, ttlMs = 3_600_000) =>
  ({ cluster, machine, data, format: "script", ttlMs }) as const;

/** A vault on a folder, as each process has it. */
export function bootstrapVaultFor(folder: string, state: StateStore, publicKey: string, clock?: Clock): BootstrapVault {
  const store = directoryStore({ path: `${folder}/items`, machinePath: "/mnt/items", maxItemBytes: 1024 });
  const wrap = localKeyWrap({ publicKey, path: "/etc/acme/image.key" });
  const cloud = { name: "acme", maxUserDataBytes: 65_536 };
  const clocked = clock === undefined ? {} : { clock };
  // A sealing that a killed process left is replaced soon: nothing here is slow.
  return bootstrapVault({ managementCluster, cloud, state, store, wrap, abandonedMs: 1000, ...clocked });
}
