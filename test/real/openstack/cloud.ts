import { servicePassword } from "./layout.ts";

/** Where the services are. */
export type Endpoints = Readonly<Record<"identity" | "compute" | "image" | "network", string>>;

/** Who signs in, to which project. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
  readonly project: string;
}

/** The provider's user. */
export const provider: Credentials = { user: "provider", password: "provider-secret", project: "demo" };
/** A person of the same project. */
export const alice: Credentials = { user: "alice", password: "alice-secret", project: "demo" };

/** A cloud that has been made ready: who may use it, and what a server is made of. */
export interface Cloud {
  readonly endpoints: Endpoints;
  readonly project: string;
  readonly flavor: string;
  readonly image: string;
  readonly network: string;
}

/** A token, and the id of the user that it is of. */
export async function tokenOf(
  { identity }: Endpoints,
  { user, password, project }: Credentials,
): Promise<{ token: string; user: string }> {
  const domain = { id: "default" };
  const answer = await fetch(`${identity}/auth/tokens`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      auth: {
        identity: { methods: ["password"], password: { user: { name: user, domain, password } } },
        scope: { project: { name: project, domain } },
      },
    }),
  });
  if (!answer.ok) throw new Error(`no token for ${user}: ${answer.status} ${await answer.text()}`);
  const body = (await answer.json()) as { token: { user: { id: string } } };
  return { token: answer.headers.get("x-subject-token") ?? "", user: body.token.user.id };
}

/** Signed in as somebody, to make things. */
async function maker(endpoints: Endpoints, credentials: Credentials) {
  const { token } = await tokenOf(endpoints, credentials);

  async function send(method: string, url: string, body?: unknown, type = "application/json"): Promise<unknown> {
    const answer = await fetch(url, {
      method,
      headers: { "x-auth-token": token, "content-type": type },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  }
  return {
    send,
    /** Makes something, and resolves to its id. */
    async make(url: string, kind: string, body: object): Promise<string> {
      const made = (await send("POST", url, { [kind]: body })) as Record<string, { id: string }>;
      return (made[kind] as { id: string }).id;
    },
  };
}

/** Makes the services' users, and the provider's and Alice's in a project. @returns The project's id. */
export async function seedIdentity(endpoints: Endpoints, admin: Credentials): Promise<string> {
  const { identity } = endpoints;
  const { send, make } = await maker(endpoints, admin);
  const { roles: known } = (await send("GET", `${identity}/roles`)) as { roles: { id: string; name: string }[] };
  const roles = new Map(known.map(({ id, name }) => [name, id]));
  roles.set("service", roles.get("service") ?? (await make(`${identity}/roles`, "role", { name: "service" })));

  const project = (name: string) => make(`${identity}/projects`, "project", { name, domain_id: "default" });
  async function user(name: string, password: string, of: string, granted: readonly string[]): Promise<void> {
    const id = await make(`${identity}/users`, "user", { name, password, domain_id: "default" });
    for (const role of granted) await send("PUT", `${identity}/projects/${of}/users/${id}/roles/${roles.get(role)}`);
  }
  const service = await project("service");
  for (const name of ["nova", "placement", "glance", "neutron"])
    await user(name, servicePassword, service, ["admin", "service"]);
  const demo = await project(provider.project);
  for (const { user: name, password } of [provider, alice]) await user(name, password, demo, ["member"]);
  return demo;
}

/** Makes what a server is made of. */
export async function seedResources(
  endpoints: Endpoints,
  admin: Credentials,
  project_id: string,
): Promise<Pick<Cloud, "flavor" | "image" | "network">> {
  const { compute, image, network } = endpoints;
  const { send, make } = await maker(endpoints, admin);
  const blank = { name: "blank", disk_format: "raw", container_format: "bare", visibility: "public" };
  const { id } = (await send("POST", `${image}/images`, blank)) as { id: string };
  await send("PUT", `${image}/images/${id}/file`, "x".repeat(4096), "application/octet-stream");
  const lan = await make(`${network}/networks`, "network", { name: "lan", project_id });
  await make(`${network}/subnets`, "subnet", { network_id: lan, ip_version: 4, cidr: "192.0.2.0/24", project_id });
  const flavor = await make(`${compute}/flavors`, "flavor", { name: "m1.nano", ram: 128, vcpus: 1, disk: 1 });
  return { flavor, image: id, network: lan };
}
