import { spawnSync } from "node:child_process";
import { createPrivateKey, createPublicKey, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

/** Something secret in the data, and where on the disk the data itself puts it. */
export interface Secret {
  readonly text: string;
  readonly at: readonly string[];
}

export interface KubeadmData {
  readonly text: string;
  readonly secrets: readonly Secret[];
}

const indent = (text: string, by: number) => text.replace(/^(?=.)/gm, " ".repeat(by));
const token = () => `${randomBytes(3).toString("hex")}.${randomBytes(8).toString("hex")}`;
/** A word that no other file holds by chance; with a digit, or it could be anybody's name and would be no trace. */
const word = () => `${randomBytes(18).toString("base64").replace(/[+/]/g, "x")}7`;

/** As kubeadm makes its authorities: RSA of 2048 bits, for ten years. */
function authority(name: string): { certificate: string; privateKey: string } {
  const folder = mkdtempSync(join(tmpdir(), "authority-"));
  try {
    const [key, certificate] = [join(folder, "key"), join(folder, "certificate")];
    const request = [
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-days",
      "3650",
      "-subj",
      `/CN=${name.replace("/", "-")}`,
    ];
    const made = spawnSync("openssl", [...request, "-keyout", key, "-out", certificate], { encoding: "utf8" });
    if (made.status !== 0) throw new Error(`openssl req: ${made.stderr}`);
    // PKCS #1, as Go writes it.
    const privateKey = createPrivateKey(readFileSync(key)).export({ type: "pkcs1", format: "pem" }) as string;
    return { certificate: readFileSync(certificate, "utf8"), privateKey };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function file(path: string, content: string, permissions: string): string {
  return `-   path: ${path}\n    owner: root:root\n    permissions: '${permissions}'\n    content: |\n${indent(content, 6)}\n`;
}

/**
 * What Cluster API's kubeadm bootstrap controller generates for a first control plane: the keys of the four
 * authorities, and kubeadm's configuration. Its cloud-config is a template of jinja, as there.
 */
export function firstControlPlane(): KubeadmData {
  const authorities = ["ca", "etcd/ca", "front-proxy-ca", "sa"].map((name) => ({ name, ...authority(name) }));
  const joinToken = token();
  const files = authorities.map(({ name, certificate, privateKey }) => {
    const path = `/etc/kubernetes/pki/${name}`;
    const openly = name === "sa" ? createPublicKey(privateKey).export({ type: "spki", format: "pem" }) : certificate;
    return (
      file(`${path}.${name === "sa" ? "pub" : "crt"}`, openly as string, "0640") +
      file(`${path}.key`, privateKey, "0600")
    );
  });
  const configuration = `apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
bootstrapTokens:
- token: ${joinToken}
localAPIEndpoint: {}
nodeRegistration:
  name: '{{ ds.meta_data.local_hostname }}'
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
clusterName: prod
kubernetesVersion: v1.35.0
`;
  return {
    text: `## template: jinja
#cloud-config

write_files:
${files.join("")}${file("/run/kubeadm/kubeadm.yaml", configuration, "0640")}${file("/run/cluster-api/placeholder", "This placeholder file is used to create the /run/cluster-api sub directory.", "0640")}runcmd:
  - 'grep -q "name: .machine." /run/kubeadm/kubeadm.yaml && echo success > /run/cluster-api/bootstrap-success.complete'
`,
    secrets: [
      { text: joinToken, at: [] },
      ...authorities.map(({ name, privateKey }) => ({
        text: privateKey.split("\n")[5] as string,
        at: [`etc/kubernetes/pki/${name}.key`],
      })),
    ],
  };
}

const mime = (...parts: readonly string[]) => {
  const boundary = `part-of-${randomBytes(6).toString("hex")}`;
  const bodies = parts.map((part) => `--${boundary}\n${part}\n`).join("");
  return `Content-Type: multipart/mixed; boundary="${boundary}"\nMIME-Version: 1.0\n\n${bodies}--${boundary}--\n`;
};

const part = (type: string, name: string, text: string) =>
  `Content-Type: ${type}\nContent-Disposition: attachment; filename="${name}"\n\n${text}`;

/** The same in base64, and compressed before. */
const packedPart = (name: string, text: string) =>
  `Content-Type: application/gzip\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename="${name}"\n\n${gzipSync(text).toString("base64")}`;

/**
 * A first control plane's data among all else that cloud-init knows: scripts, a boothook, users, deferred files, ntp,
 * MIME in MIME, a compressed part, and a part handler of its own. Each holds a secret.
 */
export function everything(): KubeadmData {
  const kubeadm = firstControlPlane();
  const [inBootcmd, inRuncmd, inScript, inHook, inHandler, inPacked, inFile, inPerBoot] = Array.from(
    { length: 8 },
    word,
  );
  const count = (what: string) => `echo ${what} >>/var/lib/order`;
  const settings = `#cloud-config
merge_how: [{name: list, settings: [append]}, {name: dict, settings: [no_replace, recurse_list]}]
users:
- name: ops
  groups: [adm]
  shell: /bin/sh
  sudo: ALL=(ALL) NOPASSWD:ALL
  ssh_authorized_keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGm5Yw1Zb1Zp3T0VsXq8c1n0yqHq3hJz0y1s6x2z7y8w ops]
bootcmd:
- ${count("bootcmd")}
- 'echo ${inBootcmd} | sha256sum >/var/lib/of-bootcmd'
ntp:
  enabled: true
  ntp_client: chrony
  servers: [192.0.2.1]
  config: {confpath: /etc/ntp-test.conf, check_exe: /bin/sh, packages: [], service_name: none, template: "{% for s in servers %}server {{ s }}\\n{% endfor %}"}
write_files:
- {path: /etc/acme/owned, owner: "nobody:nogroup", permissions: "0604", content: ${inFile}}
- {path: /srv/ops/deferred, owner: "ops:ops", permissions: "0600", defer: true, content: ${inFile}}
- {path: /etc/acme/packed, encoding: gz+b64, content: ${gzipSync("packed").toString("base64")}}
runcmd:
- [sh, -c, '${count("runcmd")}; echo ${inRuncmd} | sha256sum >/var/lib/of-runcmd']
- ls -l /srv/ops/deferred | cut -d" " -f1-4 >/var/lib/saw-deferred
- ${count("runcmd-end")}
`;
  const handler = `handler_version = 2
def list_types(): return ["text/x-acme"]
def handle_part(data, ctype, filename, payload, frequency):
    if ctype == "text/x-acme":
        open("/var/lib/of-handler", "w").write(str(len("${inHandler}" + payload)))
`;
  const script = (what: string, secret: string | undefined) =>
    `#!/bin/sh\n${count(`${what}-\${0##*/}`)}\necho ${secret} | sha256sum >/var/lib/of-${what}\n`;
  const text = mime(
    part("text/cloud-boothook", "hook", `#cloud-boothook\n${script("boothook", inHook)}`),
    part("text/part-handler", "acme.py", handler),
    part("text/x-acme", "acme", "payload"),
    part("text/jinja2", "kubeadm", kubeadm.text),
    mime(
      part("text/cloud-config", "settings", settings),
      part("text/x-shellscript", "20-script", script("script", inScript)),
      packedPart("10-packed", script("packed", inPacked)),
    ),
    part("text/x-shellscript-per-boot", "each", script("per-boot", inPerBoot)),
  );
  const nowhere = [inBootcmd, inRuncmd, inScript, inHook, inHandler, inPacked];
  return {
    text,
    secrets: [
      ...kubeadm.secrets,
      ...nowhere.map((secret) => ({ text: secret as string, at: [] })),
      { text: inFile as string, at: ["etc/acme/owned", "srv/ops/deferred"] },
      { text: inPerBoot as string, at: ["var/lib/cloud/scripts/per-boot/each"] },
    ],
  };
}
