import { randomBytes } from "node:crypto";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { glance, glancePaste } from "./glance.ts";
import { catalog, fromTemplate, keystone } from "./keystone.ts";
import type { Layout } from "./layout.ts";
import { neutron, neutronPaste } from "./neutron.ts";
import { nova, novaPaste, placement } from "./nova.ts";

const rabbit = ({ ports }: Layout) => `
listeners.tcp.1 = 127.0.0.1:${ports.rabbit}
log.console = true
log.file = false
`;

/** Writes what the services read before they start. */
export async function configure(layout: Layout): Promise<void> {
  const { directory } = layout;
  const info = "loopback_ml2-1.0.dist-info";
  for (const folder of [
    "images",
    "keys",
    "locks",
    "neutron",
    "nova",
    "placement",
    `python/${info}`,
    "rabbit",
    "staging",
  ])
    await mkdir(join(directory, folder), { recursive: true });
  const files: Record<string, string> = {
    "keys/0": randomBytes(32).toString("base64url").concat("="),
    "keys/1": randomBytes(32).toString("base64url").concat("="),
    catalog: catalog(layout),
    "bootstrap.conf": keystone(layout, ""),
    "keystone.conf": keystone(layout, fromTemplate(layout)),
    "placement/placement.conf": placement(layout),
    "nova/nova.conf": nova(layout),
    "nova/api-paste.ini": novaPaste,
    "glance-api.conf": glance(layout),
    "glance-api-paste.ini": glancePaste,
    "neutron.conf": neutron(layout),
    "neutron-api-paste.ini": neutronPaste,
    "rabbitmq.conf": rabbit(layout),
    enabled_plugins: "[].",
    [`python/${info}/METADATA`]: "Metadata-Version: 2.1\nName: loopback-ml2\nVersion: 1.0\n",
    [`python/${info}/entry_points.txt`]: "[neutron.ml2.mechanism_drivers]\nbind_anything = loopback_ml2:BindAnything\n",
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text, { mode: 0o600 });
  await copyFile(fileURLToPath(new URL("loopback_ml2.py", import.meta.url)), join(directory, "python/loopback_ml2.py"));
}
