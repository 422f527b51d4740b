import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { withLock } from "../../../scripts/lock.mjs";

/** Outside the clone, so that a fresh one need not build what another has built. */
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "provider-guard");
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
/** What a loaded machine with two cores needs is a quarter of it. */
const timeoutSeconds = 280;

/** Their cloud-init is 22.4 and 25.1. */
const releases = ["bookworm", "trixie"];

// python3-cffi-backend: without it cloud-init's configuration fails in so small a root.
// iproute2: cloud-init looks at the network by it.
const packages = "ca-certificates,cloud-init,curl,iproute2,openssl,python3-cffi-backend";
/** What no boot reads, and most of the size. */
const unread = [
  "usr/share/doc",
  "usr/share/man",
  "usr/share/locale",
  "usr/share/info",
  "var/cache/apt",
  "var/lib/apt/lists",
];

/** Settings of a machine without hardware, and without what a small root has no tools for. */
const settings = `datasource_list: [NoCloud]
network: {config: disabled}
growpart: {mode: "off"}
resize_rootfs: false
locale: false
ssh_genkeytypes: []
`;

const works = (command, args) => spawnSync(command, args, { stdio: "ignore" }).status === 0;

/**
 * What is missing for booting cloud-init in a root of its own; nothing is built.
 *
 * @returns {string | undefined} One line.
 */
export function missingForCloudInit() {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "root on Linux";
  if (!works("debootstrap", ["--version"])) return "debootstrap";
  if (!existsSync(keyring)) return keyring;
  const mounts = "mount -t tmpfs none /mnt && mount -t sysfs none /sys";
  const unshared = ["--mount", "--pid", "--uts", "--ipc", "--net", "--fork", "sh", "-c", mounts];
  return works("unshare", unshared) ? undefined : "the right to unshare and mount";
}

/** The mirror of Debian that this machine's own apt uses. */
function mirror() {
  const format = "$(ORIGIN) $(LABEL) $(REPO_URI)";
  const listed = spawnSync("apt-get", ["indextargets", "--format", format, "Created-By: Packages"], {
    encoding: "utf8",
  });
  const found = /^Debian Debian (https?:\S+)$/m.exec(listed.stdout ?? "")?.[1];
  if (found === undefined) throw new Error("apt on this machine knows no mirror of Debian; has apt-get update run?");
  return found;
}

/** Namespaces of its own: when it is killed, its processes and mounts go along. */
function debootstrap(release, out) {
  const args = [
    "--variant=minbase",
    `--include=${packages}`,
    `--keyring=${keyring}`,
    "--force-check-gpg",
    release,
    out,
  ];
  const unshare = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private"];
  return new Promise((resolve, reject) => {
    const child = spawn(
      "timeout",
      ["-k", "5", `${timeoutSeconds}`, "unshare", ...unshare, "debootstrap", ...args, mirror()],
      {
        env: { PATH: process.env.PATH, LC_ALL: "C", ...proxies() },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk) => {
        said = (said + chunk).slice(-4000);
      });
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`debootstrap of ${release} ended with ${code}:\n${said}`));
    });
  });
}

const proxies = () =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(https?|no)_proxy$/i.test(name)));

async function make(release, out) {
  await debootstrap(release, out);
  for (const folder of unread) {
    rmSync(join(out, folder), { recursive: true, force: true });
    mkdirSync(join(out, folder), { recursive: true });
  }
  writeFileSync(join(out, "etc/cloud/cloud.cfg.d/99-test.cfg"), settings);
  mkdirSync(join(out, "host"));
}

/**
 * Gives the folder in the user's cache that holds a Debian with cloud-init, and makes it first where it
 * is not there. One that is interrupted leaves nothing that another would take for whole.
 *
 * @param {"bookworm" | "trixie"} release
 * @returns {Promise<string>}
 */
export async function buildCloudInitRoot(release) {
  const hash = createHash("sha256")
    .update(readFileSync(fileURLToPath(import.meta.url)))
    .update(release);
  const name = `cloud-init-${release}`;
  const out = join(cache, `${name}-${hash.digest("hex").slice(0, 16)}`);
  if (existsSync(out)) return out;
  const build = async () => {
    if (existsSync(out)) return out;
    const prefix = `unfinished-${name}-`;
    for (const left of readdirSync(cache).filter((entry) => entry.startsWith(prefix)))
      rmSync(join(cache, left), { recursive: true, force: true });
    const unfinished = mkdtempSync(join(cache, prefix));
    process.stderr.write(`Installing Debian ${release} with cloud-init: a minute, once ...\n`);
    try {
      await make(release, join(unfinished, "root"));
      renameSync(join(unfinished, "root"), out);
    } finally {
      rmSync(join(cache, basename(unfinished)), { recursive: true, force: true });
    }
    return out;
  };
  return withLock(name, build, cache);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const asked = process.argv.slice(2);
  for (const release of asked.length > 0 ? asked : releases) {
    if (!releases.includes(release)) throw new Error(`${release} is none of ${releases.join(", ")}`);
    console.log(await buildCloudInitRoot(release));
  }
}
