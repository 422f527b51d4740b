import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { cp, mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cache, withLock } from "../../../scripts/lock.mjs";
import { configure } from "./config.ts";
import { type Daemons, daemonsIn, freePorts } from "./daemons.ts";
import { adminPassword, type Layout, listeners } from "./layout.ts";
import { nova, python } from "./programs.ts";

const names = ["keystone", "placement", "nova_api", "nova", "nova_cell0", "glance", "neutron"];
const asUs = process.getuid?.() === 0 ? ["--user=root"] : [];

/** Starts a MariaDB on a socket. */
export function startDatabase({ directory }: Layout, daemons: Daemons): Promise<void> {
  const socket = `${directory}/mysql.sock`;
  const server = [
    ...[
      "mariadbd",
      "--no-defaults",
      ...asUs,
      `--datadir=${directory}/mysql`,
      `--socket=${socket}`,
      "--skip-networking",
    ],
    ...[`--pid-file=${directory}/mysql.pid`, "--max-connections=1000", "--innodb-log-file-size=16M"],
    ...["--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0"],
    ...["--character-set-server=utf8mb3", "--collation-server=utf8mb3_general_ci"],
  ];
  return daemons.start("mariadb", server, socket);
}

/** Makes every service's tables in an empty folder, which takes a minute. */
async function migrate(layout: Layout, daemons: Daemons): Promise<void> {
  const { directory } = layout;
  await daemons.run("mariadb-install", [
    ...["mariadb-install-db", "--no-defaults", ...asUs, `--datadir=${directory}/mysql`, "--skip-test-db"],
    "--auth-root-authentication-method=normal",
  ]);
  await startDatabase(layout, daemons);
  const sql = async (statements: string) =>
    daemons.run("mariadb-client", [
      ...["mariadb", "--no-defaults", "-u", "root", `--socket=${directory}/mysql.sock`, "-e", statements],
    ]);
  await sql(names.map((name) => `CREATE DATABASE ${name};`).join(""));
  await sql("CREATE USER os@localhost IDENTIFIED BY 'os'; GRANT ALL ON *.* TO os@localhost;");

  // Cells have addresses in the database; templates are filled in from the configuration of the day.
  const server = "{scheme}://{username}:{password}@{hostname}";
  const cell0 = ["--database_connection", `${server}/nova_cell0?{query}`];
  const cell1 = ["--database_connection", `${server}/{path}?{query}`, "--transport-url", `${server}:{port}/{path}`];
  const manage = (...rest: string[]) => daemons.run("nova-setup", nova(directory, "manage", ...rest));
  const compute = async () => {
    await manage("api_db", "sync");
    await manage("cell_v2", "map_cell0", ...cell0);
    await manage("db", "sync");
    await manage("cell_v2", "create_cell", "--name", "cell1", ...cell1);
  };
  const identity = async () => {
    const keystone = python("keystone.cmd.manage", `${directory}/bootstrap.conf`);
    await daemons.run("keystone-setup", [...keystone, "db_sync"]);
    await daemons.run("keystone-setup", [...keystone, "bootstrap", "--bootstrap-password", adminPassword]);
  };
  const simple = (module: string, conf: string, ...rest: string[]) =>
    daemons.run(`${module}-setup`, python(module, `${directory}/${conf}`, ...rest));
  await Promise.all([
    identity(),
    compute(),
    simple("placement.cmd.manage", "placement/placement.conf", "db", "sync"),
    simple("glance.cmd.manage", "glance-api.conf", "db_sync"),
    simple("neutron.db.migration.cli", "neutron.conf", "upgrade", "heads"),
  ]);
  await sql("SHUTDOWN");
}

/**
 * Puts databases with every service's tables into a layout's folder. They are made once for these
 * packages and this file, and kept with what else can be made again.
 */
export async function provideDatabases({ directory }: Layout, version: string): Promise<void> {
  const made = readFileSync(fileURLToPath(import.meta.url));
  const key = createHash("sha256").update(version).update(made).digest("hex").slice(0, 16);
  const kept = join(cache, `openstack-${key}`);
  await withLock("openstack", async () => {
    if (existsSync(kept)) return;
    const own = await mkdtemp(join(tmpdir(), "openstack-"));
    const daemons = daemonsIn(own);
    try {
      const layout = { directory: own, ports: await freePorts(listeners) };
      await configure(layout);
      await migrate(layout, daemons);
      await daemons.stop("SIGTERM");
      await rm(`${kept}.new`, { recursive: true, force: true });
      await cp(join(own, "mysql"), `${kept}.new`, { recursive: true });
      await rename(`${kept}.new`, kept);
    } finally {
      await daemons.stop();
      await rm(own, { recursive: true, force: true });
    }
  });
  await cp(kept, join(directory, "mysql"), { recursive: true });
}
