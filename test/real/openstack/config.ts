import { randomBytes } from "node:crypto";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What listens on loopback. */
export const listeners = ["keystone", "placement", "nova", "glance", "neutron", "rabbit", "erlang", "epmd"] as const;

/** Where an OpenStack keeps everything, and on which ports it is. */
export interface Layout {
  readonly directory: string;
  readonly ports: Readonly<Record<(typeof listeners)[number], number>>;
}

/** Of the services' own users, and of the database's. */
export const servicePassword = "service-secret";
export const adminPassword = "admin-secret";

const url = ({ ports }: Layout, service: keyof Layout["ports"]) => `http://127.0.0.1:${ports[service]}`;

const databaseUrl = ({ directory }: Layout, name: string) =>
  `mysql+pymysql://os:os@localhost/${name}?charset=utf8&unix_socket=${directory}/mysql.sock`;

/** How a service speaks to keystone, or to another service: as its own user. */
const client = (layout: Layout, section: string, user: string) => `
[${section}]
auth_url = ${url(layout, "keystone")}/v3
auth_type = password
username = ${user}
password = ${servicePassword}
project_name = service
user_domain_id = default
project_domain_id = default
region_name = RegionOne
`;

const tokens = (layout: Layout, user: string, type: string) => `${client(layout, "keystone_authtoken", user)}
www_authenticate_uri = ${url(layout, "keystone")}/v3
service_type = ${type}
service_token_roles = service
service_token_roles_required = true
token_cache_time = -1
`;

/** Goes on within `[DEFAULT]`. */
const common = ({ directory, ports }: Layout, service: string) => `
log_file = ${directory}/${service}.trail
transport_url = rabbit://guest:guest@127.0.0.1:${ports.rabbit}/
[oslo_concurrency]
lock_path = ${directory}/locks
[oslo_messaging_notifications]
driver = log
`;

const authFilters = (service: string, context: string) => `
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
[filter:context]
paste.filter_factory = ${context}
[filter:request_id]
paste.filter_factory = oslo_middleware:RequestId.factory
[filter:audit]
paste.filter_factory = keystonemiddleware.audit:filter_factory
audit_map_file = /etc/pycadf/${service}_api_audit_map.conf
`;

const keystone = (layout: Layout, catalog: string) => `
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
const fromTemplate = ({ directory }: Layout) => `[catalog]
driver = templated
template_file = ${directory}/catalog`;

function catalog(layout: Layout): string {
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

const placement = (layout: Layout) => `
[placement_database]
connection = ${databaseUrl(layout, "placement")}
${tokens(layout, "placement", "placement")}
`;

/** `host` of the compute service is in the database, and `instances` is what the tests exceed. */
const nova = (layout: Layout) => `
[DEFAULT]
host = compute1
my_ip = 127.0.0.1
report_interval = 2
compute_driver = fake.FakeDriver
state_path = ${layout.directory}/nova
${common(layout, "nova")}
[api_database]
connection = ${databaseUrl(layout, "nova_api")}
[database]
connection = ${databaseUrl(layout, "nova")}
[conductor]
workers = 1
[scheduler]
workers = 1
discover_hosts_in_cells_interval = 2
[quota]
instances = 3
[glance]
api_servers = ${url(layout, "glance")}
[vnc]
enabled = false
${client(layout, "service_user", "nova")}
send_service_user_token = true
${client(layout, "placement", "placement")}
${client(layout, "neutron", "neutron")}
${tokens(layout, "nova", "compute")}
`;

const novaPaste = `
[composite:osapi_compute]
use = call:nova.api.openstack.urlmap:urlmap_factory
/v2.1: v21
[pipeline:v21]
pipeline = request_id faultwrap request_log authtoken context audit app
[app:app]
paste.app_factory = nova.api.openstack.compute:APIRouterV21.factory
[filter:faultwrap]
paste.filter_factory = nova.api.openstack:FaultWrapper.factory
[filter:request_log]
paste.filter_factory = nova.api.openstack.requestlog:RequestLog.factory
${authFilters("nova", "nova.api.auth:NovaKeystoneContext.factory").replace(
  "oslo_middleware:RequestId",
  "nova.api.compute_req_id:ComputeReqIdMiddleware",
)}
`;

const glance = (layout: Layout) => `
[DEFAULT]
bind_host = 127.0.0.1
bind_port = ${layout.ports.glance}
workers = 0
node_staging_uri = file://${layout.directory}/staging
${common(layout, "glance")}
[database]
connection = ${databaseUrl(layout, "glance")}
[glance_store]
stores = file
default_store = file
filesystem_store_datadir = ${layout.directory}/images
[paste_deploy]
flavor = keystone
config_file = ${layout.directory}/glance-api-paste.ini
${tokens(layout, "glance", "image")}
`;

const glancePaste = `
[pipeline:glance-api-keystone]
pipeline = authtoken context audit root
[composite:root]
paste.composite_factory = glance.api:root_app_factory
/: versions
/v2: v2
[app:versions]
paste.app_factory = glance.api.versions:create_resource
[app:v2]
paste.app_factory = glance.api.v2.router:API.factory
${authFilters("glance", "glance.api.middleware.context:ContextMiddleware.factory")}
`;

const neutron = (layout: Layout) => `
[DEFAULT]
bind_host = 127.0.0.1
bind_port = ${layout.ports.neutron}
core_plugin = ml2
service_plugins =
api_paste_config = ${layout.directory}/neutron-api-paste.ini
state_path = ${layout.directory}/neutron
api_workers = 0
rpc_workers = 0
rpc_state_report_workers = 0
dhcp_agent_notification = false
notify_nova_on_port_status_changes = false
notify_nova_on_port_data_changes = false
${common(layout, "neutron")}
[database]
connection = ${databaseUrl(layout, "neutron")}
[ml2]
type_drivers = local
tenant_network_types = local
mechanism_drivers = bind_anything
${client(layout, "placement", "placement")}
${client(layout, "nova", "nova")}
${tokens(layout, "neutron", "network")}
`;

const neutronPaste = `
[composite:neutron]
use = egg:Paste#urlmap
/v2.0: v20
[pipeline:v20]
pipeline = request_id authtoken context audit extensions app
[filter:extensions]
paste.filter_factory = neutron.api.extensions:plugin_aware_extension_middleware_factory
[app:app]
paste.app_factory = neutron.api.v2.router:APIRouter.factory
${authFilters("neutron", "neutron.auth:NeutronKeystoneContext.factory")}
`;

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
