import { databaseUrl, type Layout } from "./layout.ts";
import { authFilters, client, common, tokens } from "./sections.ts";

export const neutron = (layout: Layout) => `
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

export const neutronPaste = `
[composite:neutron]
use = egg:Paste#urlmap
/v2.0: v20
[pipeline:v20]
pipeline = request_id authtoken context audit extensions app
[filter:extensions]
paste.filter_factory = neutron.api.extensions:plugin_aware_extension_middleware_factory
[app:app]
paste.app_factory = neutron.api.v2.router:APIRouter.factory
${authFilters("neutron", "neutron.auth:NeutronKeystoneContext")}
`;
