import { generateKeyPairSync, randomBytes, randomInt } from "node:crypto";
import type { SecretKind } from "provider-guard/bootstrap";

const pick = (alphabet: string, length: number) =>
  Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join("");
const lower = "abcdefghijklmnopqrstuvwxyz0123456789";
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** At least one digit and one letter in it. */
function mixed(alphabet: string, length: number): string {
  for (;;) {
    const text = pick(alphabet, length);
    if (/\d/.test(text) && /[a-z]/.test(text)) return text;
  }
}

export const joinToken = () => `${mixed(lower, 6)}.${mixed(lower, 16)}`;

const ec = () => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
const base64 = (text: string | Buffer) => Buffer.from(text).toString("base64");
const crypt = () => `$6$${mixed(letters, 16)}$${mixed(letters, 86)}`;

/** A line of text with a secret in it, which must be found wherever the line stands. */
export const lines: Readonly<Record<string, { readonly kind: SecretKind; readonly make: () => string }>> = {
  "a join token": { kind: "kubeadm-token", make: () => `kubeadm join 10.0.0.1:6443 --token ${joinToken()}` },
  "a token in an array": { kind: "kubeadm-token", make: () => `["kubeadm","join","--token","${joinToken()}"]` },
  "a GitHub token": {
    kind: "access-token",
    make: () => `git clone https://x-access-token@github.com # ghp_${pick(letters, 36)}`,
  },
  "a fine-grained GitHub token": {
    kind: "access-token",
    make: () => `github_pat_${pick(letters, 22)}_${pick(letters, 59)}`,
  },
  "a GitLab token": { kind: "access-token", make: () => `glpat-${pick(letters, 20)}` },
  "a Slack token": { kind: "access-token", make: () => `xoxb-${pick("0123456789", 12)}-${pick(letters, 24)}` },
  "a Google key": { kind: "access-token", make: () => `AIza${pick(letters, 35)}` },
  "a Vault token": { kind: "access-token", make: () => `hvs.${pick(letters, 24)}` },
  "an AWS key pair": {
    kind: "access-token",
    make: () => `AKIA${pick("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)} ${mixed(letters, 40)}A`.slice(0, 61),
  },
  "a JWT": {
    kind: "access-token",
    make: () =>
      `${[`{"alg":"RS256","kid":"${pick(letters, 8)}"}`, `{"sub":"system:node:a","exp":1790000000}`]
        .map((part) => Buffer.from(part).toString("base64url"))
        .join(".")}.${randomBytes(64).toString("base64url")}`,
  },
  "a bearer": {
    kind: "access-token",
    make: () => `curl -H "Authorization: Bearer ${pick(letters, 32)}" https://boot.example.org`,
  },
  "a k3s token": {
    kind: "access-token",
    make: () => `K10${randomBytes(32).toString("hex")}::server:${randomBytes(16).toString("hex")}`,
  },
  "a variable": { kind: "password", make: () => `export DB_PASSWORD=${mixed(letters, 12)}` },
  "a pair of YAML": { kind: "password", make: () => `adminPassword: "${mixed(letters, 14)}"` },
  "a pair of JSON": { kind: "named-secret", make: () => `{"apiKey": "${mixed(letters, 20)}"}` },
  "an option": { kind: "named-secret", make: () => `/usr/bin/agent --cluster prod --token ${mixed(letters, 20)}` },
  "a certificate key": {
    kind: "named-secret",
    make: () => `kubeadm init --certificate-key ${mixed("0123456789abcdef", 64)}`,
  },
  "a URL with a password": {
    kind: "password",
    make: () => `https://agent:${mixed(letters, 10)}@registry.example.org/v2/`,
  },
  "a hash of a password": { kind: "password", make: () => `root:${crypt()}:19000:0:99999:7:::` },
  chpasswd: { kind: "password", make: () => `echo "ops:${mixed(letters, 9)}" | chpasswd` },
  "random base64": { kind: "high-entropy", make: () => randomBytes(48).toString("base64") },
  "a key in DER": { kind: "private-key", make: () => base64(ec().export({ format: "der", type: "pkcs8" })) },
  "a key in base64": { kind: "private-key", make: () => base64(ec().export({ format: "pem", type: "sec1" })) },
  "an age key": { kind: "private-key", make: () => `AGE-SECRET-KEY-1${pick("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)}` },
};

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
export const pemKey = rsa.export({ format: "pem", type: "pkcs1" }).toString();
const opensshKey = `-----BEGIN OPENSSH PRIVATE KEY-----\n${base64(Buffer.concat([Buffer.from("openssh-key-v1\0"), randomBytes(120)]))}\n-----END OPENSSH PRIVATE KEY-----\n`;
const indent = (text: string, by: number) => text.trimEnd().replace(/^/gm, " ".repeat(by));

/** Whole user data with a secret in it: where, and of which kind. */
export const documents: Readonly<
  Record<string, { readonly kind: SecretKind; readonly where: string; readonly make: () => string }>
> = {
  "a CA key of kubeadm": {
    kind: "private-key",
    where: "write_files[1].content, line 1",
    make: () => `## template: jinja
#cloud-config

write_files:
-   path: /etc/kubernetes/pki/ca.crt
    owner: root:root
    permissions: '0640'
    content: |
      -----BEGIN CERTIFICATE-----
      MIIBejCCAR+gAwIBAgIU
      -----END CERTIFICATE-----
-   path: /etc/kubernetes/pki/ca.key
    owner: root:root
    permissions: '0600'
    content: |
${indent(pemKey, 6)}
runcmd:
  - 'kubeadm init --config /run/kubeadm/kubeadm.yaml'
`,
  },
  "a secret file whose content is elsewhere": {
    kind: "secret-file",
    where: "write_files[0].path, line 3",
    make: () =>
      "#cloud-config\nwrite_files:\n- path: /etc/kubernetes/pki/etcd/ca.key\n  source: {uri: https://boot.example.org/a}\n",
  },
  "a secret file in one line": {
    kind: "secret-file",
    where: "write_files[0], line 3",
    make: () => '#cloud-config\nwrite_files:\n  - {path: /etc/kubernetes/admin.conf, content: ""}\n',
  },
  "a join configuration": {
    kind: "kubeadm-token",
    where: "write_files[0].content, discovery.bootstrapToken.token, line 6",
    make: () => `#cloud-config
write_files:
  - path: /run/kubeadm/kubeadm-join-config.yaml
    content: |
      ---
      apiVersion: kubeadm.k8s.io/v1beta4
      discovery:
        bootstrapToken:
          apiServerEndpoint: 10.0.0.1:6443
          token: ${joinToken()}
      kind: JoinConfiguration
`,
  },
  "a kubeconfig": {
    kind: "kubeconfig",
    where: "write_files[0].content, users[0].user.client-key-data, line 6",
    make: () => `#cloud-config
write_files:
  - path: /opt/acme/cluster.yaml
    content: |
      apiVersion: v1
      kind: Config
      users:
        - name: admin
          user:
            client-key-data: ${base64(pemKey)}
`,
  },
  "a kubeconfig with a token": {
    kind: "kubeconfig",
    where: "users[0].user.token, line 6",
    make: () =>
      `apiVersion: v1\nkind: Config\nusers:\n  - name: agent\n    user:\n      token: ${mixed(letters, 24)}\n`,
  },
  "a Kubernetes Secret": {
    kind: "kubernetes-secret",
    where: "write_files[0].content, stringData.*, line 5",
    make: () => `#cloud-config
write_files:
  - path: /etc/kubernetes/manifests/cloud.yaml
    content: |
      apiVersion: v1
      kind: Secret
      metadata: {name: cloud-config}
      stringData:
        cloud.conf: "anything"
`,
  },
  "an encryption configuration": {
    kind: "named-secret",
    where: "write_files[0].content, *[0].*[0].*.keys[0].secret, line 7",
    make: () => `#cloud-config
write_files:
  - path: /etc/kubernetes/encryption.yaml
    content: |
      kind: EncryptionConfiguration
      resources:
        - providers:
            - aescbc:
                keys:
                  - name: key1
                    secret: ${randomBytes(32).toString("base64")}
`,
  },
  "a user's password": {
    kind: "password",
    where: "users[1].plain_text_passwd, line 5",
    make: () => `#cloud-config\nusers:\n  - default\n  - name: ops\n    plain_text_passwd: ${mixed(letters, 8)}\n`,
  },
  "a user's hash": {
    kind: "password",
    where: "users[0].passwd, line 4",
    make: () => `#cloud-config\nusers:\n  - name: ops\n    passwd: ${crypt()}\n`,
  },
  "a list of chpasswd": {
    kind: "password",
    where: "chpasswd.list",
    make: () => "#cloud-config\nchpasswd:\n  expire: false\n  list: |\n    root:hunter2\n",
  },
  "users of chpasswd": {
    kind: "password",
    where: "chpasswd.list[0], line 4",
    make: () => "#cloud-config\nchpasswd:\n  list:\n    - ops:hunter2\n",
  },
  "a host key": {
    kind: "private-key",
    where: "ssh_keys.ed25519_private, line 1",
    make: () => `#cloud-config\nssh_keys:\n  ed25519_private: |\n${indent(opensshKey, 4)}\n`,
  },
  "a key in a quoted scalar": {
    kind: "private-key",
    where: "write_files[0].content, line 1",
    make: () => `#cloud-config\nwrite_files:\n  - path: /opt/acme/a\n    content: ${JSON.stringify(pemKey)}\n`,
  },
  "a key in a script": {
    kind: "private-key",
    where: "line 3",
    make: () => `#!/bin/sh\ncat > /opt/acme/a <<'EOF'\n${pemKey}EOF\n`,
  },
  "a PowerShell command": {
    kind: "named-secret",
    where: "line 2, base64",
    make: () =>
      `<powershell>\npowershell -EncodedCommand ${Buffer.from(`$token = "${mixed(letters, 20)}"`, "utf16le").toString("base64")}\n</powershell>\n`,
  },
  "a file of Ignition": {
    kind: "private-key",
    where: "storage.files[0].contents.source, base64, line 1",
    make: () =>
      JSON.stringify({
        ignition: { version: "3.4.0" },
        storage: { files: [{ path: "/opt/acme/a", contents: { source: `data:;base64,${base64(pemKey)}` } }] },
      }),
  },
  "an inline file of Ignition": {
    kind: "kubeadm-token",
    where: "storage.files[0].contents.source, data URL, line 2",
    make: () =>
      JSON.stringify({
        storage: {
          files: [
            {
              path: "/etc/kubeadm.sh",
              contents: { source: `data:,${encodeURIComponent(`#!/bin/sh\nkubeadm join --token ${joinToken()}\n`)}` },
            },
          ],
        },
      }),
  },
  "a unit of Ignition": {
    kind: "password",
    where: "systemd.units[0].contents, line 2",
    make: () =>
      JSON.stringify({
        systemd: {
          units: [{ name: "a.service", contents: `[Service]\nEnvironment=PASSWORD=${mixed(letters, 10)}\n` }],
        },
      }),
  },
  "a hash of Ignition": {
    kind: "password",
    where: "passwd.users[0].passwordHash",
    make: () => JSON.stringify({ passwd: { users: [{ name: "core", passwordHash: crypt() }] } }),
  },
  "a header of Ignition": {
    kind: "access-token",
    where: "storage.files[0].contents.httpHeaders[0].value",
    make: () =>
      JSON.stringify({
        storage: {
          files: [
            {
              path: "/opt/a",
              contents: {
                source: "https://a.example.org",
                httpHeaders: [{ name: "Authorization", value: `Bearer ${pick(letters, 32)}` }],
              },
            },
          ],
        },
      }),
  },
  "a part of a message": {
    kind: "kubeadm-token",
    where: "part 2, line 2",
    make: () =>
      `Content-Type: multipart/mixed; boundary="b"\nMIME-Version: 1.0\n\n--b\nContent-Type: text/cloud-config\n\n#cloud-config\npackages: [jq]\n--b\nContent-Type: text/x-shellscript\n\n#!/bin/sh\nkubeadm join --token ${joinToken()}\n--b--\n`,
  },
  "what stands behind a message": {
    kind: "kubeadm-token",
    where: "epilogue, line 1",
    make: () =>
      `Content-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: text/plain\n\nnothing\n--b--\n${joinToken()}\n`,
  },
};
