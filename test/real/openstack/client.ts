import { plainTags, type TagCodec, type Tags } from "provider-guard";
import { type FetchLike, fetchAdapter, type Route } from "provider-guard/fetch";
import type { Endpoints } from "./cloud.ts";

/** Keys of nova's metadata may have no slash. */
const metadataTags: TagCodec = {
  prefix: plainTags.prefix.replace("/", ":"),
  encode: (...owner) => renamed(plainTags.encode(...owner), "/", ":"),
  decode: (tags) => plainTags.decode(renamed(tags, ":", "/")),
};
const renamed = (tags: Tags, from: string, to: string): Tags =>
  Object.fromEntries(Object.entries(tags).map(([key, value]) => [key.replace(from, to), value]));

const create = { method: "POST", kind: "create" } as const;
const routes: readonly Route[] = [
  { ...create, operation: "CreateServer", path: "/v2.1/servers", tags: "server.metadata" },
  { ...create, operation: "CreateSecurityGroup", path: "/v2.0/security-groups" },
  { ...create, operation: "CreateImage", path: "/v2/images" },
  { ...create, operation: "CreateApplicationCredential", path: "/v3/users/{user}/application_credentials" },
  { operation: "SetMetadata", method: "POST", path: "/v2.1/servers/{id}/metadata", kind: "update", targets: ["id"] },
  { operation: "DeleteServer", method: "DELETE", path: "/v2.1/servers/{id}", kind: "delete", targets: ["id"] },
  { operation: "GetServer", method: "GET", path: "/v2.1/servers/{id}", kind: "read" },
];

/** What cannot be tagged, and is made all the same. */
export const untaggable = ["CreateSecurityGroup", "CreateImage", "CreateApplicationCredential"];

/** Guards a `fetch` that speaks to OpenStack, with a token from a lease. */
export const openStackAdapter = ({ compute }: Endpoints, token: () => Promise<string>) =>
  fetchAdapter({
    cloud: "openstack",
    routes,
    codec: metadataTags,
    authorize: (value) => ({ "x-auth-token": String(value) }),
    async read(id, fetch) {
      const answer = await fetch(`${compute}/servers/${id}`, { headers: { "x-auth-token": await token() } });
      if (answer.status === 404) return undefined;
      return ((await answer.json()) as { server: { metadata: Tags } }).server.metadata;
    },
  });

/** Sends JSON, and reads JSON, with any `fetch`. */
export async function sendJson(
  fetch: FetchLike,
  method: string,
  url: string,
  body?: object,
  headers: Readonly<Record<string, string>> = {},
) {
  const answer = await fetch(url, {
    method,
    headers: { "content-type": "application/json", "openstack-api-version": "compute 2.90", ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return {
    status: answer.status,
    requestId: answer.headers.get("x-openstack-request-id") ?? "",
    body: text === "" ? undefined : (JSON.parse(text) as Record<string, Record<string, string>>),
  };
}
