/** What listens on loopback. */
export const listeners = ["keystone", "placement", "nova", "glance", "neutron", "rabbit", "erlang", "epmd"] as const;

/** Where an OpenStack keeps everything, and on which ports it is. */
export interface Layout {
  readonly directory: string;
  readonly ports: Readonly<Record<(typeof listeners)[number], number>>;
}

/** Of the services' own users. */
export const servicePassword = "service-secret";
export const adminPassword = "admin-secret";

export const url = ({ ports }: Layout, service: keyof Layout["ports"]) => `http://127.0.0.1:${ports[service]}`;

export const databaseUrl = ({ directory }: Layout, name: string) =>
  `mysql+pymysql://os:os@localhost/${name}?charset=utf8&unix_socket=${directory}/mysql.sock`;
