import { type Layout, servicePassword, url } from "./layout.ts";

/** How a service speaks to keystone, or to another service: as its own user. */
export const client = (layout: Layout, section: string, user: string) => `
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

export const tokens = (layout: Layout, user: string, type: string) => `${client(layout, "keystone_authtoken", user)}
www_authenticate_uri = ${url(layout, "keystone")}/v3
service_type = ${type}
service_token_roles = service
service_token_roles_required = true
token_cache_time = -1
`;

/** Goes on within `[DEFAULT]`. */
export const common = ({ directory, ports }: Layout, service: string) => `
log_file = ${directory}/${service}.trail
transport_url = rabbit://guest:guest@127.0.0.1:${ports.rabbit}/
[oslo_concurrency]
lock_path = ${directory}/locks
[oslo_messaging_notifications]
driver = log
`;

/** Filters of an API that lets in whom keystone knows, and tells of each request. */
export const authFilters = (service: string, context: string, requestId = "oslo_middleware:RequestId") => `
[filter:request_id]
paste.filter_factory = ${requestId}.factory
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
[filter:context]
paste.filter_factory = ${context}.factory
[filter:audit]
paste.filter_factory = keystonemiddleware.audit:filter_factory
audit_map_file = /etc/pycadf/${service}_api_audit_map.conf
`;
