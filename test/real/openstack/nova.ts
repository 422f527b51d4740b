import { databaseUrl, type Layout, url } from "./layout.ts";
import { authFilters, client, common, tokens } from "./sections.ts";

export const placement = (layout: Layout) => `
[placement_database]
connection = ${databaseUrl(layout, "placement")}
${tokens(layout, "placement", "placement")}
`;

/** `host` of the compute service is in the database, and `instances` is what the tests exceed. */
export const nova = (layout: Layout) => `
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

export const novaPaste = `
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
${authFilters("nova", "nova.api.auth:NovaKeystoneContext", "nova.api.compute_req_id:ComputeReqIdMiddleware")}
`;
