import type { Daemons } from "./daemons.ts";
import type { Layout } from "./layout.ts";

/** Starts a RabbitMQ, and the name server that Erlang wants beside it. */
export async function startQueue({ directory, ports }: Layout, daemons: Daemons): Promise<void> {
  await daemons.start("epmd", ["epmd", "-address", "127.0.0.1", "-port", String(ports.epmd)], ports.epmd);
  await daemons.start("rabbit", ["/usr/lib/rabbitmq/bin/rabbitmq-server"], ports.rabbit, {
    RUNNING_UNDER_SYSTEMD: "1", // its script then becomes the server, and does not watch over it
    ERL_EPMD_ADDRESS: "127.0.0.1",
    ERL_EPMD_PORT: String(ports.epmd),
    RABBITMQ_NODENAME: "os@localhost",
    RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
    RABBITMQ_NODE_PORT: String(ports.rabbit),
    RABBITMQ_DIST_PORT: String(ports.erlang),
    RABBITMQ_CONFIG_FILE: `${directory}/rabbitmq.conf`,
    RABBITMQ_CONF_ENV_FILE: "/dev/null",
    RABBITMQ_ENABLED_PLUGINS_FILE: `${directory}/enabled_plugins`,
    RABBITMQ_LOG_BASE: `${directory}/rabbit`,
    RABBITMQ_MNESIA_BASE: `${directory}/rabbit/mnesia`,
    RABBITMQ_PID_FILE: `${directory}/rabbit/pid`,
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
      "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none",
  });
}
