import { databaseUrl, type Layout } from "./layout.ts";
import { authFilters, common, tokens } from "./sections.ts";

export const glance = (layout: Layout) => `
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

export const glancePaste = `
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
${authFilters("glance", "glance.api.middleware.context:ContextMiddleware")}
`;
