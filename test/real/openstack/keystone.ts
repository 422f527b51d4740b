import { databaseUrl, type Layout, url } from "./layout.ts";
import { common } from "./sections.ts";

export const keystone = (layout: Layout, catalog: string) => `
[DEFAULT]
public_endpoint = ${url(layout, "keystone")}
notification_format = cadf
${common(layout, "keystone")}
[database]
connection = ${databaseUrl(layout, "keystone")}
[fernet_tokens]
key_repository = ${layout.directory}/keys
[fernet_receipts]
key_repository = ${layout.directory}/keys
[credential]
key_repository = ${layout.directory}/keys
[cache]
enabled = true
backend = dogpile.cache.memory
[identity]
password_hash_rounds = 4
${catalog}
`;

/** Endpoints by a template, since ports differ each time. */
export const fromTemplate = ({ directory }: Layout) => `[catalog]
driver = templated
template_file = ${directory}/catalog`;

export function catalog(layout: Layout): string {
  const endpoints = {
    identity: ["keystone", "/v3"],
    placement: ["placement", ""],
    compute: ["nova", "/v2.1"],
    image: ["glance", ""],
    network: ["neutron", ""],
  } as const;
  const lines = Object.entries(endpoints).flatMap(([type, [service, path]]) => [
    ...["public", "internal", "admin"].map(
      (name) => `catalog.RegionOne.${type}.${name}URL = ${url(layout, service)}${path}`,
    ),
    `catalog.RegionOne.${type}.name = ${service}`,
  ]);
  return lines.join("\n");
}
