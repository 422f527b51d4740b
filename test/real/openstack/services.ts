import { setTimeout as sleep } from "node:timers/promises";
import { type Credentials, type Endpoints, seedIdentity, seedResources, tokenOf } from "./cloud.ts";
import type { Daemons } from "./daemons.ts";
import { adminPassword, type Layout } from "./layout.ts";
import { nova, python, uwsgi } from "./programs.ts";

const admin: Credentials = { user: "admin", password: adminPassword, project: "admin" };

/** Waits for the hypervisor, which comes when compute has reported and the scheduler has looked. */
async function hypervisor(endpoints: Endpoints, timeoutMs = 60_000): Promise<void> {
  const { token } = await tokenOf(endpoints, admin);
  for (const deadline = performance.now() + timeoutMs; performance.now() < deadline; await sleep(200)) {
    const answer = await fetch(`${endpoints.compute}/os-hypervisors`, { headers: { "x-auth-token": token } });
    const { hypervisors } = (await answer.json()) as { hypervisors?: unknown[] };
    if (hypervisors?.length === 1) return;
  }
  throw new Error("nova has no hypervisor");
}

/** Starts the services on databases and a queue that are there, and makes what the tests use. */
export async function startServices({ directory, ports }: Layout, daemons: Daemons) {
  const url = (service: keyof Layout["ports"]) => `http://127.0.0.1:${ports[service]}`;
  const endpoints: Endpoints = {
    identity: `${url("keystone")}/v3`,
    compute: `${url("nova")}/v2.1`,
    image: `${url("glance")}/v2`,
    network: `${url("neutron")}/v2.0`,
  };
  const wsgi = (service: "keystone" | "placement" | "nova", application: string, env: NodeJS.ProcessEnv) =>
    daemons.start(service, uwsgi(application, ports[service]), ports[service], env);

  await wsgi("keystone", "keystone.server.wsgi:initialize_public_application()", {
    OS_KEYSTONE_CONFIG_FILES: `${directory}/keystone.conf`,
  });
  const project = await seedIdentity(endpoints, admin); // the others sign in as they start
  const placementConfig = { OS_PLACEMENT_CONFIG_DIR: `${directory}/placement` };
  await Promise.all([
    wsgi("placement", "placement.wsgi:init_application()", placementConfig),
    wsgi("nova", "nova.api.openstack.compute.wsgi:init_application()", { OS_NOVA_CONFIG_DIR: `${directory}/nova` }),
    ...["conductor", "scheduler", "compute"].map((part) =>
      daemons.start(`nova-${part}`, nova(directory, part, "--log-file", `${directory}/nova-${part}.log`)),
    ),
    daemons.start("glance", python("glance.cmd.api", `${directory}/glance-api.conf`), ports.glance),
    daemons.start("neutron", python("neutron.cmd.eventlet.server", `${directory}/neutron.conf`), ports.neutron),
  ]);
  const resources = await seedResources(endpoints, admin, project);
  await hypervisor(endpoints);
  return { endpoints, project, ...resources };
}
